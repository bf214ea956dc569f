#!/usr/bin/env python3
"""Names by ndpiReader (Debian: libndpi-bin) against names by poortwacht, over folders of captures.

    tests/lab/against_ndpi.py [--program FILE] PATH...

Enters: files and folders. Leaves on standard output: each name that ndpiReader gives to a flow of
DNS, TLS, DTLS, QUIC or HTTP and poortwacht does not read in that file in any way; totals by
protocol. ndpiReader tells one name a flow and cuts long ones; what it finds less is not counted
here. Exit code 0: a difference is for a person to judge.
"""

import argparse
import collections
import concurrent.futures
import os
import re
import subprocess

from differential import captures, comparable, host_alone, ours
from truth import normal

FLOW = re.compile(r"\[proto: [0-9./]+/([^\]]+)\]")
NAME = re.compile(r"\[Hostname/SNI: ([^\]]*)\]")
PROTOCOLS = ["DNS", "TLS", "DTLS", "QUIC", "HTTP"]
# ndpiReader 4.2 keeps so many bytes of a name.
CUT = 79


def theirs(path):
    """`{(protocol, name)}`."""
    done = subprocess.run(["ndpiReader", "-i", path, "-v", "2"], capture_output=True, text=True,
                          errors="surrogateescape", timeout=300)
    found = set()
    for line in done.stdout.splitlines():
        flow, name = FLOW.search(line), NAME.search(line)
        if not flow or not name:
            continue
        names = flow[1].split(".")
        protocol = next((p for p in PROTOCOLS if p in names), None)
        if protocol and "MDNS" not in names and "LLMNR" not in names:
            found.add((protocol, comparable(normal(host_alone(name[1])))))
    return {pair for pair in found if pair[1]}


def examine(job):
    program, path = job
    our = {name for _, name in ours(program, path, 60)[0]}
    return path, theirs(path), our


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="target/release/poortwacht")
    parser.add_argument("paths", nargs="+")
    args = parser.parse_args()
    total, missing = collections.Counter(), collections.Counter()
    base = os.path.commonpath(args.paths) if len(args.paths) > 1 else args.paths[0]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [(args.program, path) for path in captures(args.paths)]
        for path, their, our in pool.map(examine, jobs):
            for protocol, name in sorted(their):
                total[protocol] += 1
                cut = len(name) >= CUT and any(known.startswith(name) for known in our)
                if name not in our and not cut:
                    missing[protocol] += 1
                    print("missing", os.path.relpath(path, base), protocol, name, sep="\t")
    print("\n| protocol | ndpiReader | of these by poortwacht |\n| --- | --- | --- |")
    for protocol in PROTOCOLS:
        print(f"| {protocol} | {total[protocol]} | {total[protocol] - missing[protocol]} |")


if __name__ == "__main__":
    main()
