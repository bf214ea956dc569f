"""A client that never stops asking: each name once, by DNS or in a TLS hello.

    load.py dns|tls COUNT     prints each name when the other side has answered

A name printed is a name that crossed the gateway: the test compares it with the hit log.
"""

import socket
import ssl
import sys

import packets
from netns import DNS4, VENDOR4


def dns(name, number):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.settimeout(3)
        end.sendto(packets.query(name, ident=number & 0xFFFF), (DNS4, 53))
        return end.recv(4096)


def tls(name, context):
    with socket.create_connection((VENDOR4, 443), timeout=3) as raw:
        with context.wrap_socket(raw, server_hostname=name):
            return True


def main(kind, count):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for number in range(int(count)):
        name = f"{kind}-{number}.clearview.ai"
        if dns(name, number) if kind == "dns" else tls(name, context):
            print(name, flush=True)


main(*sys.argv[1:])
