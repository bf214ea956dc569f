"""Which names a capture holds, by tshark: the witness that is not our own program.

Enters: a capture file. Leaves: a set of `(seen, name)`. Never: calls poortwacht.
tshark 4.0 has gaps (it does not join a QUIC CRYPTO stream over several Initials when pieces come
out of order or twice, nor a hello whose start it did not see); the scenarios say by hand what it
misses, and why, and the README beside the capture repeats it.
"""

import subprocess

FIELDS = ["frame.protocols", "dns.flags.response", "dns.qry.name", "dns.cname", "dns.svcb.targetname",
          "tls.handshake.extensions_server_name", "dns.id"]


def rows(capture, *options):
    command = ["tshark", "-r", capture, "-2", "-T", "fields", "-E", "separator=/t", "-E", "aggregator= "]
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(command + list(options), capture_output=True, text=True)
    # tshark answers 2 for a capture that is cut off in the middle, and has printed what it read.
    if done.returncode not in (0, 2):
        raise SystemExit(f"tshark on {capture}: exit {done.returncode}\n{done.stderr}")
    return [line.split("\t") for line in done.stdout.splitlines()]


def normal(name):
    """Lower case, no trailing dot; bytes that are not ASCII as RFC 1035 section 5.1 writes them."""
    name = "" if name.lower() in ("<root>", ".") else name.lower().removesuffix(".")
    return "".join(chr(b) if 0x21 <= b <= 0x7e else f"\\{b:03}" for b in name.encode())


def names(capture, *options):
    """Every distinct `(seen, name)`; the question of a response counts when its query is missing."""
    found, asked, answered = set(), set(), set()
    for protocols, response, question, cname, target, sni, ident in rows(capture, *options):
        layers = protocols.split(":")
        if "dns" in layers and question:
            if "1" in response.split() or "True" in response.split():
                answered |= {(i, normal(q)) for i in ident.split() for q in question.split()}
                found |= {("dns-cname", normal(n)) for n in cname.split()}
                found |= {("dns-svcb", normal(n)) for n in target.split()}
            else:
                asked |= {(i, normal(q)) for i in ident.split() for q in question.split()}
        if sni:
            seen = "quic-sni" if "quic" in layers else "tls-sni"
            found |= {(seen, normal(n)) for n in sni.split()}
    known = {name for _, name in asked}
    found |= {("dns-query", name) for _, name in asked}
    found |= {("dns-cname", name) for _, name in answered if name not in known}
    return {(seen, name) for seen, name in found if name}
