#!/usr/bin/env python3
"""What a frame costs the sensor behind each kernel filter: a bulk-heavy mix over a veth pair.

    python3 tests/lab/bulk_mix.py PATH_OF_LIVE [ROUNDS] [GENERATIONS]

PATH_OF_LIVE is the program `live` of benches/plane. Enters: root. Leaves: one line for each kind of
filter and round, then the medians. The mix: generations of 100 TLS connections (SYN, SYN-ACK, ACK, a
ClientHello, then 500 segments of 1,448 bytes of the server's, with an ACK of the client's behind every
second one), and a DNS query before each connection. The hellos of a generation are sent before the bulk
of the one before, so that verdicts come neither at once nor too late. Never: leaves its namespaces
behind; sends anything outside them.
"""

import os
import re
import resource
import socket
import statistics
import struct
import subprocess
import sys
import time

FLOWS, SEGMENTS = 100, 500
ETHER = bytes.fromhex("020000000001020000000002")
SERVER = socket.inet_aton("198.51.100.80")


def ip4(src, dst, protocol, rest):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(rest), 0, 0x4000, 64, protocol, 0, src, dst)
    return ETHER + b"\x08\x00" + head + rest


def tcp(src, dst, sport, dport, seq, ack, flags, payload=b""):
    head = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x50, flags, 65535, 0, 0)
    return ip4(src, dst, 6, head + payload)


def hello(name):
    sni = struct.pack("!BH", 0, len(name)) + name
    sni = struct.pack("!H", len(sni)) + sni
    extensions = struct.pack("!HH", 0, len(sni)) + sni + struct.pack("!HH", 21, 300) + bytes(300)
    body = b"\x03\x03" + bytes(32) + b"\0" + b"\0\x02\x13\x01" + b"\x01\0"
    body += struct.pack("!H", len(extensions)) + extensions
    message = b"\x01" + struct.pack("!I", len(body))[1:] + body
    return b"\x16\x03\x01" + struct.pack("!H", len(message)) + message


def query(client, number, name):
    labels = b"".join(bytes([len(part)]) + part for part in name.split(b"."))
    message = struct.pack("!HHHHHH", number & 0xFFFF, 0x100, 1, 0, 0, 0) + labels + b"\0\0\x01\0\x01"
    head = struct.pack("!HHHH", 20000 + number % 40000, 53, 8 + len(message), 0)
    return ip4(client, socket.inet_aton("198.51.100.53"), 17, head + message)


def generation(nth):
    """Opening frames, bulk frames."""
    opening, flows = [], []
    for flow in range(FLOWS):
        client = bytes([10, 1 + nth // 200, nth % 200, flow])
        name = b"www%d.example.com" % (nth * FLOWS + flow)
        port, first, theirs = 30000 + flow, 1000, 5000
        said = hello(name)
        opening.append(query(client, nth * FLOWS + flow, name))
        opening.append(tcp(client, SERVER, port, 443, first, 0, 2))
        opening.append(tcp(SERVER, client, 443, port, theirs, first + 1, 0x12))
        opening.append(tcp(client, SERVER, port, 443, first + 1, theirs + 1, 0x10))
        opening.append(tcp(client, SERVER, port, 443, first + 1, theirs + 1, 0x18, said))
        mine = first + 1 + len(said)
        frames, at, data = [], theirs + 1, b"\x17\x03\x03" + bytes(1445)
        for segment in range(SEGMENTS):
            frames.append(tcp(SERVER, client, 443, port, at, mine, 0x10, data))
            at += len(data)
            if segment % 2:
                frames.append(tcp(client, SERVER, port, 443, mine, at, 0x10))
        flows.append(frames)
    return opening, [frame for row in zip(*flows) for frame in row]


def send(count):
    """In the sender's namespace: the whole mix; frames, bytes, seconds of processor."""
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    port.bind(("far0", 0))
    frames = size = 0
    spent = 0.0
    following = generation(0)[0]
    for nth in range(count):
        opening, bulk = following, generation(nth)[1]
        following = generation(nth + 1)[0]
        batch = (opening if nth == 0 else []) + following + bulk
        time.sleep(0.05)
        before = resource.getrusage(resource.RUSAGE_SELF)
        for frame in batch:
            port.send(frame)
        after = resource.getrusage(resource.RUSAGE_SELF)
        spent += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        frames += len(batch)
        size += sum(map(len, batch))
    print(frames, size, f"{spent:.3f}")


def run(live, kind, count):
    stem = f"pwmix{os.getpid()}"
    near, far = f"{stem}n", f"{stem}f"
    quiet = {"check": True, "stdout": subprocess.DEVNULL}
    for space in (near, far):
        subprocess.run(["ip", "netns", "add", space], **quiet)
    try:
        subprocess.run(["ip", "-n", near, "link", "add", "cap0", "type", "veth", "peer", "name", "far0",
                        "netns", far], **quiet)
        for space, port in ((near, "cap0"), (far, "far0")):
            subprocess.run(["ip", "netns", "exec", space, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"], **quiet)
            subprocess.run(["ip", "-n", space, "link", "set", port, "up"], **quiet)
        enter = ["ip", "netns", "exec"]
        seconds = str(4 + 2 * count)
        exclude = [] if kind == "none" else ["203.0.113.0/24"]
        watcher = subprocess.Popen([*enter, near, live, "cap0", kind, seconds, *exclude], stdout=subprocess.PIPE, text=True)
        assert watcher.stdout.readline() == "ready\n"
        sender = subprocess.run([*enter, far, sys.executable, __file__, "--send", str(count)], check=True,
                                stdout=subprocess.PIPE, text=True)
        said = watcher.communicate()[0]
    finally:
        for space in (near, far):
            subprocess.run(["ip", "netns", "del", space], check=False)
    sent, size, spent = sender.stdout.split()
    told = dict(re.findall(r"(\w+)=(\S+)", said))
    names, lost = int(told["names"]), int(told["lost"])
    wanted = 2 * FLOWS * (count + 1)
    assert names == wanted or lost > 0, f"{names} names of {wanted}: {said}"
    per = 1e6 / int(sent)
    return {"kind": kind, "sent": int(sent), "came": int(told["frames"]), "bytes": int(size),
            "bytes_came": int(told["bytes"]), "lost": lost, "names": names,
            "sensor_s_per_million": float(told["seconds"]) * per, "sender_s_per_million": float(spent) * per}


def main():
    if sys.argv[1:2] == ["--send"]:
        return send(int(sys.argv[2]))
    live, rounds, count = sys.argv[1], int((sys.argv[2:] or ["3"])[0]), int((sys.argv[3:] or ["6"])[0])
    kinds = ["none", "classic", "ebpf", "xdp"]
    results = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in kinds:
            result = run(live, kind, count)
            print(result, flush=True)
            results[kind].append(result)
    base = statistics.median(r["sensor_s_per_million"] for r in results["none"])
    for kind in kinds:
        sensor = statistics.median(r["sensor_s_per_million"] for r in results[kind])
        sender = statistics.median(r["sender_s_per_million"] for r in results[kind])
        came = statistics.median(r["bytes_came"] / r["bytes"] for r in results[kind])
        print(f"{kind}: sensor {sensor:.3f} s per million frames sent ({sensor / base:.2f} of none), sender "
              f"{sender:.3f} s, {100 * came:.2f} % of the bytes came")
    return None


if __name__ == "__main__":
    main()
