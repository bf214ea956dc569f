#!/usr/bin/env python3
"""A second verifier of an evidence bundle, written from docs/evidence.md; shares no code with the
program, and with tests/verifier.py what both kinds of files have in common. Exit code 1: no.

    tests/bundle_verifier.py BUNDLE --key FILE [--checkpoint FILE]...
"""

import argparse
import base64
import io
import json
import sys
import tarfile
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from verifier import Checkpoint, Key, check_payload, sha

LISTED = ["README.txt", "report.en.html", "report.nl.html", "bundle.json", "entries.tsv",
          "sealed-keys.json", "witnessed"]
PROVING = ["manifest.txt", "export.tlog-proof", "proofs.tsv", "growth.tsv", "checkpoint", "key.pub"]
OPENED = ["opened/keys.json", "opened/identity.json", "opened/frames.pcapng"]
HEX, INT = (bytes.fromhex, bytes.hex), (int, str)
BASE64 = (base64.b64decode, lambda data: base64.b64encode(data).decode())
CRYPTO = (InvalidSignature, InvalidTag)
OPTIONAL = {"sealed-keys.json", "witnessed", "growth.tsv", *OPENED}


def header(name, size):
    """The one head that a file of this name and size can have: ustar, nobody's, of 1970."""
    numbers = [(0o644, 8), (0, 8), (0, 8), (size, 12), (0, 12)]
    head = name.encode().ljust(100, b"\0")
    head += b"".join(f"{value:0{length - 1}o}\0".encode() for value, length in numbers)
    rest = b"0" + bytes(100) + b"ustar\x0000" + bytes(247)
    return head + b"%07o\0" % sum(head + b" " * 8 + rest) + rest


def unpack(data):
    """The files of the archive, if its bytes are the only ones that these files can make."""
    files, prefix, again = {}, None, b""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for member in archive:
            folder, _, name = member.name.partition("/")
            if prefix not in (None, folder) or name in files or not member.isreg():
                raise ValueError(f"{member.name} does not belong into a bundle, or stands twice")
            prefix, files[name] = folder, archive.extractfile(member).read()
    for name in LISTED + PROVING + OPENED:
        if name in files:
            body = files[name]
            again += header(f"{prefix}/{name}", len(body)) + body + bytes(-len(body) % 512)
        elif name not in OPTIONAL:
            raise ValueError(f"{name} is missing")
    if again + bytes(1024) != data or len({name in files for name in OPENED}) > 1:
        raise ValueError("the archive is not written as it should be")
    return prefix.removeprefix("evidence-"), files


def exact(form, text):
    """The value of a text that can be written in this one way only."""
    parse, write = form
    if write(parse(text)) != text:
        raise ValueError(f"`{text[:40]}` is not written as it should be")
    return parse(text)


def step(below, number, last, sides):
    """One step up, for every hash in sides: RFC 9162 sections 2.1.3.2 and 2.1.4.2."""
    if last == 0:
        raise ValueError("a path is too long")
    if number & 1 or number == last:
        sides = [sha(b"\1", below, side) for side in sides]
        while not number & 1 and number:
            number, last = number >> 1, last >> 1
    else:
        sides = sides[:-1] + [sha(b"\1", sides[-1], below)]
    return number >> 1, last >> 1, sides


def root_of(leaf, number, size, path):
    sides, last = [sha(b"\0", leaf)], size - 1
    for below in path:
        number, last, sides = step(below, number, last, sides)
    return sides[0] if last == 0 else None


def growth(files, head):
    """The roots of the first so many entries that this checkpoint grew out of."""
    found = {head.size: head.root}
    for line in files.get("growth.tsv", b"").decode().split("\n")[:-1]:
        old, root, path = line.split("\t")
        found[exact(INT, old)] = exact(HEX, root)
        path = [exact(HEX, one) for one in path.split(" ") if one]
        path = [exact(HEX, root)] * (int(old) & (int(old) - 1) == 0) + path
        number, last, sides = int(old) - 1, head.size - 1, path[:1] * 2
        while number & 1:
            number, last = number >> 1, last >> 1
        for below in path[1:]:
            number, last, sides = step(below, number, last, sides)
        if last or sides != [exact(HEX, root), head.root]:
            raise ValueError("growth.tsv: a proof does not lead to this checkpoint")
    return found


def export(files, case, head):
    """What the entry of the export says, once it is proved."""
    proof, note = files["export.tlog-proof"].decode().split("\n\n", 1)
    first, extra, index, *path = proof.split("\n")
    if note.encode() != files["checkpoint"] or first != "c2sp.org/tlog-proof@v1":
        raise ValueError("it stands under another checkpoint, or is no proof")
    line, number = exact(BASE64, extra[6:]), exact(INT, index[6:])
    fields = line.removesuffix(b"\n").split(b"\t")
    hour = datetime.strptime(fields[2].decode(), "%Y-%m-%dT%H:00:00Z") - datetime(1970, 1, 1)
    hours = hour.days * 24 + hour.seconds // 3600
    leaf = b"\1" + bytes([len(fields[1])]) + fields[1] + hours.to_bytes(4, "big", signed=True)
    leaf += sha(exact(HEX, fields[4].decode()), fields[5])
    check_payload(line.removesuffix(b"\n"), number, leaf)
    if root_of(leaf, number, head.size, [exact(BASE64, one) for one in path]) != head.root:
        raise ValueError("its path does not lead to the root")
    act = json.loads(fields[5])["body"]["act"]
    if [extra[:6], index[:6], fields[1], act["case"]] != ["extra ", "index ", b"export", case]:
        raise ValueError("it is no export of this case")
    return act


def entries(files, head):
    """Number and text of each entry that holds."""
    lines, proofs = (files[name].split(b"\n") for name in ("entries.tsv", "proofs.tsv"))
    said = []
    for line, proof in zip(lines[:-1], proofs[:-1]):
        number = "?"
        try:
            number, leaf, path = proof.decode().split("\t")
            path = [exact(HEX, one) for one in path.split(" ")] if path else []
            check_payload(line, exact(INT, number), exact(HEX, leaf))
            if root_of(exact(HEX, leaf), int(number), head.size, path) != head.root:
                raise ValueError("its path does not lead to the root")
            salt, text = (line.split(b"\t")[4:] + [b"", None])[:2]
            said.append((exact(INT, number), exact(HEX, salt.decode()) and text))
        except (ValueError, IndexError, OverflowError) as error:
            raise ValueError(f"entry {number}: {error}") from None
    if lines[-1] or proofs[-1] or len(lines) != len(proofs) or said != sorted(dict(said).items()):
        raise ValueError("entries.tsv, proofs.tsv: a line is too much, missing or out of order")
    return said


def opened(files, subject, said):
    """Do the keys open the sealed records to what identity.json says? (The frames are not read.)"""
    keys = {name: exact(HEX, key) for name, key in json.loads(files[OPENED[0]])["keys"].items()}
    bodies = [json.loads(text)["body"] for _, text in said if text]
    bound, found = b"poortwacht/1/sealed\0" + subject.encode(), []
    for body in bodies:
        if body.get("subject") == subject and body.get("key") in keys and "shares" in body:
            sealed = base64.b64decode(body["text"])
            clear = AESGCM(keys[body["key"]]).decrypt(sealed[:12], sealed[12:], bound)
            found.append(json.loads(clear))
    if json.loads(files[OPENED[1]]) != {"subject": subject, "identities": found}:
        raise ValueError("opened/identity.json: it is not what the sealed records open to")


def verify(data, key_path, earlier):
    case, files = unpack(data)
    key = Key(key_path)
    if Path(key_path).read_text().strip() + "\n" != files["key.pub"].decode():
        raise ValueError("key.pub: it is of another key than the one given")
    head = Checkpoint(files["checkpoint"].decode(), key)
    act = export(files, case, head)
    said = entries(files, head)
    if sha(files["manifest.txt"]).hex() != act["digest"]:
        raise ValueError("manifest.txt: it is not the one that the entry of the export names")
    lines = [f"{sha(files[name]).hex()}  {name}\n" for name in LISTED if name in files]
    if "".join(lines).encode() != files["manifest.txt"]:
        raise ValueError("a file is not the one that manifest.txt names")
    roots = growth(files, head)
    for seen in [Checkpoint(path.read_text(), key) for path in earlier]:
        if roots.get(seen.size) != seen.root:
            raise ValueError(f"no proof leads from the checkpoint of {seen.size} entries to this")
    if OPENED[0] in files:
        opened(files, json.loads(files["bundle.json"])["facts"]["case"]["subject"], said)
    return len(said)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--key", required=True)
    parser.add_argument("--checkpoint", type=Path, action="append", default=[])
    args = parser.parse_args()
    try:
        count = verify(args.bundle.read_bytes(), args.key, args.checkpoint)
    except (ValueError, LookupError, TypeError, tarfile.TarError, *CRYPTO) as fault:
        sys.exit(f"DOES NOT VERIFY: {fault!r}")
    print(f"Verifies: {count} entries.")


if __name__ == "__main__":
    main()
