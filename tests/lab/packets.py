"""Packets and capture files from nothing but `struct`.

Enters: fields. Leaves: frames, and pcap or pcapng files. Never: sends anything.
RFC 791, 8200, 9293, 768; pcap and pcapng as the IETF drafts of the same names write them.
"""

import ipaddress
import ssl
import struct

A_MAC, B_MAC = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
SYN, ACK, PSH, FIN = 0x02, 0x10, 0x08, 0x01


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo(src, dst, protocol, length):
    src, dst = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    if src.version == 4:
        return src.packed + dst.packed + struct.pack("!BBH", 0, protocol, length)
    return src.packed + dst.packed + struct.pack("!II", length, protocol)


def tcp(src, dst, sport, dport, seq, ack, flags, data=b"", options=b""):
    head = struct.pack("!HHIIBBHHH", sport, dport, seq % 2**32, ack % 2**32,
                       (5 + len(options) // 4) << 4, flags, 64240, 0, 0) + options
    value = checksum(pseudo(src, dst, 6, len(head) + len(data)) + head + data)
    return head[:16] + struct.pack("!H", value) + head[18:] + data


def udp(src, dst, sport, dport, data):
    head = struct.pack("!HHHH", sport, dport, 8 + len(data), 0)
    value = checksum(pseudo(src, dst, 17, len(head) + len(data)) + head + data) or 0xFFFF
    return head[:6] + struct.pack("!H", value) + data


def ip4(src, dst, protocol, payload, options=b"", ident=1, offset=0, more=False, length=None):
    options += b"\x01" * (-len(options) % 4)
    head = struct.pack("!BBHHHBBH4s4s", 0x45 + len(options) // 4, 0,
                       20 + len(options) + len(payload) if length is None else length, ident,
                       (0x2000 if more else 0) | offset // 8, 64, protocol, 0,
                       ipaddress.ip_address(src).packed, ipaddress.ip_address(dst).packed) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip6(src, dst, protocol, payload, headers=()):
    """`headers` is a list of `(number, bytes after the next-header byte)`, outermost first."""
    chain, following = b"", [number for number, _ in headers][1:] + [protocol]
    for (_, rest), after in zip(headers, following):
        chain += bytes([after]) + rest
    first = headers[0][0] if headers else protocol
    return struct.pack("!IHBB", 6 << 28, len(chain) + len(payload), first, 64) + \
        ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed + chain + payload


def ip(src, dst, protocol, payload):
    return (ip6 if ":" in src else ip4)(src, dst, protocol, payload)


def ether(packet, tags=b"", pad=True):
    kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
    frame = B_MAC + A_MAC + tags + kind + packet
    return frame + b"\0" * (60 - len(frame)) if pad else frame


def wire_name(name):
    labels = [label for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode("latin-1") for label in labels) + b"\0"


def question(name, kind=1):
    return wire_name(name) + struct.pack("!HH", kind, 1)


def query(name, kind=1, ident=0x1234, more=()):
    questions = [question(name, kind), *more]
    return struct.pack("!HHHHHH", ident, 0x0100, len(questions), 0, 0, 0) + b"".join(questions)


def hello(name, **settings):
    """A real ClientHello of this Python's OpenSSL: the TLS record as it would be sent."""
    context = ssl.create_default_context()
    context.check_hostname = bool(name)
    if not name:
        context.verify_mode = ssl.CERT_NONE
    for key, value in settings.items():
        setattr(context, key, value)
    inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(inside, outside, server_hostname=name or None).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outside.read()


def records(record, *sizes):
    """The same handshake message over several records; the last takes the rest."""
    version, message, out = record[1:3], record[5:], b""
    for size in [*sizes, len(message)]:
        piece, message = message[:size], message[size:]
        if piece:
            out += b"\x16" + version + struct.pack("!H", len(piece)) + piece
    return out


class Stream:
    """One TCP connection, client's side; every step appends packets to `out`."""

    def __init__(self, out, dport=443, sport=None, v6=False, isn=1000, dst=None):
        self.out, self.isn = out, isn
        self.sport, self.dport = sport or 40000 + len(out) % 20000, dport
        self.src = "2001:db8:1::10" if v6 else "192.0.2.10"
        self.dst = dst or ("2001:db8:2::81" if v6 else "198.51.100.81")

    def up(self, seq, flags, data=b"", options=b""):
        segment = tcp(self.src, self.dst, self.sport, self.dport, self.isn + seq, 5001 if flags & ACK else 0,
                      flags, data, options)
        self.out.append(ip(self.src, self.dst, 6, segment))
        return self

    def down(self, flags, ack):
        seq = 5000 if flags & SYN else 5001
        segment = tcp(self.dst, self.src, self.dport, self.sport, seq, self.isn + ack, flags)
        self.out.append(ip(self.dst, self.src, 6, segment))
        return self

    def open(self):
        self.up(0, SYN).down(SYN | ACK, 1)
        return self.up(1, ACK)

    def send(self, data, *cuts):
        """In order, cut at the given places."""
        edges = [0, *cuts, len(data)]
        return self.pieces(data, *zip(edges, edges[1:]))

    def pieces(self, data, *spans):
        """The given `(start, end)` spans in the given order."""
        for start, end in spans:
            self.up(1 + start, ACK | PSH, data[start:end])
        return self.down(ACK, 1 + len(data))


def pcap(frames, link=1, nano=False, big=False, start=1_790_000_000):
    order = ">" if big else "<"
    out = struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, 262144, link)
    for number, frame in enumerate(frames):
        part = number * 1000 * (1000 if nano else 1)
        whole = 10**9 if nano else 10**6
        out += struct.pack(order + "IIII", start + part // whole, part % whole, len(frame), len(frame)) + frame
    return out


def pcapng(interfaces, frames, big=False, start=1_790_000_000):
    """`interfaces`: `(link, resolution byte)`; `frames`: `(interface, bytes)`."""
    order = ">" if big else "<"

    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        size = len(body) + 12
        return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)

    out = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    for link, resolution in interfaces:
        option = struct.pack(order + "HHB3xHH", 9, 1, resolution, 0, 0)
        out += block(1, struct.pack(order + "HHI", link, 0, 262144) + option)
    for number, (interface, frame) in enumerate(frames):
        resolution = interfaces[interface][1]
        per_second = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
        at = int((start + number / 1000) * per_second)
        out += block(6, struct.pack(order + "IIIII", interface, at >> 32, at & 0xFFFFFFFF, len(frame), len(frame))
                     + frame)
    return out
