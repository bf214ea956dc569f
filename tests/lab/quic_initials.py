"""Client Initials protected as RFC 9001 says, in orders that no client sends on demand.

    quic_initials.py NAME PLAN VERSION [--hello HEX]     prints one datagram a line, in hex

Runs in the venv that `record` makes (for AES-GCM). VERSION is 1, 2 or a draft's number in hex.
"""

import hashlib
import struct
import sys

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives import hmac

import packets

SALTS = {  # RFC 9001 section 5.2, RFC 9369 section 3.3.1, draft-ietf-quic-tls-29 and -33
    1: "38762cf7f55934b34d179ae6a4c80cadccbb7f0a", 0x6B3343CF: "0dede3def700a6db819381be6e269dcbf9bd2ed9",
    0xFF00001D: "afbfec289993d24c9e9786f19c6111e04390a899", 0xFF000020: "afbfec289993d24c9e9786f19c6111e04390a899",
    0xFF000022: "38762cf7f55934b34d179ae6a4c80cadccbb7f0a",
    # Chromium's Q050, T050, T051; draft-ietf-quic-v2-00; mvfst (draft 23); MsQuic (draft 29).
    0x51303530: "504574efd066fe2f9d945cfcdbd3a7f0d3b56b45", 0x54303530: "7ff579e5acd072915580304c43a2367c60488310",
    0x54303531: "7a4edef4e7ccee5fa4506c19124fc8ccda6e033d", 0xFF020000: "a707c203a59b47184a1d62ca570406ea7ae3e5d3",
    0xFACEB002: "c3eef712c72ebb5a11a7d2432bb46365bef9f502", 0xABCD0000: "afbfec289993d24c9e9786f19c6111e04390a899",
}
GOOGLE = (0x51303530, 0x54303530, 0x54303531)


def expand(secret, label, length):
    label = b"tls13 " + label.encode()
    info = struct.pack("!HB", length, len(label)) + label + b"\0"
    return HKDFExpand(algorithm=hashes.SHA256(), length=length, info=info).derive(secret)


def number(value):
    if value < 64:
        return bytes([value])
    return struct.pack("!H", 0x4000 | value) if value < 16384 else struct.pack("!I", 0x80000000 | value)


class Connection:
    def __init__(self, version, dcid):
        self.version, self.count, self.scid = version, 0, dcid[::-1][:4]
        extract = hmac.HMAC(bytes.fromhex(SALTS[version]), hashes.SHA256())
        extract.update(dcid)
        client = expand(extract.finalize(), "client in", 32)
        word = "quicv2 " if version in (0x6B3343CF, 0xFF020000) else "quic "
        self.key, self.iv = expand(client, word + "key", 16), expand(client, word + "iv", 12)
        self.mask_key = expand(client, word + "hp", 16)

    def initial(self, dcid, frames, token=b"", size=0):
        """One protected Initial packet; `size` pads it with PADDING frames."""
        kind = 0b11010000 if self.version == 0x6B3343CF else 0b11000000
        front = bytes([kind | 1]) + struct.pack("!I", self.version) + bytes([len(dcid)]) + dcid
        front += bytes([len(self.scid)]) + self.scid + number(len(token)) + token
        # Two bytes of length, two of packet number, sixteen of tag.
        frames += b"\0" * (size - len(front) - 2 - 2 - 16 - len(frames))
        head = front + struct.pack("!H", 0x4000 | (2 + len(frames) + 16)) + struct.pack("!H", self.count)
        nonce = bytes(a ^ b for a, b in zip(self.iv, self.count.to_bytes(12, "big")))
        sealed = AESGCM(self.key).encrypt(nonce, frames, head)
        cipher = Cipher(algorithms.AES(self.mask_key), modes.ECB()).encryptor()
        mask = cipher.update(sealed[2:18])
        self.count += 1
        masked = bytes([head[0] ^ (mask[0] & 0x0F)]) + head[1:-2] + bytes(
            a ^ b for a, b in zip(head[-2:], mask[1:3]))
        return masked + sealed


def flight(name, plan, version, message=None):
    message = message or packets.hello(name)[5:]
    mark = hashlib.sha256(name.encode()).digest()
    dcid, server_cid = mark[:8], mark[8:12]
    quic = Connection(version, dcid)
    at, end = message.index(name.encode()) + 3, len(message)

    def crypto(start, stop):
        return (b"\x08" if version in GOOGLE else b"\x06") + number(start) + number(stop - start) + message[start:stop]

    def first(*spans, between=b"", to=dcid, token=b"", size=1200):
        return quic.initial(to, between.join(crypto(a, b) for a, b in spans), token, size)

    gap = b"\x01" + b"\0" * 20 + b"\x01"
    if plan == "plain":
        return [first((0, end))]
    if plan == "two":
        return [first((0, at)), first((at, end))]
    if plan == "two-swapped":
        return [first((0, at)), first((at, end))][::-1]
    if plan == "two-doubled":
        one, two = first((0, at)), first((at, end))
        return [one, one, two, one]
    if plan == "pieces":
        return [first((at, end), (0, 40), (100, at), (40, 100), between=gap)]
    if plan == "hole-filled-late":
        return [first((0, 60), (at, end)), first((100, at)), first((0, 60)), first((60, 100))]
    if plan == "coalesced":
        return [first((0, at), size=600) + first((at, end), size=600)]
    if plan == "other-dcid":
        return [first((0, at)), first((at, end), to=server_cid)]
    if plan == "overlap":
        return [first((0, at + 5), (at - 30, at + 2)), first((at - 10, end))]
    if plan == "token":
        return [first((0, end), token=b"t" * 70)]
    if plan == "one-byte-frames":
        spans = [(0, at - 3)] + [(n, n + 1) for n in range(at - 3, at + 3)] + [(at + 3, end)]
        return [first(*spans)]
    if plan == "ten-pieces-swapped":
        step = -(-end // 10)
        cut = [(n, min(n + step, end)) for n in range(0, end, step)]
        return [first(*cut[7:], between=gap), first(*cut[3:7][::-1]), first(*cut[:3])]
    if plan == "never":
        one = first((0, 60), (at, end))
        return [one, one, first((0, 60), (0, 60)), one]
    raise SystemExit(f"no such plan: {plan}")


if __name__ == "__main__":
    host, how, which, *rest = sys.argv[1:]
    given = bytes.fromhex(rest[1]) if rest else None
    known = {"1": 1, "2": 0x6B3343CF}
    for datagram in flight(host, how, known.get(which) or int(which, 16), given):
        print(datagram.hex())
