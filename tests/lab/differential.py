#!/usr/bin/env python3
"""Names by poortwacht against names by tshark, over folders of captures.

    tests/lab/differential.py [--program FILE] [--cache DIR] [--jobs N] [--seconds N] PATH...

Enters: files and folders; what is no capture by its first bytes is left out. Leaves on standard
output: each difference, in both directions, with the frame and the layers tshark saw there; each
file that ended badly or slowly; totals by kind. Distinct names are counted per file. Exit code 1
when the program crashed, hung or ended with a code that it does not document, else 0: a
difference is for a person to judge, tshark has gaps of its own.

What tshark sees but a monitor without keys cannot, or must not count, is left out on its side: DNS
inside TLS, QUIC or HTTP (a capture may carry its own keys), mDNS, LLMNR, NetBIOS, what an ICMP
error quotes. Never: writes into the folders it reads.
"""

import argparse
import concurrent.futures
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import time

from truth import certificates, normal

# Kinds of which tshark is asked for each name; of the others only whether a name is on the wire.
KINDS = ["dns-query", "dns-cname", "dns-svcb", "tls-sni", "quic-sni", "http-host", "http2-authority"]
OTHERS = ["dtls-sni", "tls-cert", "socks-connect", "smtp-domain", "dns-join"]
DNS_FIELDS = {"dns.qry.name": "dns-query", "dns.cname": "dns-cname", "dns.svcb.targetname": "dns-svcb"}
SNI = "tls.handshake.extensions_server_name"
# CONNECT targets stand in http.host too; in both programs they count as the host of a request.
WEB_FIELDS = {"http.host": "http-host", "http2.headers.authority": "http2-authority", "gquic.tag.sni": "quic-sni"}
FIELDS = ["frame.number", "frame.protocols", "udp.port", "tcp.port", *DNS_FIELDS, SNI, *WEB_FIELDS]
SEPARATOR = "\x1f"
LOCAL_PORTS = {"5353", "5355", "137"}
HIDDEN = {"tls", "quic", "gquic", "http", "http2", "http3", "dtls"}
MAGIC = {bytes.fromhex(m) for m in ("a1b2c3d4", "d4c3b2a1", "a1b23c4d", "4d3cb2a1", "0a0d0d0a")}
# Layers that put a name beyond the plain way: Ethernet, VLAN, cooked, raw or loopback, then IP.
WAYS = {"ppp", "pppoes", "mpls", "gre", "vxlan", "geneve", "gtp", "radiotap", "wlan", "l2tp", "teredo",
        "erspan", "capwap", "cmd", "smtp", "imap", "pop", "ftp", "xmpp", "ldap", "pgsql", "mysql",
        "socks", "http", "tpkt", "eap", "gquic", "dtls", "fr", "atm", "juniper", "pktap", "sctp",
        "openvpn", "llc", "ipcp", "esp", "udpencap", "macsec", "wg", "usb", "sip", "diameter"}
DOCUMENTED_EXITS = range(0, 10)


def comparable(name):
    """Both programs' ways to write odd bytes made one: tshark replaces what is not ASCII, writes
    control characters its own way and dots inside a label as they are. Each run of such bytes
    becomes one question mark; a dot inside a label is not told from a border here."""
    name = re.sub(r"\\\.", ".", name).rstrip(".")
    return re.sub(r"(\\\d{3}|\\[a-z\\\"']?|[^!-~])+", "?", name)


def host_alone(text):
    """The host of an authority, without its port; nothing when it is an address."""
    host = text.rsplit("@", 1)[-1].strip()
    if host.startswith("["):
        return ""
    host = host.rsplit(":", 1)[0] if host.count(":") == 1 else host
    return "" if re.fullmatch(r"[0-9.]+|.*:.*", host) else host


def first_two(path):
    with open(path, "rb") as file:
        return file.read(2)


def first_bytes(path):
    with open(path, "rb") as file:
        head = file.read(4)
    if head[:2] == b"\x1f\x8b":
        try:
            with gzip.open(path) as file:
                head = file.read(4)
        except (OSError, EOFError):
            return b""
    if head == b"\x28\xb5\x2f\xfd":
        return b"\xa1\xb2\xc3\xd4" if ".pcap" in path else b""
    return head


def captures(paths):
    for path in paths:
        if os.path.isfile(path):
            yield path
        for folder, _, files in sorted(os.walk(path)):
            for name in sorted(files):
                file = os.path.join(folder, name)
                if os.path.isfile(file) and first_bytes(file) in MAGIC:
                    yield file


def theirs(path, cache, passes=("-2",)):
    """`{(kind, name): [frame, layers]}`, and what tshark complained of."""
    with open(path, "rb") as file:
        key = hashlib.sha256(file.read() + repr(FIELDS).encode()).hexdigest() + "".join(passes)
    kept = cache and os.path.join(cache, key)
    if kept and os.path.exists(kept):
        with open(kept) as file:
            rows, complaint = json.load(file)
    else:
        command = ["tshark", "-n", "-r", path, *passes, "-T", "fields", "-E", f"aggregator={SEPARATOR}"]
        for field in FIELDS:
            command += ["-e", field]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="surrogateescape")
        complaint = [line for line in done.stderr.splitlines() if "root" not in line]
        rows = [line.split("\t") for line in done.stdout.split("\n")]
        rows = [row for row in rows if len(row) == len(FIELDS) and any(row[4:])]
        if kept:
            with open(kept, "w") as file:
                json.dump([rows, complaint], file)
    found = {}
    for row in rows:
        row = dict(zip(FIELDS, row))
        layers = row["frame.protocols"].split(SEPARATOR)[0].split(":")
        if "icmp" in layers or "icmpv6" in layers:
            continue
        where = [int(row["frame.number"]), ":".join(layers)]
        ports = set((row["udp.port"] + SEPARATOR + row["tcp.port"]).split(SEPARATOR))
        if not HIDDEN & set(layers) and not LOCAL_PORTS & ports:
            for field, kind in DNS_FIELDS.items():
                for name in row[field].split(SEPARATOR):
                    found.setdefault((kind, comparable(normal(name))), where)
        carriers = {"quic": "quic-sni", "gquic": "quic-sni", "dtls": "dtls-sni"}
        kind = next((carriers[layer] for layer in layers if layer in carriers), "tls-sni")
        for name in row[SNI].split(SEPARATOR):
            found.setdefault((kind, comparable(normal(name))), where)
        if not HIDDEN - {"http", "http2", "gquic"} & set(layers) and "ssdp" not in layers:
            for field, kind in WEB_FIELDS.items():
                for name in row[field].split(SEPARATOR):
                    if field != "gquic.tag.sni":
                        name = host_alone(name)
                    found.setdefault((kind, comparable(normal(name))), where)
    return {pair: where for pair, where in found.items() if pair[1]}, complaint


def ours(program, path, seconds):
    """The same of the program, its exit code (None: it hung) and its words."""
    found, began = {}, time.monotonic()
    try:
        done = subprocess.run([program, "read", "--names", "--quiet", path], capture_output=True,
                              text=True, errors="surrogateescape", timeout=seconds)
    except subprocess.TimeoutExpired:
        return found, None, "", time.monotonic() - began
    took = time.monotonic() - began
    for line in done.stdout.splitlines()[1:]:
        frame, _, source, destination, seen, name = line.split("\t")
        seen = {"http-connect": "http-host"}.get(seen, seen)
        found.setdefault((seen, comparable(name)), [int(frame), f"{source} > {destination}"])
    return found, done.returncode, done.stderr.strip(), took


def way(layers):
    """What lies between the link and the name that is not plain, or an empty text."""
    layers = layers.split(":")
    odd = [layer for layer in layers if layer in WAYS]
    if sum(layer in ("ip", "ipv6") for layer in layers) > 1:
        odd.append("ip-in-ip")
    return "+".join(dict.fromkeys(odd))


def vouched(path, kinds):
    """Names of the kinds that are told only when nothing better is there, or that tshark has in
    other fields: it can say whether they are on the wire, not whether they should be told."""
    found = set()
    if "tls-cert" in kinds:
        for names in certificates(path):
            found |= {("tls-cert", comparable(normal(name))) for name in names}
    fields = {"dtls-sni": "dtls.handshake.extensions_server_name", "socks-connect": "socks.remote_name", "smtp-domain": "smtp.req.parameter"}
    for kind, field in fields.items():
        if kind not in kinds:
            continue
        done = subprocess.run(["tshark", "-n", "-r", path, "-Y", field, "-T", "fields", "-e", field, "-E",
                               f"aggregator={SEPARATOR}"], capture_output=True, text=True, errors="surrogateescape")
        for text in re.split(r"[\n%s]" % SEPARATOR, done.stdout):
            text = re.sub(r".*@([^>\s]+).*", r"\1", text) if kind == "smtp-domain" else text
            found.add((kind, comparable(normal(text.strip()))))
    return found


def stands_in(path, name):
    """Does the file have these bytes in a row, as text or as DNS labels?"""
    opening = gzip.open if first_two(path) == b"\x1f\x8b" else open
    with opening(path, "rb") as file:
        held = file.read().lower()
    text = name.encode("latin-1", "replace")
    labels = b"".join(bytes([len(label)]) + label for label in text.split(b".") if len(label) < 64)
    return text in held or labels in held


def examine(job):
    program, path, cache, seconds = job
    their, complaint = theirs(path, cache)
    our, code, words, took = ours(program, path, seconds)
    others = {pair for pair in our if pair[0] not in KINDS}
    if others:
        known = vouched(path, {kind for kind, _ in others})
        known |= {("dns-join", name) for kind, name in their if kind.startswith("dns-")}
        their |= {pair: our[pair] for pair in others & known}
    if our.keys() - their.keys():
        # With its second pass tshark 4.0 loses a few names that it has in one.
        their = theirs(path, cache, ())[0] | their
    return path, their, our, complaint, code, words, took


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="target/release/poortwacht")
    parser.add_argument("--cache", help="folder in which tshark's answers are kept")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60, help="longer than this is a hang")
    parser.add_argument("paths", nargs="+")
    args = parser.parse_args()
    if args.cache:
        os.makedirs(args.cache, exist_ok=True)
    files = list(captures(args.paths))
    base = os.path.commonpath(args.paths) if len(args.paths) > 1 else args.paths[0]
    count = {kind: [0, 0, 0] for kind in [*KINDS, *OTHERS]}
    ways, failed, told = {}, 0, 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        jobs = [(args.program, file, args.cache, args.seconds) for file in files]
        for path, their, our, complaint, code, words, took in pool.map(examine, jobs):
            short = os.path.relpath(path, base)
            for kind, name in sorted(their.keys() | our.keys()):
                pair = (kind, name)
                total = count[kind]
                total[0] += pair in their
                total[1] += pair in our
                total[2] += pair in their and pair in our
                if pair in their and pair in our:
                    continue
                extra = "extra, in the bytes" if pair not in their and stands_in(path, name) else "invented?"
                what = "missing" if pair in their else extra
                frame, where = their.get(pair) or our[pair]
                cause = way(where) if pair in their else ""
                if pair in their:
                    ways[kind, cause] = ways.get((kind, cause), 0) + 1
                print(what, short, frame, kind, name, cause or "plain", where, sep="\t")
            if code != 0:
                bad = code not in DOCUMENTED_EXITS
                failed += bad
                told += not bad
                print("crashed" if bad else f"exit {code}", short, " / ".join(words.splitlines()),
                      " / ".join(complaint), sep="\t")
            elif complaint:
                print("only tshark complains", short, " / ".join(complaint), sep="\t")
            if took > 2:
                print("slow", short, f"{took:.1f} s", os.path.getsize(path), sep="\t")
    print(f"\n{len(files)} captures; {told} ended with a message and a documented exit code; {failed} crashed or hung\n")
    print("| kind | tshark | poortwacht | common | missing | extra | share |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for kind, (their, our, common) in count.items():
        share = f"{100 * common / their:.2f} %" if their else "-"
        print(f"| {kind} | {their} | {our} | {common} | {their - common} | {our - common} | {share} |")
    print("\n| missing | behind | names |\n| --- | --- | --- |")
    for (kind, cause), number in sorted(ways.items()):
        print(f"| {kind} | {cause or 'plain'} | {number} |")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
