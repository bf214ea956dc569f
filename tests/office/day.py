"""A day at the office: five employees, what each does, and how each gets address and name.

Enters: a running office. Leaves: the moments that a judge needs. Never: tells the daemon anything.

1 (Anna) reads the front page, signs up, opens the mailed link, logs in, searches with a photo.
2 (Bram) reads an article that links to vendors and preconnects.
3 (Chris) gets Anna's old address after she has left, and reads the same vendor's front page.
4 (Daan) asks PimEyes to delete his pictures, with a photo.
5 (Eva) reads an article without vendors.
"""

import concurrent.futures
import os
import random
import time

import network
import person
import staff

# user, host name, link-layer address (those of RFC 9542 for documentation)
STAFF = {
    "anna": ("adevries", "laptop-adevries", "00:00:5e:00:53:01"),
    "bram": ("bjansen", "laptop-bjansen", "00:00:5e:00:53:02"),
    "chris": ("cbakker", "pc-cbakker", "00:00:5e:00:53:03"),
    "daan": ("doosterhuis", "laptop-doosterhuis", "00:00:5e:00:53:04"),
    "eva": ("emeijer", "pc-emeijer", "00:00:5e:00:53:05"),
}


class Day:
    """`names` is `radius` or `kerberos`, `resolver` is `direct` or `internal`."""

    def __init__(self, office, world, names, resolver, h3):
        self.office, self.world, self.h3 = office, world, h3
        self.mail = staff.Mail(office, [user for user, _, _ in STAFF.values()])
        at = network.WORLD_DNS
        self.resolver = None
        if resolver == "internal":
            self.resolver, at = staff.Resolver(office), network.RESOLVER
        self.radius = staff.Radius(office) if names == "radius" else None
        users = [user for user, _, _ in STAFF.values()]
        self.kerberos = staff.Kerberos(office, users) if names == "kerberos" else None
        for name, (_, _, mac) in STAFF.items():
            office.employee(name, mac, at)
        self.map()
        self.marks, self.sessions = {}, {}

    def map(self):
        """The organisation map, as its security officer would write it."""
        self.map_path = os.path.join(self.office.folder, "organisation.toml")
        router = self.office.router.run("cat", "/sys/class/net/lan0/address").strip()
        with open(os.path.join(self.office.folder, "people.csv"), "w") as out:
            out.write("user,mail,aliases,unit\n")
            out.writelines(f"{user},{user}@{network.DOMAIN},,\n" for user, _, _ in STAFF.values())
        with open(self.map_path, "w") as out:
            out.write(f"""name = "The office"
people = "people.csv"
realms = ["{staff.REALM}"]
mail_domains = ["{network.DOMAIN}"]
""")
            for prefix, kind in ((network.LAN, "staff"), (f"{network.RESOLVER}/32", "resolver"),
                                 (f"{network.MAIL}/32", "mail-server"), (f"{network.ACCESS}/32", "server"),
                                 (f"{network.CENTRE}/32", "server")):
                out.write(f'\n[[network]]\nprefix = "{prefix}"\nkind = "{kind}"\n')
            out.write(f'\n[[router]]\nmac = "{router}"\n')

    def arrive(self, name, wanted=None):
        """Address by DHCP, then the name: the switch reports, or the person logs in."""
        user, host, mac = STAFF[name]
        address = self.office.dhclient(name, host, wanted)
        self.sessions[name] = f"session-{name}"
        if self.radius:
            self.radius.report("Start", user, address, mac, self.sessions[name])
        if self.kerberos:
            self.kerberos.login(name, user)
        self.marks[f"{name}-address"] = address
        self.marks[f"{name}-came"] = time.time()
        return address

    def leave(self, name):
        user, _, mac = STAFF[name]
        self.marks[f"{name}-went"] = time.time()
        if self.radius:
            self.radius.report("Stop", user, self.marks[f"{name}-address"], mac, self.sessions[name], 120)
        self.office.release(name)

    def browse(self, name, seed):
        return person.Browser(self.office, self.world, name, self.h3, seed)

    def check_protocol(self, b):
        used = {protocol for protocol, _ in b.do("about") if protocol}
        if used != {"h3" if self.h3 else "h2"}:
            raise SystemExit(f"the browser was to use {'h3' if self.h3 else 'h2'} and used {used}")

    def anna(self):
        rng = random.Random("anna")
        given = dict(person.identity(rng), mail=f"{STAFF['anna'][0]}@{network.DOMAIN}")
        self.arrive("anna")
        with self.browse("anna", 1) as b:
            b.do("open", url="https://www.kairos.com/")
            b.do("read", seconds=rng.uniform(18, 25))
            self.check_protocol(b)
            person.signup(b, "kairos", rng, given)
            self.check_protocol(b)
            self.marks["anna-signed-up"] = time.time()
            person.verify_link(b, "kairos", rng, self.mail.link(STAFF["anna"][0]))
            person.login(b, "kairos", rng, given)
            person.search(b, "kairos", rng, self.office.folder)
            self.check_protocol(b)
            self.marks["anna-searched"] = time.time()
        time.sleep(3)
        self.leave("anna")

    def chris(self):
        """Comes when Anna's address is free, and gets it."""
        time.sleep(3)
        old = self.marks["anna-address"]
        if self.arrive("chris", old) != old:
            raise SystemExit(f"the third employee was to get {old} and got {self.marks['chris-address']}")
        rng = random.Random("chris")
        with self.browse("chris", 3) as b:
            b.do("open", url="https://www.kairos.com/")
            b.do("read", seconds=12)
            b.do("open", url="https://www.kairos.com/demo")
            b.do("read", seconds=rng.uniform(6, 9))
            self.check_protocol(b)

    def bram(self):
        self.arrive("bram")
        with self.browse("bram", 2) as b:
            person.article(b, random.Random("bram"), "preconnect", "/article")
            self.check_protocol(b)

    def daan(self):
        rng = random.Random("daan")
        given = dict(person.identity(rng), mail=f"{STAFF['daan'][0]}@{network.DOMAIN}")
        self.arrive("daan")
        with self.browse("daan", 4) as b:
            person.rights_request(b, "pimeyes", rng, given, self.office.folder)
            self.check_protocol(b)

    def eva(self):
        self.arrive("eva")
        with self.browse("eva", 5) as b:
            person.article(b, random.Random("eva"), "plain", "/article-plain")
        self.leave("eva")

    def play(self):
        """Anna, then Chris; the others meanwhile. The moments, in seconds since the epoch."""
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            def others():
                for one in (self.eva, self.bram, self.daan):
                    one()
            jobs = [pool.submit(lambda: (self.anna(), self.chris())), pool.submit(others)]
            for job in jobs:
                job.result()
        return self.marks
