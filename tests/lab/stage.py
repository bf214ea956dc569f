"""What a scenario runs on: the lab, its servers, the capture, and what must be seen in it.

Enters: a scenario function. Leaves: a finished capture file. Never: decides which names are in it
(truth.py does, and the scenario says what its clients were told to ask for).
"""

import os
import re
import subprocess
import time

from netns import DNS4, ROUTER4, ROUTER6, Lab, run
from servers import Servers

CHROMIUM = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-default-apps", "--disable-extensions", "--disable-domain-reliability",
            "--disable-client-side-phishing-detection", "--no-pings", "--disable-dev-shm-usage",
            "--no-default-browser-check", "--password-store=basic"]

# No DNS over HTTPS, no calls home: what is left is the visit itself.
FIREFOX_PREFS = [
    ("network.trr.mode", "5"), ("network.captive-portal-service.enabled", "false"),
    ("network.connectivity-service.enabled", "false"), ("browser.safebrowsing.malware.enabled", "false"),
    ("browser.safebrowsing.phishing.enabled", "false"), ("app.normandy.enabled", "false"),
    ("browser.safebrowsing.downloads.remote.enabled", "false"),
    ("services.settings.server", '"data:,#remote-settings-dummy/v1"'), ("app.update.enabled", "false"),
    ("datareporting.healthreport.uploadEnabled", "false"), ("toolkit.telemetry.enabled", "false"),
    ("extensions.getAddons.cache.enabled", "false"), ("extensions.update.enabled", "false"),
    ("browser.aboutHomeSnippets.updateUrl", '""'), ("browser.shell.checkDefaultBrowser", "false"),
    ("browser.newtabpage.activity-stream.feeds.topsites", "false"), ("network.prefetch-next", "false"),
    ("geo.enabled", "false"), ("media.gmp-manager.updateEnabled", "false"), ("dom.push.enabled", "false"),
]


class Scene:
    """One capture: how it is made and what it must hold."""

    exit_code = 0

    def __init__(self, make, name, title, clients=(), must=(), missed=(), wrong=(), gaps=(), only=False,
                 never=(), tshark=(), form="pcap", **lab):
        self.make, self.name, self.title, self.clients = make, name, title, clients
        self.story = make.__doc__ or ""
        self.must = {tuple(line.split()) for line in must}
        self.missed = {tuple(line.split()) for line in missed}
        self.wrong = {tuple(line.split()) for line in wrong}
        self.never = {tuple(line.split()) for line in never}
        self.gaps, self.only, self.tshark, self.form = gaps, only, tshark, form
        self.h3, self.retry = lab.pop("h3", False), lab.pop("retry", False)
        self.late = lab.pop("late", False)
        self.place = lab.pop("place", ("router", "lan0"))
        self.keep = lab.pop("keep", None)
        self.tcpdump = lab.pop("tcpdump", [])
        self.lab_options = lab
        self.said = []

    @property
    def wants_aioquic(self):
        return self.h3 or "aioquic" in self.clients

    def record(self, scratch, venv):
        self.said = []
        with Lab(scratch, **self.lab_options) as lab:
            self.lab, self.scratch, self.venv = lab, scratch, venv
            self.servers = Servers(lab, venv, self.h3, self.retry)
            self.capture = os.path.join(scratch, f"capture.{self.form}")
            self.raw = os.path.join(scratch, "raw.pcap")
            if not self.late:
                self.begin()
            self.make(self)
            self.end()
        return self.capture

    def begin(self):
        role, interface = self.place
        place = next(space for space in self.lab.spaces if space.name.endswith(f"-{role}"))
        log = os.path.join(self.scratch, "tcpdump.log")
        self.dump = place.start("tcpdump", "-i", interface, "-Z", "root", "-U", "-s0", "--immediate-mode",
                                "-B", "8192", "-w", self.raw, *self.tcpdump, log=log)
        for _ in range(100):
            if "listening on" in Servers.logged(log):
                return
            time.sleep(0.05)
        raise SystemExit("tcpdump did not start:\n" + Servers.logged(log))

    def end(self):
        time.sleep(0.3)
        self.lab.router.stop(self.dump)
        if self.keep:
            os.rename(self.raw, self.raw + ".whole")
            run("tshark", "-r", self.raw + ".whole", "-Y", self.keep, "-F", "pcap", "-w", self.raw)
        log = Servers.logged(os.path.join(self.scratch, "tcpdump.log"))
        if "0 packets dropped by kernel" not in log:
            raise SystemExit(f"tcpdump lost packets:\n{log}")
        if not os.path.exists(self.capture):
            self.finish_as(self.form)

    def finish_as(self, form):
        if form == "pcap":
            os.rename(self.raw, self.capture)
        elif form == "pcapng":
            run("editcap", "-F", "pcapng", self.raw, self.capture)
        elif form == "pcap.gz":
            with open(self.capture, "wb") as out:
                subprocess.run(["gzip", "-9nc", self.raw], stdout=out, check=True)
        elif form == "pcap.zst":
            run("zstd", "-q", "-19", self.raw, "-o", self.capture)
        else:
            raise SystemExit(f"no such form: {form}")

    def client(self, *command, check=True, note=None, **kwargs):
        """Runs in the client's namespace and notes the command for the README."""
        self.said.append(note or self.plain(command))
        return self.lab.client.run(*command, check=check, **kwargs)

    def plain(self, command):
        text = " ".join(w if re.fullmatch(r"[\w./:@=+,%-]+", w) else f"'{w}'" for w in command)
        for path, word in ((self.scratch, "$LAB"), (self.venv or "\0", "$VENV"),
                           (os.path.dirname(os.path.abspath(__file__)), "tests/lab")):
            text = text.replace(path, word)
        return text

    def as_client(self, v4, v6):
        """From now on the client's programs speak from these addresses of its interface."""
        self.said.append(f"# from {v4} and {v6}")
        for flag, via, source in (("-4", ROUTER4, v4), ("-6", ROUTER6, v6)):
            self.lab.client.ip(flag, "route", "replace", "default", "via", via, "dev", "lan0", "src", source)

    def curl(self, url, *options, want="<h1>"):
        out = self.client("curl", "-sS", "--cacert", self.servers.ca, *options, url)
        self.expect(want in out, f"curl {url}: {out}")
        return out

    def h3_get(self, host, address, *options, want="h3 200"):
        here = os.path.dirname(os.path.abspath(__file__))
        out = self.client(f"{self.venv}/bin/python", f"{here}/h3.py", "get", host, address,
                          self.servers.ca, *options)
        self.expect(want in out, f"h3 {host}: {out}")

    def dig(self, *words, at=DNS4):
        return self.client("dig", f"@{at}", "+tries=1", "+timeout=3", *words)

    def expect(self, truth, why):
        if not truth:
            raise SystemExit(f"{self.name}: {why}")

    def chromium(self, url, *options, want="<h1>", quic=False):
        """One headless visit with a fresh profile; prints the page, which must hold `want`."""
        command = CHROMIUM + [
            f"--user-data-dir={self.scratch}/chromium-{len(self.said)}",
            # For QUIC Chromium accepts no CA that was added by hand, only this exception.
            *([f"--ignore-certificate-errors-spki-list={self.servers.spki()}"] if quic
              else ["--disable-quic"]), *options, "--dump-dom", url]
        home = dict(os.environ, HOME=self.scratch)
        trusted = f"{self.scratch}/.pki/nssdb"
        if not os.path.exists(trusted):
            os.makedirs(trusted)
            run("certutil", "-N", "-d", f"sql:{trusted}", "--empty-password")
            run("certutil", "-A", "-d", f"sql:{trusted}", "-n", "lab", "-t", "C,,", "-i", self.servers.ca)
        out = self.client(*command, note=self.plain(command), timeout=90, env=home)
        self.expect(want in out, f"chromium {url}:\n{out[-3000:]}")
        return out

    def h3_requests(self):
        log = Servers.logged(self.servers.h3_log)
        return [line.split()[1] for line in log.splitlines() if line.startswith("h3 ")]

    def firefox(self, url, prefs=(), log="access"):
        """One headless visit with a fresh profile that trusts the lab's CA."""
        profile = f"{self.scratch}/firefox-{len(self.said)}"
        os.makedirs(profile)
        run("certutil", "-N", "-d", f"sql:{profile}", "--empty-password")
        run("certutil", "-A", "-d", f"sql:{profile}", "-n", "lab", "-t", "C,,", "-i", self.servers.ca)
        with open(f"{profile}/user.js", "w") as out:
            for key, value in FIREFOX_PREFS + list(prefs):
                out.write(f'user_pref("{key}", {value});\n')
        command = ["firefox-esr", "--headless", "--no-remote", "--profile", profile,
                   "--screenshot", f"{profile}/shot.png", url]
        env = dict(os.environ, HOME=profile, MOZ_CRASHREPORTER_DISABLE="1")
        note = self.plain(command) + "".join(f"  # {key} = {value}" for key, value in prefs)
        self.client(*command, note=note, timeout=90, env=env, cwd=profile)
        self.expect(os.path.exists(f"{profile}/shot.png"), f"firefox made no picture of {url}")
