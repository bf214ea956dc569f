"""Which names a capture holds, by tshark: the witness that is not our own program.

Enters: a capture file. Leaves: a set of `(seen, name)`. Never: calls poortwacht.
tshark 4.0 has gaps (it does not join a QUIC CRYPTO stream over several Initials when pieces come
out of order or twice, nor a hello whose start it did not see); the scenarios say by hand what it
misses, and why, and the README beside the capture repeats it.
"""

import os
import subprocess
from collections import Counter

FIELDS = ["frame.protocols", "dns.flags.response", "dns.qry.name", "dns.cname", "dns.svcb.targetname",
          "tls.handshake.extensions_server_name", "dns.id", "tcp.stream", "udp.stream",
          "dtls.handshake.extensions_server_name", "gquic.tag.sni", "http.host"]


def rows(capture, *options):
    command = ["tshark", "-r", capture, "-2", "-T", "fields", "-E", "separator=/t", "-E", "aggregator=|",
               "-o", "tcp.reassemble_out_of_order:TRUE"]
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(command + list(options), capture_output=True, text=True)
    # tshark answers 2 for a capture that is cut off in the middle, and has printed what it read.
    if done.returncode not in (0, 2):
        raise SystemExit(f"tshark on {capture}: exit {done.returncode}\n{done.stderr}")
    return [line.split("\t") for line in done.stdout.splitlines()]


def normal(name):
    """Lower case, no trailing dot; what tshark puts in angle brackets is no name; bytes that are not ASCII as RFC 1035 section 5.1 writes them."""
    name = "" if name.startswith("<") or name == "." else name.lower().removesuffix(".")
    return "".join(chr(b) if 0x21 <= b <= 0x7e else f"\\{b:03}" for b in name.encode())


def sightings(capture, *options):
    """Every `(seen, name)` with its count; the question of a response counts when its query is missing.

    DNS counts each message, HTTP each request, TLS and QUIC each connection (a hello sent twice is one sighting).
    """
    found, asked, answered, hellos = Counter(), set(), [], set()
    for protocols, response, question, cname, target, sni, ident, tcp, udp, dtls, gquic, host in rows(capture, *options):
        layers = protocols.split(":")
        questions = [(i, normal(q)) for i in ident.split("|")[:1] for q in question.split("|")]
        # What an ICMP error quotes is no new sighting.
        if "dns" in layers and question and "icmp" not in layers:
            if "1" in response.split("|") or "True" in response.split("|"):
                answered += questions
                found.update(("dns-cname", normal(n)) for n in cname.split("|"))
                found.update(("dns-svcb", normal(n)) for n in target.split("|"))
            else:
                asked |= set(questions)
                found.update(("dns-query", name) for _, name in questions)
        found.update(("http-host", normal(h.split(":")[0])) for h in host.split("|"))
        seen = "quic-sni" if "quic" in layers else "tls-sni"
        hellos |= {(seen, normal(n), tcp, udp) for n in sni.split("|")}
        hellos |= {("dtls-sni", normal(n), tcp, udp) for n in dtls.split("|")}
        hellos |= {("quic-sni", normal(n), tcp, udp) for n in gquic.split("|")}
    found.update(("dns-query", name) for ident, name in answered if (ident, name) not in asked)
    found.update((seen, name) for seen, name, _, _ in hellos)
    return Counter({pair: n for pair, n in found.items() if pair[1]})


def names(capture, *options):
    """Every distinct `(seen, name)`."""
    shown = {("tls-cert", name) for names in certificates(capture, *options) for name in names}
    return set(sightings(capture, *options)) | shown


def certificates(capture, *options):
    """The names of each certificate that a server showed to a client whose hello told no name, a
    list for each: wildcards without their first label. tshark gives the names of the whole chain:
    the lab's authorities have none."""
    fields = ["tcp.stream", "tls.handshake.type", "tls.handshake.extensions_server_name", "x509ce.dNSName"]
    command = ["tshark", "-r", capture, "-2", "-T", "fields", "-E", "separator=/t", "-E", "aggregator=|"]
    done = subprocess.run(command + [w for f in fields for w in ("-e", f)] + list(options), capture_output=True, text=True)
    named, shown = set(), {}
    for line in done.stdout.splitlines():
        stream, kinds, sni, dns = line.split("\t")
        if sni:
            named.add(stream)
        # A client's certificate comes with its ClientKeyExchange (16), a server's behind its hello.
        if dns and "16" not in kinds.split("|"):
            shown.setdefault(stream, [normal(n.removeprefix("*.")) for n in dns.split("|")])
    return [names for stream, names in shown.items() if stream not in named]


def hits_of_certificates(capture, *options):
    """One hit for each certificate whose names are all of one vendor: on the name with the fewest labels."""
    total = Counter()
    for names in certificates(capture, *options):
        rules = [rule_of(name) for name in names]
        if all(rules) and len({vendor for vendor, _ in rules}) == 1:
            broadest = min(range(len(names)), key=lambda n: names[n].count("."))
            total[(*rules[broadest], "tls-cert")] += 1
    return total


def rule_of(name):
    """`(vendor, rule)` by rules.tsv, or nothing."""
    best = None
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "rules.tsv")) as lines:
        for line in lines:
            if line.startswith("#"):
                continue
            match, rule, vendor = line.rstrip("\n").split("\t")
            if name == rule and match == "exact":
                return vendor, rule
            if match == "suffix" and (name == rule or name.endswith("." + rule)):
                if best is None or len(rule) > len(best[1]):
                    best = vendor, rule
    return best


def hits(capture, found, *options):
    """Lines of hits.tsv: vendor, rule, seen, count, for the names found (tshark's, mended by hand)."""
    counted, total = sightings(capture, *options), hits_of_certificates(capture, *options)
    for seen, name in found:
        rule = rule_of(name)
        if rule and seen != "tls-cert":
            total[(*rule, seen)] += counted.get((seen, name), 1)
    return sorted((*key, str(count)) for key, count in total.items())
