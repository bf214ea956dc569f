"""What stands in the server namespace: a resolver, HTTPS over TCP (nginx) and HTTP/3 (aioquic).

Enters: a `Lab` and a scratch folder. Leaves: running servers and the folder's CA for the clients.
Every name is served by the lab itself; nothing here knows or asks the real hosts of these names.
"""

import os
import socket
import struct
import time

from netns import DNS4, DNS6, NEWS4, NEWS6, VENDOR4, VENDOR6, run

NEWS = [
    "www.example.com", "example.com", "static.example.com", "news.example.org", "intranet.example.net",
    "cdn.example.net", "mail.example.org", "weather.example.com", "xn--bcher-kva.example",
    "clearviewregional.edu", "www.lens.com", "fatface.com", "herta.com", "huggingface.co",
]
VENDORS = [
    "clearview.ai", "www.clearview.ai", "app.clearview.ai", "pimeyes.com", "www.pimeyes.com",
    "jsc5.pimeyes.com", "facecheck.id", "findclone.ru", "api.eyematch.ai", "lenso.ai",
]
CNAMES = {
    "portal.example.org": "app.clearview.ai",
    "search.example.net": "edge.example.net",
    "edge.example.net": "pimeyes.com",
    "feed.example.com": "news.example.org",
}


def wire_name(name):
    out = b""
    for label in name.rstrip(".").split("."):
        if label:
            out += bytes([len(label)]) + label.encode()
    return out + b"\0"


def svcb(priority, target, alpn=()):
    """RDATA of an HTTPS record (RFC 9460 section 2.2)."""
    data = struct.pack("!H", priority) + wire_name(target)
    if alpn:
        value = b"".join(bytes([len(a)]) + a.encode() for a in alpn)
        data += struct.pack("!HH", 1, len(value)) + value
    return data


HTTPS = {
    "www.example.com": [svcb(1, ".", ("h3", "h2"))],
    "app.clearview.ai": [svcb(1, ".", ("h3", "h2"))],
    "www.clearview.ai": [svcb(1, "app.clearview.ai", ("h2",))],
    "alias.example.org": [svcb(0, "facecheck.id")],
    # Enough targets that the answer leaves in fragments and the last names lie in the last one.
    "large.example.org": [
        svcb(n, f"edge-{n:02}.a-long-label-that-fills-the-answer.example.net", ("h2",))
        for n in range(1, 40)
    ] + [svcb(99, "jsc5.pimeyes.com", ("h2",))],
}

PAGES = {
    "index.html": """<!doctype html><meta charset=utf-8><link rel=icon href=data:,>
<title>{title}</title><h1>{title}</h1><p>lab page</p>""",
    "news.html": """<!doctype html><meta charset=utf-8><link rel=icon href=data:,>
<title>News</title><link rel=dns-prefetch href=https://www.pimeyes.com>
<link rel=preconnect href=https://app.clearview.ai>
<h1>News</h1><p>An article about a vendor, with a link to <a href=https://app.clearview.ai/>it</a>.</p>
<script>fetch("https://static.example.com/").catch(()=>0)</script>""",
    "home.html": """<!doctype html><meta charset=utf-8><link rel=icon href=data:,>
<title>Home</title><h1>Home</h1><iframe src=https://app.clearview.ai/></iframe>""",
}


class Servers:
    """Started on construction; end with the lab's namespaces."""

    def __init__(self, lab, venv=None, h3=False, retry=False, h3_names=None):
        self.lab, self.folder = lab, lab.folder
        self.ca = os.path.join(self.folder, "ca.pem")
        self.h3_log = os.path.join(self.folder, "h3.log")
        self.access_log = os.path.join(self.folder, "access.log")
        if not os.path.exists(self.ca):
            self.certificates()
        self.dns()
        self.web()
        if h3:
            self.http3(venv, retry)
        self.wait()

    def certificates(self):
        f = self.folder
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "30", "-subj", "/CN=Poortwacht lab CA", "-keyout", f"{f}/ca.key", "-out", self.ca,
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
        run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{f}/leaf.key")
        for leaf, names in (("news", NEWS), ("vendors", VENDORS + list(CNAMES)), ("all", NEWS + VENDORS)):
            with open(f"{f}/{leaf}.ext", "w") as out:
                out.write("subjectAltName=" + ",".join(f"DNS:{n}" for n in names))
                out.write("\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n")
            run("openssl", "req", "-new", "-key", f"{f}/leaf.key", "-subj", f"/CN={names[0]}",
                "-out", f"{f}/{leaf}.csr")
            run("openssl", "x509", "-req", "-in", f"{f}/{leaf}.csr", "-CA", self.ca, "-CAkey", f"{f}/ca.key",
                "-CAcreateserial", "-days", "20", "-extfile", f"{f}/{leaf}.ext", "-out", f"{f}/{leaf}.pem")

    def spki(self):
        """What Chromium's exception list wants: base64 of SHA-256 over the public key."""
        script = ("openssl pkey -in leaf.key -pubout -outform der | openssl dgst -sha256 -binary"
                  " | openssl enc -base64")
        return run("bash", "-c", script, cwd=self.folder).strip()

    def dns(self):
        lines = ["no-resolv", "no-hosts", "no-daemon", "user=root", "bind-interfaces", "log-queries",
                 *(f"listen-address={a}" for a in ((DNS4,) if self.lab.small else (DNS4, DNS6))), "edns-packet-max=4096", "cache-size=0",
                 f"pid-file={self.folder}/dnsmasq.pid", "txt-record=www.example.com,the lab's text record",
                 "address=/#/", "local-ttl=60"]
        for names, v4, v6 in ((NEWS, NEWS4, NEWS6), (VENDORS, VENDOR4, VENDOR6)):
            lines += [f"host-record={name},{v4},{v6}" for name in names]
        lines += [f"cname={name},{target}" for name, target in CNAMES.items()]
        for name, records in HTTPS.items():
            lines += [f"dns-rr={name},65,{data.hex()}" for data in records]
        path = f"{self.folder}/dnsmasq.conf"
        with open(path, "w") as out:
            out.write("\n".join(lines) + "\n")
        self.lab.server.start("dnsmasq", f"--conf-file={path}", log=f"{self.folder}/dnsmasq.log")

    def web(self):
        f = self.folder
        os.makedirs(f"{f}/www", exist_ok=True)
        for page, text in PAGES.items():
            with open(f"{f}/www/{page}", "w") as out:
                out.write(text.replace("{title}", "The lab"))
        os.chmod(f, 0o755)
        servers = ""
        for leaf, v4, v6 in (("news", NEWS4, NEWS6), ("vendors", VENDOR4, VENDOR6)):
            listen = "".join(f" listen {at}:{port} ssl http2;" for port in (443, 8443)
                             for at in ([v4] if self.lab.small else [v4, f"[{v6}]"]))
            servers += f"""
  server {{
   {listen}
    ssl_certificate {f}/{leaf}.pem; ssl_certificate_key {f}/leaf.key;
    ssl_protocols TLSv1.2 TLSv1.3; root {f}/www; server_name _;
  }}"""
        with open(f"{f}/nginx.conf", "w") as out:
            out.write(f"""user root; worker_processes 1; pid {f}/nginx.pid; error_log {f}/error.log;
daemon off; events {{ worker_connections 256; }}
http {{
  types {{ text/html html; }} default_type text/html; keepalive_timeout 120;
  log_format lab '$ssl_protocol $server_protocol $host $request_uri $status "$http_user_agent"';
  access_log {self.access_log} lab;
  client_body_temp_path {f}/t1; proxy_temp_path {f}/t2; fastcgi_temp_path {f}/t3;
  uwsgi_temp_path {f}/t4; scgi_temp_path {f}/t5;{servers}
}}
""")
        self.lab.server.start("nginx", "-c", f"{f}/nginx.conf", log=f"{f}/nginx.log")

    def http3(self, venv, retry):
        here = os.path.dirname(os.path.abspath(__file__))
        for v4, v6 in ((NEWS4, NEWS6), (VENDOR4, VENDOR6)):
            for address in (v4,) if self.lab.small else (v4, v6):
                self.lab.server.start(
                    f"{venv}/bin/python", f"{here}/h3.py", "serve", address, f"{self.folder}/all.pem",
                    f"{self.folder}/leaf.key", self.h3_log, *(["--retry"] if retry else []),
                    log=f"{self.folder}/h3.err")
        for _ in range(100):
            if self.logged(self.h3_log).count("listening") == (2 if self.lab.small else 4):
                return
            time.sleep(0.1)
        raise SystemExit("the HTTP/3 server did not start:\n" + self.logged(f"{self.folder}/h3.err"))

    def wait(self):
        for _ in range(100):
            out = self.lab.client.run(
                "bash", "-c", " && ".join(f"exec 3<>/dev/tcp/{at}" for at in (
                    f"{DNS4}/53", f"{VENDOR4}/443", *([] if self.lab.small else [f"{VENDOR6}/443"])))
                + " && echo up",
                check=False)
            if "up" in out:
                return
            time.sleep(0.1)
        raise SystemExit("the lab's servers did not start:\n" + self.logged(f"{self.folder}/nginx.log")
                         + self.logged(f"{self.folder}/dnsmasq.log"))

    @staticmethod
    def logged(path):
        try:
            with open(path) as lines:
                return lines.read()
        except FileNotFoundError:
            return ""


assert socket.inet_pton(socket.AF_INET6, NEWS6)
