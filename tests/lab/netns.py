"""Three network namespaces: client - router - server, with an optional wire between the first two.

Enters: nothing. Leaves: a `Lab` whose `client`, `router` and `server` run programs inside their
namespace. Never: touches an interface it did not make; reaches any address outside (no namespace
has a link to the machine's own network).

Addresses are those reserved for documentation (RFC 5737, RFC 3849).
"""

import os
import shutil
import signal
import subprocess

CLIENT4, CLIENT6 = "192.0.2.10", "2001:db8:1::10"
SECOND4, SECOND6 = "192.0.2.11", "2001:db8:1::11"
ROUTER4, ROUTER6 = "192.0.2.1", "2001:db8:1::1"
DNS4, DNS6 = "198.51.100.53", "2001:db8:2::53"
NEWS4, NEWS6 = "198.51.100.80", "2001:db8:2::80"
VENDOR4, VENDOR6 = "198.51.100.81", "2001:db8:2::81"


def run(*command, **kwargs):
    """Runs to the end; an error says the command and what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, **kwargs)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Space:
    """One namespace; everything started in it is ended with it."""

    def __init__(self, name):
        self.name = name
        self.started = []
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")
        # No duplicate address detection: a client's first second would go without IPv6.
        self.run("sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0",
                 "net.ipv6.conf.default.router_solicitations=0")

    def ip(self, *words):
        return run("ip", "-n", self.name, *words)

    def run(self, *command, check=True, timeout=60, **kwargs):
        full = ("ip", "netns", "exec", self.name) + command
        done = subprocess.run(full, capture_output=True, text=True, timeout=timeout, **kwargs)
        if check and done.returncode != 0:
            raise SystemExit(
                f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done.stdout + done.stderr

    def start(self, *command, log=None):
        out = open(log, "a") if log else subprocess.DEVNULL
        full = ("ip", "netns", "exec", self.name) + command
        process = subprocess.Popen(
            full, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True
        )
        self.started.append(process)
        return process

    def stop(self, process, how=signal.SIGTERM):
        try:
            os.killpg(process.pid, how)
        except ProcessLookupError:
            pass
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process in self.started:
            self.started.remove(process)

    def remove(self):
        for process in list(self.started):
            self.stop(process)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True)


class Lab:
    """The lab; use it with `with`. `wire` is a list of bridges (see wire.py) on the client's side."""

    def __init__(self, folder, mtu=1500, server_mtu=1500, wires=()):
        self.folder = folder
        self.mark = f"pw{os.getpid() % 100000}"
        self.spaces = []
        try:
            self.build(mtu, server_mtu, wires)
        except BaseException:
            self.__exit__()
            raise

    def build(self, mtu, server_mtu, wires):
        self.links = 0
        # Below 1280 bytes the kernel takes IPv6 away from the interface (RFC 8200 section 5).
        self.small = min(mtu, server_mtu) < 1280
        self.client = self.space("client")
        self.router = self.space("router")
        self.server = self.space("server")
        left, left_if = self.client, "lan0"
        self.wires = []
        for number, wire in enumerate(wires):
            middle = self.space(f"wire{number}")
            self.link(left, left_if, middle, "near", 1600)
            self.wires.append((middle, wire))
            left, left_if = middle, "far"
        self.link(left, left_if, self.router, "lan0", 1600 if wires else mtu)
        if wires:
            self.router.ip("link", "set", "lan0", "mtu", str(mtu))
            self.client.ip("link", "set", "lan0", "mtu", str(mtu))
        self.link(self.router, "wan0", self.server, "wan0", server_mtu)
        for middle, wire in self.wires:
            middle.start("python3", os.path.join(os.path.dirname(__file__), "wire.py"), *wire,
                         log=os.path.join(self.folder, "wire.log"))
        self.addresses()

    def space(self, role):
        made = Space(f"{self.mark}-{role}")
        self.spaces.append(made)
        return made

    def link(self, a, a_name, b, b_name, mtu):
        self.links += 1
        left, right = f"{self.mark}a{self.links}", f"{self.mark}b{self.links}"
        run("ip", "link", "add", left, "type", "veth", "peer", "name", right)
        for interface, space, name in ((left, a, a_name), (right, b, b_name)):
            run("ip", "link", "set", interface, "netns", space.name)
            space.ip("link", "set", interface, "name", name)
            space.ip("link", "set", name, "mtu", str(mtu))
            # Segments as they would be on a real wire, not 64 kB giants with unfilled checksums.
            space.run("ethtool", "-K", name, "tso", "off", "gso", "off", "gro", "off",
                      "tx", "off", "rx", "off", check=False)
            space.ip("link", "set", name, "up")

    def addresses(self):
        for space, interface, v4s, v6s in (
            (self.client, "lan0", (CLIENT4, SECOND4), (CLIENT6, SECOND6)),
            (self.router, "lan0", (ROUTER4,), (ROUTER6,)),
            (self.router, "wan0", ("198.51.100.1",), ("2001:db8:2::1",)),
            (self.server, "wan0", (DNS4, NEWS4, VENDOR4), (DNS6, NEWS6, VENDOR6)),
        ):
            for v4 in v4s:
                space.ip("addr", "add", f"{v4}/24", "dev", interface)
            for v6 in () if self.small else v6s:
                # A second address must not be preferred as a source: mark it deprecated for that.
                life = ["preferred_lft", "0"] if v6 in (SECOND6,) else []
                space.ip("addr", "add", f"{v6}/64", "dev", interface, "nodad", *life)
        self.client.ip("route", "add", "default", "via", ROUTER4)
        if not self.small:
            self.client.ip("-6", "route", "add", "default", "via", ROUTER6)
            self.server.ip("-6", "route", "add", "default", "via", "2001:db8:2::1")
        self.server.ip("route", "add", "default", "via", "198.51.100.1")
        self.router.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        self.resolver(DNS4)

    def resolver(self, address):
        """`ip netns exec` shows this file as /etc/resolv.conf to programs in the client."""
        folder = f"/etc/netns/{self.client.name}"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/resolv.conf", "w") as out:
            out.write(f"nameserver {address}\noptions timeout:2 attempts:2\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for space in reversed(self.spaces):
            space.remove()
        shutil.rmtree(f"/etc/netns/{self.mark}-client", ignore_errors=True)
        try:
            os.rmdir("/etc/netns")
        except OSError:
            pass
