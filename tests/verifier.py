#!/usr/bin/env python3
"""A second verifier of a ledger, written from docs/ledger.md; shares no code with the program.

    tests/verifier.py DIR --key FILE [--checkpoint FILE]... [--witness FILE]...

Exit code 0: verifies, 1: does not, 4: there is nothing to verify. Needs python3-cryptography.
"""

import argparse
import base64
import hashlib
import re
import sys
from datetime import datetime, timezone
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WIDTH = 256
# A note is text, an empty line, lines that begin with a dash; or what is left is none.
NOTE = re.compile("(?:[^\n]+\n)+\n(?:—[^\n]*\n)+|[^\n][^\0]*")


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


class Key:
    """name+id+base64(type, key); type 1 signs notes, 4 is a witness's."""

    def __init__(self, path):
        self.name, ident, encoded = Path(path).read_text().strip().split("+", 2)
        data = base64.b64decode(encoded, validate=True)
        self.kind, self.key = data[0], Ed25519PublicKey.from_public_bytes(data[1:])
        self.ident = sha(self.name.encode(), b"\n", data)[:4]
        if self.ident.hex() != ident or self.kind not in (1, 4):
            raise ValueError(f"{path} is no key, or was copied wrongly")

    def signed(self, note):
        """Whether this key signed the note. A signature of it that does not hold is a fault."""
        found = False
        for name, data in note.signatures:
            if name != self.name or data[:4] != self.ident:
                continue
            signature, said = data[4:], note.text
            if self.kind == 4:
                time, signature = int.from_bytes(signature[:8], "big"), signature[8:]
                said = f"cosignature/v1\ntime {time}\n{said}"
            self.key.verify(signature, said.encode())
            found = True
        return found


class Checkpoint:
    """A signed note that says origin, size and root."""

    def __init__(self, note, log):
        text, lines = note.rsplit("\n\n", 1)
        self.text = text + "\n"
        origin, size, root = self.text.split("\n")[:3]
        self.size, self.root = int(size), base64.b64decode(root, validate=True)
        found = [line.split(" ") for line in lines.removesuffix("\n").split("\n")]
        self.signatures = [(n, base64.b64decode(s, validate=True)) for _, n, s in found]
        if not lines.endswith("\n") or not log.signed(self) or origin != log.name:
            raise ValueError("a checkpoint is not of this log, or not signed by its key")


def resource(folder, index, width):
    """A tile or bundle: the partial one of this width, or the full one that took its place."""
    groups = re.findall("...", f"{index:0{-(-len(str(index)) // 3) * 3}}")
    full = folder / "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
    partial = Path(f"{full}.p") / str(width)
    for path in [full] if width == WIDTH else [partial, full]:
        if path.exists():
            return path.read_bytes(), [WIDTH if path == full else width, width]
    raise ValueError(f"{partial if width < WIDTH else full} is missing")


def tile(folder, level, index, width):
    data, widths = resource(folder / "tile" / str(level), index, width)
    if len(data) % 32 or len(data) // 32 not in widths:
        raise ValueError(f"tile {level}/{index} has the wrong length")
    return [data[at : at + 32] for at in range(0, 32 * width, 32)]


def bundle(folder, index, width):
    data, widths = resource(folder / "tile" / "entries", index, width)
    leaves, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        leaves.append(data[at + 2 : end])
        at = end
    if at != len(data) or len(leaves) not in widths:
        raise ValueError(f"bundle {index} is cut or too long")
    return leaves[:width]


def roots(hashes, sizes):
    """The root of the first n hashes for each n of sizes, by a stack of perfect subtrees."""
    found, stack = {0: sha()}, []
    for size, hashed in enumerate(hashes, 1):
        height = 0
        while stack and stack[-1][0] == height:
            hashed, height = sha(b"\1", stack.pop()[1], hashed), height + 1
        stack.append((height, hashed))
        if size in sizes:
            found[size] = stack[-1][1]
            for _, left in stack[-2::-1]:
                found[size] = sha(b"\1", left, found[size])
    return found


def check_payload(line, number, leaf):
    """A line of a payload file against the leaf of the same number."""
    fields, end = line.split(b"\t"), 2 + leaf[1]
    hour = int.from_bytes(leaf[end : end + 4], "big", signed=True)
    start = datetime.fromtimestamp(hour * 3600, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    if leaf[0] != 1 or len(leaf) != end + 36 or len(fields) not in (4, 6):
        raise ValueError("its leaf or its line is none")
    check = sha(b"\0", leaf)[:8].hex()
    if fields[:4] != [str(number).encode(), leaf[2:end], start.encode(), check.encode()]:
        raise ValueError("its line is of another entry, kind or hour, or has another check")
    if len(fields) == 6 and sha(bytes.fromhex(fields[4].decode()), fields[5]) != leaf[end + 4 :]:
        raise ValueError("its payload is not the one that was committed to")


def entries(folder, size):
    """The hash of each leaf, after it was compared with its tile and its payload."""
    for index in range(-(-size // WIDTH)):
        width = min(WIDTH, size - index * WIDTH)
        leaves, hashes = bundle(folder, index, width), tile(folder, 0, index, width)
        lines = resource(folder / "payload", index, WIDTH)[0].split(b"\n")
        if len(lines) <= width or (width == WIDTH and lines[WIDTH:] != [b""]):
            raise ValueError(f"payload file {index} ends early or goes on too long")
        for number, (leaf, hashed, line) in enumerate(zip(leaves, hashes, lines), index * WIDTH):
            if sha(b"\0", leaf) != hashed:
                raise ValueError(f"entry {number}: leaf and tile differ")
            try:
                check_payload(line, number, leaf)
            except (ValueError, IndexError, OverflowError) as error:
                raise ValueError(f"entry {number}: {error}") from None
            yield hashed


def upper_tiles(folder, hashes, level=1):
    """Tiles above level 0, against the hashes of full tiles below."""
    full = range(0, len(hashes) - WIDTH + 1, WIDTH)
    hashes = [roots(hashes[at : at + WIDTH], [WIDTH])[WIDTH] for at in full]
    for index in range(-(-len(hashes) // WIDTH)):
        part = hashes[index * WIDTH : (index + 1) * WIDTH]
        if tile(folder, level, index, len(part)) != part:
            raise ValueError(f"tile {level}/{index} is not the one above these entries")
    if hashes:
        upper_tiles(folder, hashes, level + 1)


def verify(folder, log, earlier, witnesses):
    anchors = [Checkpoint((folder / "checkpoint").read_text(), log)]
    for path in [folder / "checkpoints", folder / "witnessed", *earlier]:
        notes = NOTE.findall(path.read_text() if path in earlier or path.exists() else "")
        # A crash may have left the begin of a last one.
        anchors += [Checkpoint(n, log) for n in notes if n.endswith("\n") or n is not notes[-1]]
        if path in earlier and not notes:
            raise ValueError(f"{path} holds no checkpoint")
        if path not in earlier:
            size = max(anchor.size for anchor in anchors)
    hashes = list(entries(folder, size))
    upper_tiles(folder, hashes)
    found = roots(hashes, {anchor.size for anchor in anchors})
    for anchor in anchors:
        if found.get(anchor.size) != anchor.root:
            raise ValueError(f"these are not the {anchor.size} entries that were signed")
    for key in witnesses:
        if not any([key.signed(anchor) for anchor in anchors]):
            raise ValueError(f"no checkpoint bears the signature of {key.name}")
    return size


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--key", required=True)
    parser.add_argument("--checkpoint", type=Path, action="append", default=[])
    parser.add_argument("--witness", action="append", default=[])
    args = parser.parse_args()
    try:
        size = verify(args.folder, Key(args.key), args.checkpoint, [Key(w) for w in args.witness])
    except (ValueError, InvalidSignature) as fault:
        sys.exit(f"DOES NOT VERIFY: {fault!r}")
    except OSError as error:
        print(f"nothing to verify: {error}", file=sys.stderr)
        sys.exit(4)
    print(f"Verifies: {size} entries.")
    if not args.checkpoint and not args.witness:
        print("Without an earlier checkpoint or a witness a rewrite cannot be excluded.")


if __name__ == "__main__":
    main()
