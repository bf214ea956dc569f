"""The office: employees behind a switch, a router with the watched interface, the world behind it.

Enters: a scratch folder. Leaves: an `Office` whose `router`, `world`, `centre`, `services` and
employees run programs inside their namespace. Never: touches an interface it did not make; reaches
any address outside (no namespace has a link to the machine's own network).

    employee namespaces --+
    services (mail,       +-- switch -- lan0 router wan0 -- world: resolver, vendors, newspaper
     resolver), access  --+                  |dc0 -- centre: RADIUS server, KDC

Addresses are those reserved for documentation (RFC 5737).
"""

import os
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lab"))

from netns import Lab, run  # noqa: E402

LAN = "192.0.2.0/24"
ROUTER = "192.0.2.1"
ACCESS, MAIL, RESOLVER = "192.0.2.2", "192.0.2.25", "192.0.2.53"
POOL = ("192.0.2.100", "192.0.2.150")
WORLD_ROUTER, WORLD_DNS = "198.51.100.1", "198.51.100.53"
CENTRE_ROUTER, CENTRE = "203.0.113.1", "203.0.113.10"
DOMAIN = "office.example"


class Office(Lab):
    """The namespaces; use it with `with`."""

    def __init__(self, folder):
        self.employees = {}
        super().__init__(folder)

    def build(self, *_):
        self.links = 0
        self.switch = self.space("switch")
        self.router = self.space("router")
        self.world = self.space("world")
        self.centre = self.space("centre")
        self.services = self.space("services")
        self.access = self.space("access")
        self.switch.ip("link", "add", "br0", "type", "bridge", "forward_delay", "0")
        self.switch.ip("link", "set", "br0", "up")
        self.ports = 0
        self.plug(self.router, "lan0")
        self.plug(self.services, "eth0")
        self.plug(self.access, "eth0")
        self.link(self.router, "wan0", self.world, "wan0", 1500)
        self.link(self.router, "dc0", self.centre, "eth0", 1500)
        for space, interface, addresses in (
            (self.router, "lan0", [ROUTER]), (self.router, "wan0", [WORLD_ROUTER]),
            (self.router, "dc0", [CENTRE_ROUTER]), (self.centre, "eth0", [CENTRE]),
            (self.services, "eth0", [MAIL, RESOLVER]), (self.access, "eth0", [ACCESS]),
            (self.world, "wan0", [WORLD_DNS]),
        ):
            for address in addresses:
                space.ip("addr", "add", f"{address}/24", "dev", interface)
        for space, via in ((self.services, ROUTER), (self.access, ROUTER),
                           (self.world, WORLD_ROUTER), (self.centre, CENTRE_ROUTER)):
            space.ip("route", "add", "default", "via", via)
        self.router.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0",
                        "net.ipv4.conf.lan0.send_redirects=0")

    def plug(self, space, interface):
        """Connects an interface of a namespace to the switch."""
        self.ports += 1
        port = f"port{self.ports}"
        self.link(space, interface, self.switch, port, 1500)
        self.switch.ip("link", "set", port, "master", "br0")

    def dhcp(self):
        """dnsmasq on the router's inside: leases with short lives, the file is a feed."""
        self.leases = os.path.join(self.folder, "dnsmasq.leases")
        path = os.path.join(self.folder, "dhcp.conf")
        with open(path, "w") as out:
            out.write(f"""port=0
no-daemon
user=root
interface=lan0
bind-interfaces
dhcp-authoritative
dhcp-range={POOL[0]},{POOL[1]},255.255.255.0,1h
dhcp-option=option:router,{ROUTER}
dhcp-option=option:domain-name,{DOMAIN}
dhcp-leasefile={self.leases}
pid-file={self.folder}/dhcp.pid
""")
        self.router.start("dnsmasq", f"--conf-file={path}", log=os.path.join(self.folder, "dhcp.log"))

    def employee(self, name, mac, resolver=WORLD_DNS):
        """An employee's machine, plugged in but without an address yet."""
        space = self.space(name)
        self.plug(space, "eth0")
        space.ip("link", "set", "eth0", "address", mac)
        folder = f"/etc/netns/{space.name}"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/resolv.conf", "w") as out:
            out.write(f"nameserver {resolver}\noptions timeout:2 attempts:3\n")
        self.employees[name] = space
        return space

    def dhclient(self, name, host_name, wanted=None):
        """Asks for an address as a workplace does; returns it."""
        space = self.employees[name]
        stem = os.path.join(self.folder, f"dhclient-{name}")
        with open(f"{stem}.conf", "w") as out:
            out.write(f'send host-name "{host_name}";\n')
            if wanted:
                out.write(f"send dhcp-requested-address {wanted};\n")
            out.write("request subnet-mask, routers, domain-name;\ntimeout 20;\n")
        space.run("dhclient", "-1", "-4", "-cf", f"{stem}.conf", "-lf", f"{stem}.leases", "-pf", f"{stem}.pid",
                  "-sf", f"{HERE}/dhclient-script", "eth0", timeout=40)
        return self.address(name)

    def release(self, name):
        """Gives the address back and ends the client."""
        stem = os.path.join(self.folder, f"dhclient-{name}")
        self.employees[name].run("dhclient", "-r", "-4", "-cf", f"{stem}.conf", "-lf", f"{stem}.leases", "-pf",
                                 f"{stem}.pid", "-sf", f"{HERE}/dhclient-script", "eth0", timeout=30)

    def address(self, name):
        for _ in range(50):
            words = self.employees[name].ip("-4", "-o", "addr", "show", "dev", "eth0").split()
            if "inet" in words:
                return words[words.index("inet") + 1].split("/")[0]
            time.sleep(0.1)
        raise SystemExit(f"{name} got no address")

    def capture(self, path, *filter_words):
        """tcpdump on the watched interface; the process, for `stop_capture`."""
        log = path + ".log"
        dump = self.router.start("tcpdump", "-i", "lan0", "-Z", "root", "-U", "-s0", "--immediate-mode",
                                 "-B", "32768", "-w", path, *filter_words, log=log)
        for _ in range(200):
            if os.path.exists(log) and "listening on" in open(log).read():
                return dump
            time.sleep(0.05)
        raise SystemExit("tcpdump did not start")

    def stop_capture(self, dump, path):
        time.sleep(0.3)
        self.router.stop(dump)
        said = open(path + ".log").read()
        if "0 packets dropped by kernel" not in said:
            raise SystemExit(f"tcpdump lost packets:\n{said}")

    def __exit__(self, *_):
        for name in self.employees:
            pid = os.path.join(self.folder, f"dhclient-{name}.pid")
            if os.path.exists(pid):
                run("kill", open(pid).read().strip()) if os.path.exists(
                    f"/proc/{open(pid).read().strip()}") else None
        for space in self.spaces:
            shutil.rmtree(f"/etc/netns/{space.name}", ignore_errors=True)
        super().__exit__()
