"""A wire with a will of its own between the client and the router.

Enters: frames of `near` and `far`. Leaves: the same frames on the other side: tagged, untagged, or
(towards the router) lost, doubled and out of order. A kernel with `8021q` and `netem` could do
this too; this one asks nothing of the kernel and is the same every time (fixed seed).

    wire.py tag VLAN [OUTER]      towards far: 802.1Q, with OUTER an 802.1ad tag before it
    wire.py untag                 towards far: without tags; towards near: with the tags last seen
    wire.py rough SEED LOSS DOUBLE HOLD   percentages, for frames longer than 150 bytes
"""

import random
import select
import socket
import struct
import sys
import time

ETH_P_ALL, OUTGOING, SOL_PACKET, AUXDATA, AUX_VLAN = 3, 4, 263, 8, 0x10


def side(name):
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    end.bind((name, 0))
    end.setsockopt(SOL_PACKET, AUXDATA, 1)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    return end


def receive(end):
    """One frame with the tag that the kernel took out put back; None for our own sending."""
    frame, aside, _, sender = end.recvmsg(65535, 256)
    if sender[2] == OUTGOING:
        return None
    for level, kind, data in aside:
        if (level, kind) == (SOL_PACKET, AUXDATA):
            status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", data[:20])
            if status & AUX_VLAN:
                frame = frame[:12] + struct.pack("!HH", tpid or 0x8100, tci) + frame[12:]
    return frame


def tags(frame):
    at = 12
    while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    return frame[12:at]


def without(frame):
    return frame[:12] + frame[12 + len(tags(frame)):]


class Rough:
    def __init__(self, seed, loss, double, hold):
        self.dice = random.Random(int(seed))
        self.loss, self.double, self.hold = float(loss), float(double), float(hold)
        self.held = []

    def up(self, frame):
        """Frames to send now; a held one goes after the next, or after 30 ms."""
        if len(frame) < 150:
            return [frame]
        toss = self.dice.uniform(0, 100)
        if toss < self.loss:
            return []
        if toss < self.loss + self.double:
            return [frame, frame] + self.due(True)
        if toss < self.loss + self.double + self.hold:
            self.held.append((time.monotonic() + 0.03, frame))
            return []
        return [frame] + self.due(True)

    def due(self, now=False):
        ready = [f for at, f in self.held if now or at <= time.monotonic()]
        self.held = [] if now else [(at, f) for at, f in self.held if at > time.monotonic()]
        return ready


def main(words):
    near, far = side("near"), side("far")
    rough = Rough(*words[1:]) if words[0] == "rough" else None
    mark = b""
    if words[0] == "tag":
        mark = struct.pack("!HH", 0x8100, int(words[1]))
        if len(words) > 2:
            mark = struct.pack("!HH", 0x88A8, int(words[2])) + mark
    while True:
        ready, _, _ = select.select([near, far], [], [], 0.005)
        for end in ready:
            frame = receive(end)
            if frame is None:
                continue
            if end is near and rough:
                for out in rough.up(frame):
                    far.send(out)
            elif words[0] == "untag" and end is near:
                mark = tags(frame) or mark
                far.send(without(frame))
            elif words[0] == "untag":
                near.send(frame[:12] + mark + frame[12:])
            elif words[0] == "tag" and end is near:
                far.send(frame[:12] + mark + frame[12:])
            elif words[0] == "tag":
                near.send(without(frame))
            else:
                near.send(frame)
        if rough:
            for out in rough.due():
                far.send(out)


if __name__ == "__main__":
    main(sys.argv[1:])
