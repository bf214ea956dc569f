"""A running daemon with a played week, for the browser tests and the pictures of the documents.

Enters: the program, a folder. Leaves: its address, its one-time link; frames are told to it through a
pipe, so that more can follow while people look. Never: a network beyond loopback.
"""

import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time
import tomllib

HERE = os.path.dirname(os.path.abspath(__file__))


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def silent(start, seconds):
    """Connections that nobody answers, which can never be named: a block for each, built."""
    for place, at in enumerate(range(1800, seconds, 2100)):
        ports = struct.pack(">HH", 40000 + place, 443)
        tcp = ports + struct.pack(">IIBBHHH", place, 0, 0x50, 2, 64240, 0, 0)
        addresses = bytes([192, 0, 2, 11, 203, 0, 113, 9])
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 40, place, 0x4000, 64, 6, 0) + addresses
        frame = bytes.fromhex("02000000000100163e00000b0800") + ip + tcp
        stamp = (start + at) * 10**9
        body = struct.pack("<IIIII", 0, stamp >> 32, stamp & 0xffffffff, len(frame), len(frame))
        body += frame + bytes(-len(frame) % 4)
        length = struct.pack("<I", len(body) + 12)
        yield stamp, struct.pack("<I", 6) + length + body + length


def blocks(capture):
    """The blocks of a pcapng file, with the time of each packet in seconds."""
    at = 0
    while at < len(capture):
        kind, length = struct.unpack_from("<II", capture, at)
        seconds = None
        if kind == 6:
            high, low = struct.unpack_from("<II", capture, at + 12)
            seconds = ((high << 32) | low)
        yield seconds, capture[at:at + length]
        at += length


class Stage:
    def __init__(self, program, folder):
        self.program, self.folder = os.path.abspath(program), folder
        os.makedirs(folder, exist_ok=True)
        self.port = free_port()
        self.log = []
        self.link = None
        self.make()

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *args):
        done = subprocess.run([self.program, *args], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{args}: {done.stderr}{done.stdout}")
        return done.stdout

    def make(self):
        """The week's frames and logs, from the case file, so that it begins 26 hours ago."""
        self.start = int(time.time()) // 3600 * 3600 - 26 * 3600
        case = open(os.path.join(HERE, "office.toml")).read()
        case = case.replace("\n[organisation]\n", f"\nstart = {self.start}\n\n[organisation]\n", 1) \
            if "\nstart = " not in case else case
        with open(self.path("office.toml"), "w") as out:
            out.write(case)
        self.run("simulate", self.path("office.toml"), "--out", self.path("week.pcapng"),
                 "--feeds", self.path("feeds"))
        os.mkfifo(self.path("frames"))
        self.officers = []
        for name in ("olga", "otto"):
            subprocess.run(["age-keygen", "-o", self.path(f"{name}.key")], check=True,
                           capture_output=True)
            public = re.search("public key: (age1\\w+)", open(self.path(f"{name}.key")).read())
            self.officers.append((name, public.group(1)))
        feeds = open(self.path("feeds/feeds.toml")).read().replace(
            'path = "', f'path = "{self.path("feeds")}/')
        officers = ", ".join(f'{{ name = "{n}", recipient = "{r}" }}' for n, r in self.officers)
        config = f"""
[sensor]
read = ["{self.path('frames')}"]
monitored = ["192.0.2.0/24"]
[hits]
path = "{self.path('hits.jsonl')}"
[privacy]
key_file = "{self.path('key')}"
impact_assessment = "DPIA-2026-014"
[organisation]
map = "{self.path('feeds')}/organisation.toml"
[identity]
officers = [{officers}]
threshold = 2
[cases]
folder = "{self.path('cases')}"
[ledger]
folder = "{self.path('ledger')}"
store = "{self.path('store.sqlite')}"
[alerts]
folder = "{self.path('alerts')}"
[http]
listen = "127.0.0.1:{free_port()}"
[control]
socket = "{self.path('control.sock')}"
[console]
listen = "127.0.0.1:{self.port}"
folder = "{self.path('console')}"
second_factor = []
zone = "Europe/Amsterdam"
{feeds}
"""
        with open(self.path("poortwacht.toml"), "w") as out:
            out.write(config)

    def begin(self):
        self.child = subprocess.Popen(
            [self.program, "run", "--config", self.path("poortwacht.toml")],
            stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"})
        threading.Thread(target=self.listen, daemon=True).start()
        self.wait_for(lambda: self.link, "the one-time link")
        self.pipe = open(self.path("frames"), "wb", buffering=0)
        capture = open(self.path("week.pcapng"), "rb").read()
        self.later = []
        # The second day's first frames are kept back: they come while somebody looks.
        first, hour = None, 0
        told = [*blocks(capture), *silent(self.start, 80000)]
        for stamp, block in sorted(told, key=lambda it: it[0] or 0):
            if stamp is not None:
                first = first or stamp
                after = (stamp - first) / 1e9
                if after > 87000:
                    self.later.append(block)
                    continue
                # The sensor tells its counts twice a second: each hour gets its own.
                if after // 3600 > hour:
                    hour = after // 3600
                    time.sleep(0.7)
            self.pipe.write(block)

    def more(self):
        """The frames that were kept back."""
        for block in self.later:
            self.pipe.write(block)
        self.later = []

    def listen(self):
        for line in self.child.stderr:
            self.log.append(line)
            found = re.search(r"http://\S+/link/\S+", line)
            if found and not self.link:
                self.link = found.group(0)

    def wait_for(self, what, name, seconds=60):
        end = time.time() + seconds
        while time.time() < end:
            found = what()
            if found:
                return found
            if self.child.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError(f"{name} did not come:\n{''.join(self.log[-40:])}")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def invite(self, name, *roles):
        told = self.run("console", "invite", name, *sum((["--role", role] for role in roles), []),
                        "--config", self.path("poortwacht.toml"))
        return re.search(r"http://\S+", told).group(0)

    def end(self):
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
