"""What stands in the world: a resolver, the vendors and the newspaper over HTTP/2 and HTTP/3.

Enters: an `Office`. Leaves: running servers, the CA for the clients, logs of what was asked and how.
Never: knows or asks the real hosts of these names.
"""

import os
import time

from network import HERE, MAIL, WORLD_DNS
from netns import run
from pages import HOSTS
from quicvenv import aioquic
from servers import Servers

PORT = "8000"


class World(Servers):
    """Started on construction; ends with the office's namespaces. `mx`: where vendors' mail goes."""

    def __init__(self, office, h3=True, mx=MAIL):
        self.lab, self.folder, self.space = office, office.folder, office.world
        f = self.folder
        os.chmod(f, 0o755)
        self.ca, self.h3_log, self.access_log = f"{f}/ca.pem", f"{f}/h3.log", f"{f}/access.log"
        for address in sorted(set(HOSTS.values())):
            self.space.ip("addr", "add", f"{address}/24", "dev", "wan0")
        if not os.path.exists(self.ca):
            self.certificates()
        self.names()
        self.space.start("python3", f"{HERE}/pages.py", PORT, f"{f}/accounts", mx, log=f"{f}/pages.log")
        self.tls()
        if h3:
            self.space.start(f"{aioquic()}/bin/python", f"{HERE}/h3front.py", f"{f}/all.pem", f"{f}/leaf.key",
                             self.h3_log, PORT, *sorted(set(HOSTS.values())), log=f"{f}/h3.err")
        self.await_all(h3)

    def certificates(self):
        """A CA, an intermediate as real chains have one, and a leaf for every name."""
        f = self.folder
        for who, issuer in (("ca", None), ("middle", "ca"), ("all", "middle")):
            key = "leaf.key" if who == "all" else f"{who}.key"
            run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{f}/{key}")
            with open(f"{f}/{who}.ext", "w") as out:
                if who == "all":
                    out.write("subjectAltName=" + ",".join(f"DNS:{n}" for n in HOSTS))
                    out.write("\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n")
                else:
                    out.write("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n")
            run("openssl", "req", "-new", "-key", f"{f}/{key}", "-subj", f"/CN=The office's {who}",
                "-out", f"{f}/{who}.csr")
            signer = ["-signkey", f"{f}/{key}"] if issuer is None else [
                "-CA", f"{f}/{issuer}.pem", "-CAkey", f"{f}/{issuer}.key", "-CAcreateserial"]
            run("openssl", "x509", "-req", "-in", f"{f}/{who}.csr", *signer, "-days", "20", "-extfile",
                f"{f}/{who}.ext", "-out", f"{f}/{who}.pem")
        with open(f"{f}/all.pem", "a") as out:
            out.write(open(f"{f}/middle.pem").read())

    def names(self):
        path = f"{self.folder}/world-dns.conf"
        with open(path, "w") as out:
            out.write("\n".join(["no-resolv", "no-hosts", "no-daemon", "user=root", "bind-interfaces",
                                 f"listen-address={WORLD_DNS}", "cache-size=0", "address=/#/", "local-ttl=60",
                                 f"pid-file={self.folder}/world-dns.pid",
                                 *(f"host-record={name},{at}" for name, at in HOSTS.items())]) + "\n")
        self.space.start("dnsmasq", f"--conf-file={path}", log=f"{self.folder}/world-dns.log")

    def tls(self):
        f = self.folder
        listen = "\n".join(f"    listen {at}:443 ssl http2;" for at in sorted(set(HOSTS.values())))
        with open(f"{f}/nginx.conf", "w") as out:
            out.write(f"""user root; worker_processes 1; pid {f}/nginx.pid; error_log {f}/error.log;
daemon off; events {{ worker_connections 1024; }}
http {{
  log_format lab '$server_protocol $host $request_method $request_uri $status $request_length';
  access_log {self.access_log} lab; keepalive_timeout 75; client_max_body_size 40m;
  client_body_temp_path {f}/t1; proxy_temp_path {f}/t2; fastcgi_temp_path {f}/t3;
  uwsgi_temp_path {f}/t4; scgi_temp_path {f}/t5;
  server {{
{listen}
    ssl_certificate {f}/all.pem; ssl_certificate_key {f}/leaf.key; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:s:1m;
    location / {{ proxy_pass http://127.0.0.1:{PORT}; proxy_http_version 1.1; proxy_set_header x-host $host; }}
  }}
}}
""")
        self.space.start("nginx", "-c", f"{f}/nginx.conf", log=f"{f}/nginx.log")

    def await_all(self, h3):
        probe = " && ".join(f"exec 3<>/dev/tcp/{at}" for at in (
            f"{WORLD_DNS}/53", f"127.0.0.1/{PORT}", *(f"{at}/443" for at in sorted(set(HOSTS.values())))))
        for _ in range(150):
            up = "up" in self.space.run("bash", "-c", probe + " && echo up", check=False)
            if up and (not h3 or "listening" in self.logged(self.h3_log)):
                return
            time.sleep(0.1)
        raise SystemExit("the world did not start:\n" + "".join(
            self.logged(f"{self.folder}/{log}") for log in ("nginx.log", "world-dns.log", "h3.err", "pages.log")))
