"""Scenarios with TLS inside other protocols, and servers whose certificate is all that is told.

Enters: a Scene. Leaves: captures of real clients against real servers of Debian. Each server runs
in the lab's server namespace with the lab's own certificate for the vendors' names.
"""

import os
import shutil
import subprocess
import time

from netns import DNS4, VENDOR4, run
from stage import Scene

ALL = []


def scenario(name, title, **options):
    def add(make):
        ALL.append(Scene(make, name, title, **options))
        return make
    return add


class Services:
    """Servers on the vendors' address, each with the vendors' certificate."""

    def __init__(self, scene):
        self.s, self.server = scene, scene.lab.server
        self.folder = scene.scratch
        self.cert, self.key, self.ca = (f"{self.folder}/{n}" for n in ("vendors.pem", "leaf.key", "ca.pem"))
        os.chmod(self.folder, 0o755)
        os.chmod(self.key, 0o644)
        scene.lab.resolver(DNS4)

    def file(self, name, text, mode=0o644):
        path = f"{self.folder}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as out:
            out.write(text)
        os.chmod(path, mode)
        return path

    def start(self, port, *command, **kwargs):
        process = self.server.start(*command, log=f"{self.folder}/{os.path.basename(command[0])}.log", **kwargs)
        self.wait(port, command[0])
        return process

    def wait(self, port, who):
        for _ in range(150):
            out = self.server.run("bash", "-c", f"exec 3<>/dev/tcp/{VENDOR4}/{port} && echo up", check=False)
            if "up" in out:
                return
            time.sleep(0.1)
        log = f"{self.folder}/{os.path.basename(who)}.log"
        said = open(log).read() if os.path.exists(log) else ""
        raise SystemExit(f"{who} did not start:\n{said}")

    def own_key(self, user):
        """A copy of the key that only `user` may read, as some servers insist."""
        path = f"{self.folder}/{user}.key"
        shutil.copy(self.key, path)
        os.chmod(path, 0o600)
        shutil.chown(path, user)
        return path

    def dovecot(self):
        path = self.file("dovecot.conf", f"""protocols = imap pop3 sieve
listen = {VENDOR4}
base_dir = {self.folder}/dovecot
log_path = {self.folder}/dovecot.log
ssl = yes
ssl_cert = <{self.cert}
ssl_key = <{self.key}
disable_plaintext_auth = no
mail_location = maildir:{self.folder}/mail
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={self.folder}/mail
}}
""")
        self.start(143, "dovecot", "-F", "-c", path)

    def postfix(self):
        f = self.folder
        for folder in ("postfix", "queue", "pdata"):
            os.makedirs(f"{f}/{folder}")
        shutil.chown(f"{f}/pdata", "postfix")
        self.file("postfix/main.cf", f"""compatibility_level = 3.6
queue_directory = {f}/queue
data_directory = {f}/pdata
maillog_file = {f}/postfix.log
maillog_file_prefixes = {f}
myhostname = mx.clearview.ai
mydestination = corp.example
local_recipient_maps =
local_transport = discard:
default_transport = discard:
inet_protocols = ipv4
inet_interfaces = {VENDOR4}
smtpd_tls_cert_file = {self.cert}
smtpd_tls_key_file = {self.key}
smtpd_tls_security_level = may
smtpd_peername_lookup = no
smtpd_relay_restrictions = reject_unauth_destination
alias_maps =
""")
        lines = []
        for line in open("/usr/share/postfix/master.cf.dist").read().splitlines():
            words = line.split()
            if len(words) == 8 and not line.startswith(("#", " ")):
                words[4] = "n"
                line = "\t".join(words)
            lines.append(line)
        self.file("postfix/master.cf", "\n".join(lines) + "\n")
        self.server.run("postfix", "-c", f"{f}/postfix", "start")
        self.wait(25, "postfix")

    def vsftpd(self):
        os.makedirs(f"{self.folder}/empty", exist_ok=True)
        path = self.file("vsftpd.conf", f"""listen=YES
listen_address={VENDOR4}
background=NO
anonymous_enable=YES
anon_root={self.folder}/empty
secure_chroot_dir={self.folder}/empty
ssl_enable=YES
allow_anon_ssl=YES
require_ssl_reuse=NO
rsa_cert_file={self.cert}
rsa_private_key_file={self.key}
seccomp_sandbox=NO
""")
        self.start(21, "vsftpd", path)

    def prosody(self):
        path = self.file("prosody.cfg.lua", f"""run_as_root = true
daemonize = false
pidfile = "{self.folder}/prosody.pid"
data_path = "{self.folder}/prosody"
interfaces = {{ "{VENDOR4}" }}
modules_enabled = {{ "tls", "saslauth", "disco" }}
modules_disabled = {{ "s2s" }}
c2s_require_encryption = true
ssl = {{ certificate = "{self.cert}", key = "{self.key}" }}
VirtualHost "app.clearview.ai"
""")
        os.makedirs(f"{self.folder}/prosody", exist_ok=True)
        self.start(5222, "prosody", "--config", path)

    def slapd(self):
        for folder in ("ldap", "slapd.d"):
            os.makedirs(f"{self.folder}/{folder}", exist_ok=True)
        path = self.file("slapd.conf", f"""include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {self.folder}/slapd.pid
TLSCertificateFile {self.cert}
TLSCertificateKeyFile {self.key}
TLSCACertificateFile {self.ca}
database mdb
suffix "dc=example"
directory {self.folder}/ldap
""")
        self.start(389, "slapd", "-d", "0", "-f", path, "-h", f"ldap://{VENDOR4}/")

    def postgres(self):
        programs = "/usr/lib/postgresql/15/bin"
        data = f"{self.folder}/pgdata"
        os.makedirs(data)
        shutil.chown(data, "postgres", "postgres")
        key = self.own_key("postgres")
        run("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", f"{programs}/initdb", "-D", data,
            "-A", "trust", "-U", "lab", cwd="/")
        with open(f"{data}/pg_hba.conf", "a") as out:
            out.write("host all all 0.0.0.0/0 trust\n")
        options = [f"listen_addresses={VENDOR4}", "ssl=on", f"ssl_cert_file={self.cert}", f"ssl_key_file={key}",
                   f"unix_socket_directories={data}"]
        words = [w for option in options for w in ("-c", option)]
        self.start(5432, "setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", f"{programs}/postgres",
                   "-D", data, *words)

    def mariadb(self):
        data = f"{self.folder}/mysql"
        run("mariadb-install-db", "--no-defaults", f"--datadir={data}", "--user=root",
            "--auth-root-authentication-method=normal", "--skip-test-db")
        self.start(3306, "mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", f"--bind-address={VENDOR4}",
                   f"--ssl-cert={self.cert}", f"--ssl-key={self.key}", f"--ssl-ca={self.ca}",
                   f"--socket={data}/socket", f"--pid-file={data}/pid", "--skip-grant-tables", "--skip-networking=0")

    def xrdp(self):
        text = open("/etc/xrdp/xrdp.ini").read()
        for old, new in (("certificate=", f"certificate={self.cert}"), ("key_file=", f"key_file={self.key}"),
                         ("security_layer=", "security_layer=tls"), ("port=3389", f"port=tcp://{VENDOR4}:3389"),
                         ("LogFile=", f"LogFile={self.folder}/xrdp.log")):
            text = "\n".join(new if line.startswith(old) else line for line in text.splitlines())
        path = self.file("xrdp.ini", text + "\n")
        self.start(3389, "xrdp", "--nodaemon", "--config", path)

    def ask(self, port, protocol, name, *words, check=False):
        """openssl s_client behind the prelude of `protocol`."""
        return self.s.client("openssl", "s_client", "-connect", f"{VENDOR4}:{port}", "-starttls", protocol,
                             "-servername", name, *words, input="", check=check)

    def shows(self, out, what):
        self.s.expect("Cipher is" in out and "Cipher is (NONE)" not in out, f"{what}: no handshake:\n{out[-800:]}")


@scenario("starttls-mail", "STARTTLS of mail: SMTP, IMAP, POP3, Sieve", must=[
    "tls-sni smtp.clearview.ai", "tls-sni app.clearview.ai", "tls-sni imap.clearview.ai", "tls-sni www.clearview.ai",
    "tls-sni pop.clearview.ai", "tls-sni sieve.clearview.ai", "tls-sni www.pimeyes.com", "tls-sni lenso.ai",
])
def starttls_mail(s):
    """openssl, swaks and curl against postfix and dovecot. Of the clients of SMTP one asks 40 times
    NOOP before STARTTLS, each in a segment of its own: more than a stream has looks. curl speaks to
    names that resolve; the others are told the name."""
    services = Services(s)
    services.postfix()
    services.dovecot()
    try:
        services.shows(services.ask(25, "smtp", "smtp.clearview.ai"), "smtp")
        services.shows(services.ask(143, "imap", "imap.clearview.ai"), "imap")
        services.shows(services.ask(110, "pop3", "pop.clearview.ai"), "pop3")
        services.shows(services.ask(4190, "sieve", "sieve.clearview.ai"), "sieve")
        s.client("swaks", "--server", VENDOR4, "--helo", "c.example", "--tls", "--tls-sni", "lenso.ai", "--quit-after", "TLS")
        for url in ("smtp://app.clearview.ai", "imap://www.clearview.ai", "pop3://www.pimeyes.com"):
            s.client("curl", "-sS", "--cacert", services.ca, "--ssl-reqd", "-u", "a:b", url, check=False)
        s.client("/usr/bin/python3", "-c", LONG_SMTP, VENDOR4, "jsc5.pimeyes.com", note="a client of Python's smtplib: 40 times NOOP, then STARTTLS for jsc5.pimeyes.com")
    finally:
        s.lab.server.run("postfix", "-c", f"{s.scratch}/postfix", "stop", check=False)


LONG_SMTP = """
import smtplib, ssl, sys
smtp = smtplib.SMTP(sys.argv[1], 25, local_hostname='c.example')
smtp.ehlo()
for _ in range(40): smtp.noop()
context = ssl._create_unverified_context()
smtp._host = sys.argv[2]
print(smtp.starttls(context=context))
smtp.quit()
"""


@scenario("starttls-files", "AUTH TLS, StartTLS, SSLRequest: FTP, LDAP, XMPP, PostgreSQL, MariaDB", must=[
    "tls-sni ftp.clearview.ai", "tls-sni app.clearview.ai", "tls-sni xmpp.clearview.ai", "tls-sni ldap.clearview.ai",
    "tls-sni lenso.ai", "tls-sni pg.clearview.ai", "tls-sni pimeyes.com",
    "tls-sni maria.clearview.ai",
], missed=["tls-sni app.clearview.ai"], gaps=["curl asks for AUTH SSL; tshark 4.0 knows AUTH TLS only."])
def starttls_files(s):
    """openssl, curl, ldapsearch and psql against vsftpd, slapd, prosody, PostgreSQL 15 and
    MariaDB; lftp's data connection has a hello of its own, without a name."""
    services = Services(s)
    services.vsftpd()
    services.shows(services.ask(21, "ftp", "ftp.clearview.ai"), "ftp")
    s.client("curl", "-sS", "--cacert", services.ca, "--ssl-reqd", "-I", "ftp://app.clearview.ai/", check=False)
    s.client("lftp", "-c", "set ssl:verify-certificate no; set ftp:ssl-force yes; open ftp://www.pimeyes.com; ls", check=False, timeout=30)
    services.slapd()
    services.shows(services.ask(389, "ldap", "ldap.clearview.ai"), "ldap")
    s.client("env", "LDAPTLS_REQCERT=never", "ldapsearch", "-ZZ", "-x", "-H", "ldap://lenso.ai", "-b", "", "-s", "base", check=False)
    services.prosody()
    services.shows(services.ask(5222, "xmpp", "xmpp.clearview.ai", "-xmpphost", "app.clearview.ai"), "xmpp")
    services.postgres()
    services.shows(services.ask(5432, "postgres", "pg.clearview.ai"), "postgres")
    s.client("psql", "host=pimeyes.com sslmode=require user=lab dbname=postgres", "-c", "select 1", check=False)
    services.mariadb()
    services.shows(services.ask(3306, "mysql", "maria.clearview.ai"), "mysql")


@scenario("rdp", "RDP: TLS behind X.224", must=["tls-sni app.clearview.ai"], missed=["tls-sni app.clearview.ai"],
          gaps=["tshark 4.0 takes what follows the X.224 negotiation for more TPKT, and does not see TLS."])
def rdp(s):
    """xfreerdp against xrdp, with TLS as the security layer."""
    services = Services(s)
    services.xrdp()
    out = s.client("xvfb-run", "-a", "xfreerdp", "/v:app.clearview.ai", "/u:lab", "/p:lab", "/sec:tls", "/cert:ignore",
             "/auth-only", check=False, timeout=40)
    log = open(f"{s.scratch}/xrdp.log").read()
    s.expect("TLS connection established" in log, out + log)


@scenario("certificate", "Names that only the server's certificate tells", clients=["openssl", "curl"], must=[
    "tls-cert clearview.ai", "tls-cert www.example.com", "tls-cert pimeyes.com", "tls-cert portal.example.org",
], never=["tls-cert ann.clearview.ai"])
def certificate(s):
    """openssl without a server_name to the vendors' server, TLS 1.2: its certificate names several
    vendors, so nobody is named. curl by address to the news server, TLS 1.2, whose names are
    nobody's. openssl to a server of one vendor alone, TLS 1.2 (a hit), resumed (no certificate),
    TLS 1.3 (encrypted), and behind STARTTLS; at last with a client certificate, which is not read."""
    f = s.scratch
    with open(f"{f}/one.ext", "w") as out:
        out.write("subjectAltName=DNS:clearview.ai,DNS:*.clearview.ai\n")
    run("openssl", "req", "-new", "-key", f"{f}/leaf.key", "-subj", "/CN=clearview.ai", "-out", f"{f}/one.csr")
    run("openssl", "x509", "-req", "-in", f"{f}/one.csr", "-CA", f"{f}/ca.pem", "-CAkey", f"{f}/ca.key", "-CAcreateserial",
        "-days", "20", "-extfile", f"{f}/one.ext", "-out", f"{f}/one.pem")
    run("openssl", "req", "-x509", "-key", f"{f}/leaf.key", "-subj", "/CN=ann.clearview.ai", "-days", "3", "-out", f"{f}/ann.pem",
        "-addext", "subjectAltName=DNS:ann.clearview.ai")
    s.lab.server.start("openssl", "s_server", "-accept", f"{VENDOR4}:9443", "-cert", f"{f}/one.pem", "-key", f"{f}/leaf.key",
                       "-www", "-verify", "1", log=f"{f}/s_server.log")
    time.sleep(0.5)

    def ask(port, *words):
        s.client("openssl", "s_client", "-connect", f"{VENDOR4}:{port}", "-noservername", *words, input="", check=False)
    ask(443, "-tls1_2")
    s.client("curl", "-sSk", "--tls-max", "1.2", "https://198.51.100.80/", check=False)
    ask(9443, "-tls1_2", "-sess_out", f"{f}/session.pem")
    ask(9443, "-tls1_2", "-sess_in", f"{f}/session.pem")
    ask(9443, "-tls1_3")
    ask(9443, "-tls1_2", "-cert", f"{f}/ann.pem", "-key", f"{f}/leaf.key")


@scenario("hello-retry", "HelloRetryRequest: the hello comes twice", clients=["openssl"], must=["tls-sni app.clearview.ai"])
def hello_retry(s):
    """The client's first share is of a group that the server does not want (X25519 first, P-384
    asked for), so that the hello comes a second time in the same connection: one sighting."""
    f = s.scratch
    s.lab.server.start("openssl", "s_server", "-accept", f"{VENDOR4}:9443", "-cert", f"{f}/vendors.pem", "-key",
                       f"{f}/leaf.key", "-groups", "P-384", "-www", log=f"{f}/s_server.log")
    time.sleep(0.5)
    s.client("openssl", "s_client", "-connect", f"{VENDOR4}:9443", "-servername", "app.clearview.ai", "-groups", "X25519:P-384",
             input="", check=False)
