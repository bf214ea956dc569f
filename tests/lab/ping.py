"""Pings through the router ten times a second until standard input ends (RFC 792).

    ping.py ADDRESS     prints `sent N lost M` at the end
"""

import os
import select
import socket
import struct
import sys
import time

from packets import checksum

end = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
end.settimeout(1)
end.connect((sys.argv[1], 0))
sent = lost = 0
while not select.select([sys.stdin], [], [], 0.1)[0]:
    sent += 1
    body = struct.pack("!HH", os.getpid() & 0xFFFF, sent & 0xFFFF) + b"poortwacht"
    end.send(struct.pack("!BBH", 8, 0, checksum(b"\x08\0\0\0" + body)) + body)
    until = time.monotonic() + 1
    while time.monotonic() < until:
        try:
            answer = end.recv(2048)
        except TimeoutError:
            continue
        if answer[20] == 0 and answer[24:28] == body[:4]:
            break
    else:
        lost += 1
print(f"sent {sent} lost {lost}", flush=True)
