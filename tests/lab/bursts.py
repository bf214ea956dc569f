#!/usr/bin/env python3
"""Expected bursts of a capture, out of what tshark says of each packet.

    tests/lab/bursts.py tests/data/captures/NAME...        writes NAME/bursts.tsv

An independent reading of the rule in `src/flow/exchange.rs` and `src/flow/watch.rs`: each flow's
packets as a list, in full. tshark finds the hellos and their names, and says which TCP segments
bring new bytes (tcp.seq, tcp.len) and how long each datagram is. A flow whose hello tshark does not
read where it is complete (out of order, an unusual port) is left out.
"""

import csv
import pathlib
import subprocess
import sys

REST, ANSWER, LONG = 1.0, 10.0, 60.0
SMALL, DATAGRAM_MIN = 100, 80
FIELDS = """frame.number frame.time_epoch tcp.stream udp.stream tcp.srcport udp.srcport tcp.seq
tcp.len tcp.flags.syn udp.length tls.handshake.extensions_server_name tls.handshake.type""".split()


def packets(capture):
    """Rows of the fields, by flow."""
    command = ["tshark", "-r", str(capture), "-n", "-T", "fields", "-E", "separator=/t",
               "-o", "tcp.analyze_sequence_numbers:TRUE", "-o", "tcp.relative_sequence_numbers:FALSE"]
    for field in FIELDS:
        command += ["-e", field]
    # A capture that is cut short ends tshark with an error, after what is there.
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    flows = {}
    for line in text.splitlines():
        row = dict(zip(FIELDS, line.split("\t")))
        if row["tcp.stream"]:
            flows.setdefault(("tcp", row["tcp.stream"]), []).append(row)
        elif row["udp.stream"]:
            flows.setdefault(("quic", row["udp.stream"]), []).append(row)
    return flows


def payload(kind, rows, hit, client):
    """Frame, time, up?, new bytes of everything from the hello on; the hello's frames are one."""
    hello, moments, highest = [0, 0], [], {}
    for row in rows:
        port = row["tcp.srcport"] or row["udp.srcport"]
        frame, time, up = int(row["frame.number"]), float(row["frame.time_epoch"]), port == client
        if kind == "tcp":
            # A SYN takes a number of its own. No capture runs over the wrap of the numbers.
            seq = int(row["tcp.seq"]) + (row["tcp.flags.syn"] in ("1", "True"))
            length = int(row["tcp.len"] or 0)
            before = highest.get(port, seq)
            new = max(0, seq + length - before) if length else 0
            highest[port] = max(before, seq + length)
        else:
            new = int(row["udp.length"]) - 8
            new = new if new >= DATAGRAM_MIN else 0
        if not new:
            continue
        if frame <= hit:
            if up:
                hello[0] += new
                hello[1] += 1
            if frame == hit:
                moments.append((frame, time, True, hello[0], hello[1]))
        else:
            moments.append((frame, time, up, new, 1))
    return moments


def bursts(moments):
    """The moments of each exchange, and the rest before it."""
    first = 0
    while True:
        begin = next((i for i in range(first, len(moments)) if moments[i][2]), None)
        if begin is None:
            return
        end = begin + 1
        while end < len(moments):
            part = moments[begin:end]
            asked = max((i for i, m in enumerate(part) if m[2] and m[3] >= SMALL), default=None)
            waits = (asked is not None and not moments[end][2]
                     and sum(m[3] for m in part[asked:] if not m[2]) < SMALL)
            if moments[end][1] - moments[end - 1][1] >= (ANSWER if waits else REST):
                break
            if moments[end][1] - moments[begin][1] >= LONG:
                break
            end += 1
        rest = moments[begin][1] - moments[begin - 1][1] if begin else 0.0
        yield moments[begin:end], rest
        first = end


def lines(capture):
    wanted = {line.split("\t")[1] for line in (capture.parent / "names.tsv").read_text().splitlines()
              if "-sni\t" in line}
    hits = {line.split("\t")[1] for line in (capture.parent / "hits.tsv").read_text().splitlines()}
    for (kind, _), rows in packets(capture).items():
        for row in rows:
            name = row["tls.handshake.extensions_server_name"].split(",")[0].lower().rstrip(".")
            if name in wanted and any(name == h or name.endswith("." + h) for h in hits):
                hit, client = int(row["frame.number"]), row["tcp.srcport"] or row["udp.srcport"]
                break
        else:
            continue
        for part, rest in bursts(payload(kind, rows, hit, client)):
            side = [[m for m in part if m[2]], [m for m in part if not m[2]]]
            yield [kind, name, client, part[0][0], part[-1][0], round(rest * 1e6),
                   *(sum(m[3] for m in s) for s in side), *(sum(m[4] for m in s) for s in side)]


def main():
    for folder in map(pathlib.Path, sys.argv[1:]):
        capture = next(folder.glob("capture*"))
        with open(folder / "bursts.tsv", "w", newline="") as out:
            csv.writer(out, delimiter="\t", lineterminator="\n").writerows(lines(capture))


if __name__ == "__main__":
    main()
