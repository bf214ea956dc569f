"""Links and tunnels that nothing at hand makes, built byte by byte: one DNS question behind each.

Enters: nothing. Leaves: two captures for `record`. tshark is the judge: it must read the question
behind each layer, so that a layer built wrongly does not pass for one that is read.
"""

import struct

import packets as p
from built import CLIENT, CLIENT6, RESOLVER, RESOLVER6, built

H = struct.pack
GATE, PEER = "203.0.113.1", "203.0.113.2"
SNAP = bytes.fromhex("aaaa03000000")


def question(case, v6=False):
    src, dst = (CLIENT6, RESOLVER6) if v6 else (CLIENT, RESOLVER)
    return p.ip(src, dst, 17, p.udp(src, dst, 41000, 53, p.query(f"{case}.clearview.ai")))


def ether(kind, payload):
    return p.B_MAC + p.A_MAC + H("!H", kind) + payload


def frame(case, v6=False):
    return ether(0x86dd if v6 else 0x800, question(case, v6))


def mpls(*labels):
    return b"".join(H("!I", label << 12 | (n + 1 == len(labels)) << 8 | 64) for n, label in enumerate(labels))


def over(protocol, payload):
    return ether(0x800, p.ip4(GATE, PEER, protocol, payload))


def udp(port, payload, sport=50000):
    return over(17, p.udp(GATE, PEER, sport, port, payload))


def wifi(payload, flags=1, kind=0x88):
    head = bytes([kind, flags, 0, 0]) + p.B_MAC + p.A_MAC + p.B_MAC + b"\x10\0"
    return head + (p.A_MAC if flags & 3 == 3 else b"") + (b"\0\0" if kind & 0x80 else b"") + payload


def llc(case, v6=False):
    return SNAP + (b"\x86\xdd" if v6 else b"\x08\0") + question(case, v6)


def nflog(packet):
    def attribute(kind, value):
        return H("<HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)
    return b"\x02\0\0\x05" + attribute(10, b"prefix\0") + attribute(9, packet)


def gtp(payload, flags=0x30, extension=b""):
    return H("!BBHI", flags, 255, len(extension) + len(payload), 77) + extension + payload


LINKS = {
    "ppp": (9, lambda c: b"\xff\x03\x00\x21" + question(c)),
    "ppp-short": (9, lambda c: b"\x57" + question(c, True)),
    "ppp-hdlc": (50, lambda c: b"\xff\x03\x00\x57" + question(c, True)),
    "ppp-serial-cisco": (50, lambda c: b"\x0f\0\x08\0" + question(c)),
    "pppoe-link": (51, lambda c: (lambda q: H("!BBHHH", 0x11, 0, 9, len(q) + 2, 0x21) + q)(question(c))),
    "cisco-hdlc": (104, lambda c: b"\x0f\0\x86\xdd" + question(c, True)),
    "frame-relay": (107, lambda c: b"\x18\x41\x03\xcc" + question(c)),
    "frame-relay-snap": (107, lambda c: b"\x18\x41\x03\0\x80\0\0\0\x86\xdd" + question(c, True)),
    "frame-relay-bridged": (107, lambda c: b"\x18\x41\x03\0\x80\0\x80\xc2\0\x07" + frame(c)),
    "atm": (100, lambda c: llc(c)),
    "atm-bridged": (100, lambda c: SNAP[:3] + b"\0\x80\xc2\0\x07\0\0" + frame(c)),
    "fddi": (10, lambda c: b"\x50" + p.B_MAC + p.A_MAC + llc(c)),
    "wlan": (105, lambda c: wifi(llc(c), 1, 0x08)),
    "wlan-quality": (105, lambda c: wifi(llc(c, True), 2)),
    "wlan-four": (105, lambda c: wifi(llc(c), 3)),
    "wlan-aggregate": (105, lambda c: (lambda q: wifi(b"", 1)[:-2] + b"\x80\0" + p.B_MAC + p.A_MAC
                                       + H("!H", len(q)) + q)(llc(c))),
    "radiotap": (127, lambda c: bytes.fromhex("00000900020000") + b"\0\0" + wifi(llc(c))),
    "radiotap-padded": (127, lambda c: bytes.fromhex("0000090002000000") + b"\x20" + wifi(b"\0\0" + llc(c))),
    "ppi": (192, lambda c: b"\0\0\x08\0\x69\0\0\0" + wifi(llc(c))),
    "nflog-link": (239, lambda c: nflog(question(c))),
    "mpls-link": (219, lambda c: mpls(16, 17) + question(c)),
}

TUNNELS = {
    "pppoe": lambda c: (lambda q: ether(0x8864, H("!BBHHH", 0x11, 0, 9, len(q) + 2, 0x21) + q))(question(c)),
    "mpls": lambda c: ether(0x8847, mpls(16, 17) + question(c, True)),
    "mpls-word": lambda c: ether(0x8847, mpls(16) + b"\0\0\0\0" + frame(c)),
    "provider-backbone": lambda c: ether(0x88e7, b"\0\0\x01\x07" + frame(c)),
    "trustsec": lambda c: ether(0x8909, b"\x01\x01\0\x01\0\x09\x08\0" + question(c)),
    "vn-tag": lambda c: ether(0x8926, b"\0\x01\0\x02\x08\0" + question(c)),
    "e-tag": lambda c: ether(0x893f, b"\0\x01\0\x02\0\0\x86\xdd" + question(c, True)),
    "trill": lambda c: ether(0x22f3, b"\0\x3f\0\x01\0\x02" + frame(c)),
    "nsh": lambda c: ether(0x894f, b"\x0f\xc2\x02\x01\0\0\x01\xff" + question(c)),
    "ipip": lambda c: over(4, question(c)),
    "6in4": lambda c: over(41, question(c, True)),
    "4in6": lambda c: ether(0x86dd, p.ip6("2001:db8:9::1", "2001:db8:9::2", 4, question(c))),
    "6in6": lambda c: ether(0x86dd, p.ip6("2001:db8:9::1", "2001:db8:9::2", 41, question(c, True))),
    "etherip": lambda c: over(97, b"\x30\0" + frame(c)),
    "mpls-in-ip": lambda c: over(137, mpls(16) + question(c)),
    "erspan-1": lambda c: over(47, b"\0\0\x88\xbe" + frame(c)),
    "wccp": lambda c: over(47, b"\0\0\x88\x3e" + b"\0\0\0\0" + question(c)),
    "pptp": lambda c: (lambda q: over(47, H("!HHHHII", 0x3081, 0x880b, len(q) + 4, 9, 1, 1)
                                     + b"\xff\x03\0\x21" + q))(question(c)),
    "gtp-u": lambda c: udp(2152, gtp(question(c))),
    "gtp-u-extension": lambda c: udp(2152, gtp(question(c, True), 0x34, b"\0\0\0\x85\x01\0\0\0")),
    "teredo": lambda c: udp(3544, (lambda src, dst: p.ip6(src, dst, 17, p.udp(src, dst, 41000, 53,
                            p.query(f"{c}.clearview.ai"))))("2001:0:cb00:7101::1", RESOLVER6)),
    "capwap": lambda c: udp(5247, b"\0\x10\x02\0\0\0\0\0" + frame(c)),
    "capwap-wlan": lambda c: udp(5247, b"\0\x10\x03\0\0\0\0\0" + (lambda w: w[1::-1] + w[2:])(wifi(llc(c), 1, 0x08))),
    "l2tp": lambda c: (lambda q: udp(1701, H("!HHHH", 0x4002, len(q) + 12, 1, 2) + b"\xff\x03\0\x21" + q,
                                     1701))(question(c)),
    "mpls-in-udp": lambda c: udp(6635, mpls(16) + question(c)),
    "lisp": lambda c: udp(4341, b"\x80\0\0\x01\0\0\0\0" + question(c)),
    "tzsp": lambda c: udp(37008, b"\x01\0\0\x01\x01" + frame(c)),
    "nested": lambda c: ether(0x8847, mpls(16) + p.ip4(GATE, PEER, 47, b"\0\0\x65\x58" + ether(
        0x800, p.ip4(GATE, PEER, 17, p.udp(GATE, PEER, 50000, 2152, gtp(p.ip4(GATE, PEER, 4, question(c)))))))),
}


@built("links-serial", "One DNS question behind each link type beside Ethernet", form="pcapng",
       missed=["dns-query mpls-link.clearview.ai"], gaps=["tshark 4.0 does not know link type 219 (MPLS)."],
       must=[f"dns-query {case}.clearview.ai" for case in LINKS])
def links_serial(_):
    """Serial lines, 802.11, ATM, FDDI and headers of capturing systems; the question's name says
    which. Built packets."""
    types = list(dict.fromkeys(link for link, _ in LINKS.values()))
    frames = [(types.index(link), make(case)) for case, (link, make) in LINKS.items()]
    return p.pcapng([(link, 6) for link in types], frames)


@built("tunnels-built", "One DNS question behind each tunnel that no tool at hand makes",
       missed=["dns-query mpls-word.clearview.ai"],
       gaps=["tshark takes what follows a control word for data unless its label is assigned by hand."],
       must=[f"dns-query {case}.clearview.ai" for case in TUNNELS])
def tunnels_built(_):
    """Tags and tunnels; the question's name says which. Built packets; those of real tools are in
    `tunnels`."""
    return p.pcap([make(case) for case, make in TUNNELS.items()])
