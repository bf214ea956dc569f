"""What an employee does, act by act: each function drives a browser through one act.

Enters: a `Browser` (a browser.py in the employee's namespace), a random source. Leaves: marks that
say which act began when. Never: waits longer or shorter than a person (browser.py has the paces).
"""

import json
import os
import subprocess
import time

from network import HERE
from pages import HOSTS, VENDORS

FIRST = ["Anna", "Bram", "Chris", "Daan", "Eva", "Femke", "Gijs", "Hanna", "Isa", "Jan-Willem", "Katharina"]
LAST = ["de Vries", "Jansen", "van den Berg", "Bakker", "Oosterhuis", "Smit", "Meijer", "van Leeuwenhoek"]
COMPANIES = ["Office", "Ministry of Examples", "Municipality of Voorbeeld", "Example BV", "Province"]


class Browser:
    """A browser in an employee's namespace; `with` ends it."""

    def __init__(self, office, world, name, h3, seed, pace=1.0, profile=None):
        folder = profile or os.path.join(office.folder, f"profile-{name}-{seed}")
        os.makedirs(folder, exist_ok=True)
        ways = ["--h3", ",".join(HOSTS)] if h3 else ["--h2"]
        env = dict(os.environ, HOME=folder, PYTHONUNBUFFERED="1")
        self.errors = open(os.path.join(office.folder, f"browser-{name}.err"), "a")
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", office.employees[name].name, "/usr/bin/python3", f"{HERE}/browser.py",
             "--profile", folder, "--spki", world.spki(), "--pace", str(pace), "--seed", str(seed), *ways],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True, env=env)
        self.version = self.answer()["ready"]
        self.marks = []

    def mark(self, act, vendor):
        """From now on it is this act, until the next mark."""
        self.marks.append((act, vendor, time.time()))

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the browser ended; see {self.errors.name}:\n{open(self.errors.name).read()[-2000:]}")
        return json.loads(line)

    def do(self, what, **words):
        self.process.stdin.write(json.dumps({"do": what, **words}) + "\n")
        self.process.stdin.flush()
        got = self.answer()
        if "error" in got:
            raise SystemExit(f"{what} {words}: {got['error']}")
        return got.get("got")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.process.stdin.close()
            self.process.wait(timeout=20)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            self.process.kill()
            self.process.wait()
        self.errors.close()


def identity(rng, mail=None):
    """A made-up person: what goes into a form."""
    first, last = rng.choice(FIRST), rng.choice(LAST)
    letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return {"name": f"{first} {last}",
            "mail": mail or f"{first}.{last.split()[-1]}@office.example".lower(),
            "password": "".join(rng.choice(letters) for _ in range(rng.randint(10, 18))),
            "company": rng.choice(COMPANIES)}


def photo(folder, rng, low=200_000, high=3_000_000):
    """A JPEG's head and as many bytes as a photo has; what is in it does not matter to any act."""
    size = int(rng.triangular(low, high, low + (high - low) / 4))
    path = os.path.join(folder, f"photo-{rng.getrandbits(32):x}.jpg")
    with open(path, "wb") as out:
        out.write(b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01" + rng.randbytes(size - 12))
    return path


def pick(given, *fields):
    return {field: given[field] for field in fields}


def page_visit(b, vendor, rng, path="/"):
    b.mark("page-visit", vendor)
    b.do("open", url=f"https://{VENDORS[vendor]['front']}{path}")
    b.do("read", seconds=rng.uniform(5, 14))


def submit(b, act, vendor):
    """Presses the button; the act is the form on its way and its answer."""
    b.mark(act, vendor)
    b.do("press", mark="send")
    b.do("awaited")
    b.do("read", seconds=2)


def account_page(b, vendor, rng, path):
    b.mark("account-page", vendor)
    b.do("open", url=f"https://{VENDORS[vendor]['account']}{path}")
    b.do("read", seconds=rng.uniform(1, 4))


def signup(b, vendor, rng, given):
    account_page(b, vendor, rng, "/signup")
    b.do("fill", fields=pick(given, "name", "mail", "password", "company"))
    submit(b, "signup-form", vendor)


def verify_link(b, vendor, rng, link):
    b.mark("verify-link", vendor)
    b.do("open", url=link)
    b.do("awaited")
    b.do("read", seconds=rng.uniform(2, 5))


def login(b, vendor, rng, given):
    account_page(b, vendor, rng, "/login")
    b.do("fill", fields=pick(given, "mail", "password"))
    submit(b, "login-form", vendor)
    b.mark("app-open", vendor)
    b.do("open", url=f"https://{VENDORS[vendor]['account']}/admin")
    b.do("read", seconds=rng.uniform(2, 5))


def search(b, vendor, rng, folder):
    """Opens the search page, chooses a photo, sends it, looks at the results."""
    b.mark("page-next", vendor)
    b.do("open", url=f"https://{VENDORS[vendor]['account']}/admin/try")
    b.do("read", seconds=rng.uniform(1, 3))
    b.do("choose", mark="photo", path=photo(folder, rng))
    submit(b, "photo-upload", vendor)
    b.do("read", seconds=rng.uniform(5, 12))


def password_reset(b, vendor, rng, given):
    account_page(b, vendor, rng, "/forgot")
    b.do("fill", fields=pick(given, "mail"))
    submit(b, "reset-form", vendor)
    b.do("read", seconds=rng.uniform(6, 15))
    account_page(b, vendor, rng, f"/reset?token={rng.getrandbits(160):040x}")
    b.do("fill", fields=pick(given, "password"))
    submit(b, "reset-form", vendor)


def demo_form(b, vendor, rng, given):
    page_visit(b, vendor, rng, "/demo")
    said = dict(given, phone="+31 70 " + str(rng.randint(1000000, 9999999)),
                message="We would like to see what your product can do for our service.")
    b.do("fill", fields=pick(said, "name", "mail", "company", "phone", "message"))
    submit(b, "contact-form", vendor)


def newsletter(b, vendor, rng, given):
    page_visit(b, vendor, rng)
    b.do("fill", fields=pick(given, "mail"))
    submit(b, "newsletter-form", vendor)


def rights_request(b, vendor, rng, given, folder):
    b.mark("page-visit", vendor)
    b.do("open", url=f"https://{VENDORS[vendor]['front']}/en/opt-out-request-form")
    b.do("read", seconds=rng.uniform(3, 7))
    said = dict(given, message="Please delete every picture of me. This is a request under article 17.")
    b.do("fill", fields=pick(said, "name", "mail", "message"))
    b.do("choose", mark="photo", path=photo(folder, rng))
    b.do("choose", mark="document", path=photo(folder, rng, 300_000, 1_200_000))
    submit(b, "rights-form", vendor)


def article(b, rng, act, path):
    b.mark(act, None)
    b.do("open", url=f"https://www.newspaper.example{path}")
    b.do("read", seconds=rng.uniform(12, 20))
