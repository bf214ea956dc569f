"""Captures built byte by byte, for what no client at hand does.

The hellos are real ones of OpenSSL, cut and wrapped by packets.py; QUIC Initials are protected by
quic_initials.py. Each case has a name of its own, so that a missing name says which case failed.
"""

import os
import struct
import subprocess

import packets as p

ALL = []
CLIENT, SERVER, RESOLVER = "192.0.2.10", "198.51.100.81", "198.51.100.53"
CLIENT6, SERVER6, RESOLVER6 = "2001:db8:1::10", "2001:db8:2::81", "2001:db8:2::53"


class Built:
    """As stage.Scene, without a lab."""

    clients, said, never, tshark, only = (), (), set(), (), True

    def __init__(self, make, name, title, must, missed=(), wrong=(), gaps=(), form="pcap", aioquic=False,
                 exit_code=0):
        self.make, self.name, self.title, self.form = make, name, title, form
        self.story = make.__doc__ or ""
        self.must = {tuple(line.split()) for line in must}
        self.missed = {tuple(line.split()) for line in missed}
        self.wrong = {tuple(line.split()) for line in wrong}
        self.gaps, self.wants_aioquic, self.exit_code = gaps, aioquic, exit_code

    def record(self, scratch, venv):
        self.venv = venv
        capture = os.path.join(scratch, f"capture.{self.form}")
        with open(capture, "wb") as out:
            out.write(self.make(self))
        return capture


def built(name, title, **options):
    def add(make):
        ALL.append(Built(make, name, title, **options))
        return make
    return add


def ask(name, kind=1, v6=False, ident=0x1234, data=None):
    src, dst = (CLIENT6, RESOLVER6) if v6 else (CLIENT, RESOLVER)
    return p.ip(src, dst, 17, p.udp(src, dst, 41000, 53, data or p.query(name, kind, ident)))


SEGMENTS = ["byte-1", "record-header", "handshake-header", "in-name", "sixteens", "three-records",
            "three-records-cut", "record-of-1", "reversed", "tail-first", "overlap", "retransmitted",
            "wrap", "fin-with-data", "keepalive", "ipv6", "midstream", "slow"]


@built("tls-segments", "A hello cut, turned round, overlapped and repeated",
       must=[f"tls-sni {case}.clearview.ai" for case in SEGMENTS])
def tls_segments(_):
    """One connection a case, the case's name before `.clearview.ai`: cut at byte 1, inside the record
    header, the handshake header and the name; in pieces of 16; over three records in one segment and
    in several; a first record of one byte; all segments backwards; the tail first; overlaps with
    equal bytes; everything twice; a sequence number that wraps; FIN on the last piece; a keep-alive
    probe in between; IPv6; no handshake seen; other traffic between the pieces."""
    out = []

    def name(case):
        return f"{case}.clearview.ai"

    def start(case, **how):
        data = p.hello(name(case))
        return p.Stream(out, **how).open(), data, data.index(name(case).encode())

    s, d, _ = start("byte-1")
    s.send(d, 1)
    s, d, _ = start("record-header")
    s.send(d, 3)
    s, d, _ = start("handshake-header")
    s.send(d, 7)
    s, d, at = start("in-name")
    s.send(d, at + 4)
    s, d, _ = start("sixteens")
    s.send(d, *range(16, len(d), 16))
    s, d, at = start("three-records")
    s.send(p.records(d, at + 2 - 5, 40))
    s, d, at = start("three-records-cut")
    d = p.records(d, 60, at - 60)
    s.send(d, 3, 66, at + 9)
    s, d, _ = start("record-of-1")
    s.send(p.records(d, 1))
    s, d, _ = start("reversed")
    s.pieces(d, *[(at, min(at + 100, len(d))) for at in reversed(range(0, len(d), 100))])
    s, d, at = start("tail-first")
    s.pieces(d, (at + 3, len(d)), (0, at + 3))
    s, d, at = start("overlap")
    s.pieces(d, (0, at + 5), (at - 20, at + 8), (10, 200), (150, len(d)))
    s, d, at = start("retransmitted")
    s.pieces(d, (0, at + 1), (0, at + 1), (at + 1, len(d)), (0, len(d)))
    s, d, at = start("wrap", isn=2**32 - 60)
    s.send(d, 40, 59, 60, at)
    s, d, at = start("fin-with-data")
    s.up(1, p.ACK, d[:at]).up(1 + at, p.ACK | p.PSH | p.FIN, d[at:])
    s, d, at = start("keepalive")
    s.up(0, p.ACK, b"\0").up(1, p.ACK | p.PSH, d[:at + 1]).up(at + 1, p.ACK, b"\0")
    s.up(2 + at, p.ACK | p.PSH, d[at + 1:])
    s, d, at = start("ipv6", v6=True)
    s.send(d, at + 2)
    d = p.hello(name("midstream"))
    p.Stream(out, sport=50001).send(d, 300)
    s, d, at = start("slow")
    s.up(1, p.ACK, d[:at + 2])
    other = p.Stream(out, sport=50002).open()
    other.send(p.hello(""))
    s.up(3 + at, p.ACK | p.PSH, d[at + 2:])
    return p.pcap([p.ether(packet) for packet in out])


@built("tls-fast-open", "Data in the SYN", must=["tls-sni whole.clearview.ai", "tls-sni half.clearview.ai"])
def tls_fast_open(_):
    """TCP Fast Open (RFC 7413): the whole hello in the SYN; half of it in the SYN, the rest after."""
    out = []
    for case, part in (("whole", 10_000), ("half", 100)):
        data = p.hello(f"{case}.clearview.ai")
        cookie = b"\x22\x0a" + b"cookie!!" + b"\x01\x01"
        s = p.Stream(out)
        s.up(0, p.SYN, data[:part], cookie).down(p.SYN | p.ACK, 1 + len(data[:part]))
        if data[part:]:
            s.up(1 + part, p.ACK | p.PSH, data[part:])
        s.down(p.ACK, 1 + len(data))
    return p.pcap([p.ether(packet) for packet in out])


@built("odd-ports", "TLS and QUIC away from port 443", aioquic=True,
       missed=[f"tls-sni port-{n}.clearview.ai" for n in (22, 80, 1194, 8080)],
       gaps=["tshark takes ports 22, 80, 1194 and 8080 for SSH, HTTP and OpenVPN and looks no further."],
       must=[f"tls-sni port-{n}.clearview.ai" for n in (1, 22, 80, 1194, 8080, 10443, 65535)]
       + [f"quic-sni udp-{n}.clearview.ai" for n in (80, 8443, 50000)])
def odd_ports(s):
    """TLS on ports that other protocols own, QUIC on three UDP ports."""
    out = []
    for port in (1, 22, 80, 1194, 8080, 10443, 65535):
        p.Stream(out, dport=port, sport=42000).open().send(p.hello(f"port-{port}.clearview.ai"))
    for port in (80, 8443, 50000):
        for datagram in initials(s, f"udp-{port}.clearview.ai", "plain"):
            out.append(p.ip(CLIENT, SERVER, 17, p.udp(CLIENT, SERVER, 43000, port, datagram)))
    return p.pcap([p.ether(packet) for packet in out])


def initials(scene, name, plan, version="1"):
    """Protected Initials of one client flight; each line of the other program is a datagram in hex."""
    here = os.path.dirname(os.path.abspath(__file__))
    done = subprocess.run([f"{scene.venv}/bin/python", f"{here}/quic_initials.py", name, plan, version],
                          capture_output=True, text=True, check=True)
    return [bytes.fromhex(line) for line in done.stdout.split()]


PLANS = ["plain", "two", "two-swapped", "two-doubled", "pieces", "hole-filled-late", "coalesced", "other-dcid",
         "overlap", "token", "one-byte-frames", "ten-pieces-swapped"]
VERSIONS = {"draft-29": "ff00001d", "draft-32": "ff000020", "draft-34": "ff000022", "v2": "2"}


@built("quic-flights", "QUIC Initials in every order", aioquic=True,
       must=[f"quic-sni {plan}.clearview.ai" for plan in PLANS]
       + [f"quic-sni {version}.clearview.ai" for version in VERSIONS],
       missed=["quic-sni other-dcid.clearview.ai"],
       gaps=["`other-dcid`: without the server's packets tshark takes a second DCID for a second connection."])
def quic_flights(s):
    """One connection a case, the case's name before `.clearview.ai`: one datagram; two; two swapped;
    the first doubled; CRYPTO frames in pieces with PING and PADDING between; a hole that is filled
    last; two Initials in one datagram; the second Initial to the server's connection id; overlapping
    CRYPTO frames; with a token; frames of one byte around the name; ten pieces over three datagrams.
    Then drafts 29, 32, 34 and version 2. The last flight (`never.clearview.ai`) lacks its middle for
    good, while duplicates make the byte count complete: no name may be told."""
    out, sport = [], 44000
    cases = [(plan, plan, "1") for plan in PLANS] + [(v, "two", n) for v, n in VERSIONS.items()]
    cases.append(("never", "never", "1"))
    for case, plan, version in cases:
        sport += 1
        for datagram in initials(s, f"{case}.clearview.ai", plan, version):
            out.append(p.ip(CLIENT, SERVER, 17, p.udp(CLIENT, SERVER, sport, 443, datagram)))
    return p.pcap([p.ether(packet) for packet in out])


HEADERS4 = ["options", "router-alert", "options-40", "total-length-0", "padded"]
HEADERS6 = {
    "hop-by-hop": [(0, b"\0\x01\x04\0\0\0\0")], "destination": [(60, b"\0\x01\x04\0\0\0\0")],
    "routing": [(43, b"\0\0\0\0\0\0\0")], "atomic": [(44, b"\0\0\0\0\0\0\x07")],
    "ah": [(51, b"\x04" + b"\0" * 22)],
    "all": [(0, b"\0\x01\x04\0\0\0\0"), (60, b"\0\x01\x04\0\0\0\0"), (43, b"\0\0\0\0\0\0\0"),
            (44, b"\0\0\0\0\0\0\x08"), (51, b"\x04" + b"\0" * 22), (60, b"\0\x01\x04\0\0\0\0")],
}


@built("ip-headers", "IPv4 options, IPv6 extension headers, padding, fragments",
       must=[f"tls-sni {case}.pimeyes.com" for case in [*HEADERS4, *HEADERS6]]
       + ["dns-query fragmented.pimeyes.com", "dns-query fragmented-6.pimeyes.com"])
def ip_headers(_):
    """One packet a case. Total length 0 is what a sender with offload leaves (BIG TCP): the captured
    length counts. `padded` has Ethernet padding that looks like more of the stream. Two DNS queries
    come in fragments, the last first. An ICMP error quotes a query for `quoted.pimeyes.com`: no
    sighting. Fragments that overlap with other bytes hide `overlapped.pimeyes.com`: none either."""
    out = []

    def segment(case, v6=False):
        src, dst = (CLIENT6, SERVER6) if v6 else (CLIENT, SERVER)
        return p.tcp(src, dst, 45000 + len(out), 443, 1, 5001, p.ACK | p.PSH, p.hello(f"{case}.pimeyes.com"))

    options = {"options": b"\x07\x07\x04" + b"\0" * 4, "router-alert": b"\x94\x04\0\0", "options-40": b"\x01" * 40}
    for case, bytes_ in options.items():
        out.append(p.ether(p.ip4(CLIENT, SERVER, 6, segment(case), bytes_)))
    out.append(p.ether(p.ip4(CLIENT, SERVER, 6, segment("total-length-0"), length=0)))
    data = p.hello("padded.pimeyes.com")
    first = p.tcp(CLIENT, SERVER, 45900, 443, 1, 5001, p.ACK, data[:2])
    out.append(p.ether(p.ip4(CLIENT, SERVER, 6, first), pad=False) + b"\x16\x03\x01\xff\xff\x01")
    out.append(p.ether(p.ip4(CLIENT, SERVER, 6, p.tcp(CLIENT, SERVER, 45900, 443, 3, 5001, p.ACK, data[2:]))))
    for case, headers in HEADERS6.items():
        out.append(p.ether(p.ip6(CLIENT6, SERVER6, 6, segment(case, True), headers)))

    def udp(name, v6=False):
        src, dst = (CLIENT6, RESOLVER6) if v6 else (CLIENT, RESOLVER)
        return p.udp(src, dst, 41001, 53, p.query(name))

    whole = udp("fragmented.pimeyes.com")
    for start, end, more in ((32, len(whole), False), (0, 16, True), (16, 32, True)):
        out.append(p.ether(p.ip4(CLIENT, RESOLVER, 17, whole[start:end], ident=77, offset=start, more=more)))
    whole = udp("fragmented-6.pimeyes.com", True)
    for start, end, more in ((24, len(whole), 0), (0, 24, 1)):
        head = [(44, b"\0" + struct.pack("!HI", start | more, 99))]
        out.append(p.ether(p.ip6(CLIENT6, RESOLVER6, 17, whole[start:end], head)))
    whole, other = udp("overlapped.pimeyes.com"), udp("somewhere.example.com")
    out.append(p.ether(p.ip4(CLIENT, RESOLVER, 17, whole[:32], ident=78, more=True)))
    out.append(p.ether(p.ip4(CLIENT, RESOLVER, 17, other[24:40], ident=78, offset=24, more=True)))
    out.append(p.ether(p.ip4(CLIENT, RESOLVER, 17, whole[32:], ident=78, offset=32)))
    quoted = p.ip4(CLIENT, RESOLVER, 17, udp("quoted.pimeyes.com"))
    icmp = b"\x03\x03\0\0\0\0\0\0" + quoted
    icmp = icmp[:2] + struct.pack("!H", p.checksum(icmp)) + icmp[4:]
    out.append(p.ether(p.ip4(RESOLVER, CLIENT, 1, icmp)))
    return p.pcap(out)


LINKS = {"ethernet": 1, "cooked": 113, "cooked-2": 276, "raw": 101, "raw-4": 228, "raw-6": 229, "null": 0,
         "null-big": 0, "loop": 108}


def linked(link, packet):
    kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    if link == "ethernet":
        return p.ether(packet)
    if link == "cooked":
        return struct.pack("!HHH6s2xH", 4, 1, 6, p.A_MAC, kind) + packet
    if link == "cooked-2":
        return struct.pack("!HHIHBB6s2x", kind, 0, 2, 1, 4, 6, p.A_MAC) + packet
    family = 2 if kind == 0x0800 else 30
    if link == "null":
        return struct.pack("<I", family) + packet
    if link in ("null-big", "loop"):
        return struct.pack(">I", family) + packet
    return packet


@built("links", "pcapng with nine interfaces, each its link type and clock", form="pcapng",
       must=[f"dns-query {link}.facecheck.id" for link in LINKS]
       + [f"tls-sni {link}.facecheck.id" for link in LINKS])
def links(_):
    """Ethernet, Linux cooked v1 and v2, raw IP, raw IPv4, raw IPv6, BSD loopback of a little and of a
    big-endian host, OpenBSD loopback; time units of 1 us, 1 ns, 1 ms and 2^-20 s in turn."""
    units = [6, 9, 3, 0x94]
    interfaces = [(number, units[n % 4]) for n, number in enumerate(LINKS.values())]
    frames = []
    for n, link in enumerate(LINKS):
        v6 = link in ("raw-6", "null-big")
        out = [ask(f"{link}.facecheck.id", v6=v6)]
        p.Stream(out, v6=v6, sport=46000 + n).open().send(p.hello(f"{link}.facecheck.id"), 100)
        frames += [(n, linked(link, packet)) for packet in out]
    return p.pcapng(interfaces, frames)


@built("pcap-big-endian", "pcap in big-endian order with nanoseconds",
       must=["dns-query lenso.ai", "tls-sni lenso.ai"])
def pcap_big(_):
    """As a big-endian host writes it."""
    out = [ask("lenso.ai")]
    p.Stream(out).open().send(p.hello("lenso.ai"))
    return p.pcap([p.ether(packet) for packet in out], nano=True, big=True)


@built("form-cut", "A capture that ends in the middle of a frame", exit_code=4,
       must=["dns-query app.clearview.ai", "tls-sni facecheck.id"])
def cut_off(_):
    """As a full disk or a killed tcpdump leaves it: what stands before the cut is read and told, then
    the program says that the file is cut short."""
    out = [ask("app.clearview.ai")]
    p.Stream(out).open().send(p.hello("facecheck.id"))
    out.append(ask("pimeyes.com"))
    return p.pcap([p.ether(packet) for packet in out])[:-30]


@built("local-names", "mDNS, LLMNR, NetBIOS: noise of the local net", must=[])
def local_names(_):
    """All ask for `clearview.ai` or carry it; none is DNS, so there is no name to tell."""
    out = []
    for dst, port in (("224.0.0.251", 5353), ("224.0.0.252", 5355)):
        sport = 5353 if port == 5353 else 49000
        out.append(p.ip4(CLIENT, dst, 17, p.udp(CLIENT, dst, sport, port, p.query("clearview.ai"))))
    for dst, port in (("ff02::fb", 5353), ("ff02::1:3", 5355)):
        out.append(p.ip6(CLIENT6, dst, 17, p.udp(CLIENT6, dst, port, port, p.query("app.clearview.ai"))))
    coded = "".join(chr(65 + (b >> 4)) + chr(65 + (b & 15)) for b in b"CLEARVIEW.AI   \0")
    body = struct.pack("!HHHHHH", 7, 0x0110, 1, 0, 0, 0) + p.question(coded, 32)
    out.append(p.ip4(CLIENT, "192.0.2.255", 17, p.udp(CLIENT, "192.0.2.255", 137, 137, body)))
    return p.pcap([p.ether(packet) for packet in out])


LOOKALIKES = """clearviewregional.edu clearviewok.gov clearviewdeposits.com notclearview.ai clearview.ai.example.com
clearview.com app-clearview.ai pimeyes.com.example.org mypimeyes.com facecheck.identity.example cloudwalk.io
delaware.com lens.com lensa.com fatface.com herta.com huggingface.co kairos.spawar.navy.mil ancientfaces.com
xn--learview-bjg.ai clearview-gc.com thalescloud.io safra.com.br coface.com""".split()


@built("look-alikes", "Names that only look like a vendor's",
       must=[f"{seen} {name}" for name in LOOKALIKES for seen in ("dns-query", "tls-sni")])
def look_alikes(_):
    """Real organisations and made-up names with a vendor's name inside: many names, not one hit."""
    out = []
    for n, name in enumerate(LOOKALIKES):
        out.append(ask(name, ident=n))
        p.Stream(out, sport=47000 + n).open().send(p.hello(name))
    return p.pcap([p.ether(packet) for packet in out])


LONG = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 48, "clearview.ai"])


@built("dns-odd", "DNS as it should not be",
       must=["dns-query first.clearview.ai", "dns-query second.clearview.ai", "dns-query broken-rest.clearview.ai",
             "dns-query dotted\\.label.clearview.ai", "dns-query piped-1.clearview.ai",
             "dns-query piped-2.clearview.ai", "dns-query split-length.clearview.ai", "dns-query no\\032space.example",
             f"dns-query {LONG}", "dns-query answered-only.clearview.ai", "dns-query chain.example.org",
             "dns-cname pointed.clearview.ai", "dns-query upper.clearview.ai", "dns-query _dns.resolver.arpa",
             "dns-query late.clearview.ai"],
       missed=["dns-query dotted\\.label.clearview.ai"], wrong=["dns-query dotted.label.clearview.ai"],
       gaps=["tshark does not escape a dot inside a label."])
def dns_odd(_):
    """Two questions in one message; an answer that runs past the end behind a good question; a dot
    and a space inside a label; the longest name; two messages in one TCP segment; a length prefix
    split from its message; a TCP stream seen from its middle; an answer whose question was not seen;
    a CNAME through compression pointers. Without a name: a pointer to itself, a forward pointer, a
    question that is cut off, a message of 11 bytes."""
    out = [ask("", data=p.query("first.clearview.ai", more=[p.question("second.clearview.ai", 28)]))]
    rest = bytearray(p.query("broken-rest.clearview.ai"))
    rest[2:8] = struct.pack("!HHH", 0x8180, 1, 1)
    out.append(ask("broken-rest.clearview.ai", ident=3))
    rest[0:2] = b"\0\x03"
    rest += b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x40\x03abc"
    out.append(p.ip4(RESOLVER, CLIENT, 17, p.udp(RESOLVER, CLIENT, 53, 41000, bytes(rest))))
    head = struct.pack("!HHHHHH", 4, 0x0100, 1, 0, 0, 0)
    out.append(ask("", data=head + b"\x0cdotted.label\x09clearview\x02ai\0\0\x01\0\x01"))
    out.append(ask("", data=head + b"\x08no space\x07example\0\0\x01\0\x01"))
    out.append(ask(LONG))
    out.append(ask("UPPER.ClearView.AI"))
    out.append(ask("_dns.resolver.arpa", 64))
    out.append(ask("", data=head + b"\xc0\x0c\0\x01\0\x01"))
    out.append(ask("", data=head + b"\xc0\x20\0\x01\0\x01" + b"\x03bad\0"))
    out.append(ask("", data=head + b"\x09clearv"))
    out.append(ask("", data=head[:11]))

    def prefixed(name):
        message = p.query(name)
        return struct.pack("!H", len(message)) + message

    s = p.Stream(out, dport=53, sport=48000, dst=RESOLVER).open()
    s.send(prefixed("piped-1.clearview.ai") + prefixed("piped-2.clearview.ai"))
    s = p.Stream(out, dport=53, sport=48001, dst=RESOLVER).open()
    s.send(prefixed("split-length.clearview.ai"), 1, 2, 20)
    p.Stream(out, dport=53, sport=48002, dst=RESOLVER).send(prefixed("late.clearview.ai"))

    def answer(ident, name, records):
        message = struct.pack("!HHHHHH", ident, 0x8180, 1, len(records), 0, 0) + p.question(name) + b"".join(records)
        return p.ip4(RESOLVER, CLIENT, 17, p.udp(RESOLVER, CLIENT, 53, 41000, message))

    address = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc6\x33\x64\x51"
    out.append(answer(900, "answered-only.clearview.ai", [address]))
    out.append(ask("chain.example.org", ident=901))
    chain = b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x17\x07pointed\x09clearview\x02ai\0"
    chain = chain.replace(b"\0\x17", struct.pack("!H", 22), 1)
    out.append(answer(901, "chain.example.org", [chain]))
    return p.pcap([p.ether(packet) for packet in out])


@built("tls-odd", "Hellos without a usable name, and what is no hello",
       must=["tls-sni cloudflare-ech.com", "tls-sni tls10.clearview.ai", "tls-sni trailing.clearview.ai",
             f"tls-sni {'x' * 60}.clearview.ai"])
def tls_odd(_):
    """No server_name; an empty list; the public name of an ECH provider as outer name; a hello of TLS
    1.0; a trailing dot and upper case; a long label; then SSH, HTTP and random bytes on port 443."""
    out, port = [], iter(range(49000, 49100))

    def send(data):
        p.Stream(out, sport=next(port)).open().send(data)

    def resized(data, old, new):
        """Swaps bytes of the server_name extension and mends the four lengths around it."""
        at = data.index(old)
        grow = len(new) - len(old)
        fixed = bytearray(data[:at] + new + data[at + len(old):])
        for place, width in ((3, 2), (6, 3)):
            value = int.from_bytes(fixed[place:place + width], "big") + grow
            fixed[place:place + width] = value.to_bytes(width, "big")
        session = 5 + 4 + 34
        extensions = session + 1 + fixed[session]
        extensions += 2 + int.from_bytes(fixed[extensions:extensions + 2], "big")
        extensions += 1 + fixed[extensions]
        value = int.from_bytes(fixed[extensions:extensions + 2], "big") + grow
        fixed[extensions:extensions + 2] = value.to_bytes(2, "big")
        return bytes(fixed)

    def server_name(name):
        entry = b"\0" + struct.pack("!H", len(name)) + name
        body = struct.pack("!H", len(entry)) + entry
        return b"\0\0" + struct.pack("!H", len(body)) + body

    plain = server_name(b"plain.clearview.ai")
    base = p.hello("plain.clearview.ai")
    send(p.hello(""))
    send(resized(base, plain, b"\0\0\0\x02\0\0"))
    send(p.hello("cloudflare-ech.com"))
    old = bytearray(p.hello("tls10.clearview.ai"))
    old[9:11] = b"\x03\x01"
    send(bytes(old))
    send(resized(base, plain, server_name(b"TRAILING.Clearview.AI.")))
    send(p.hello("x" * 60 + ".clearview.ai"))
    send(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
    send(b"GET / HTTP/1.1\r\nHost: app.clearview.ai\r\n\r\n")
    send(bytes(range(256)))
    return p.pcap([p.ether(packet) for packet in out])
