"""What stands inside the office: the mail server, an internal resolver, RADIUS, Kerberos.

Enters: an `Office`. Leaves: running servers and the paths of the logs that are feeds. Never: uses a
server's configuration of the machine itself; each has its own folder under the office's.
"""

import email
import email.policy
import os
import subprocess
import time

from network import ACCESS, CENTRE, DOMAIN, LAN, MAIL, RESOLVER, WORLD_DNS
from netns import run

REALM = DOMAIN.upper()
SECRET = "between-switch-and-server"


def wait_for(truth, what, seconds=20):
    until = time.time() + seconds
    while not truth():
        if time.time() > until:
            raise SystemExit(f"waited {seconds} s for {what}")
        time.sleep(0.1)


def logged(path):
    try:
        with open(path, errors="replace") as lines:
            return lines.read()
    except FileNotFoundError:
        return ""


class Mail:
    """Postfix with mailboxes for the office; its log is a feed."""

    def __init__(self, office, mailboxes):
        self.office, self.folder = office, os.path.join(office.folder, "postfix")
        self.log, self.boxes = os.path.join(self.folder, "mail.log"), os.path.join(self.folder, "boxes")
        etc, queue, data = (os.path.join(self.folder, name) for name in ("etc", "queue", "data"))
        for made in (etc, queue, data, self.boxes):
            os.makedirs(made)
        run("chown", "postfix", data)
        run("chown", "nobody", self.boxes)
        with open(f"{etc}/main.cf", "w") as out:
            out.write(f"""compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
maillog_file = {self.log}
maillog_file_prefixes = {office.folder}
myhostname = mail.{DOMAIN}
mydestination =
inet_interfaces = {MAIL}
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
local_recipient_maps =
virtual_mailbox_domains = {DOMAIN}
virtual_mailbox_base = {self.boxes}
virtual_mailbox_maps = texthash:{etc}/boxes
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_minimum_uid = 100
smtpd_recipient_restrictions = reject_unauth_destination
smtpd_peername_lookup = no
alias_maps =
alias_database =
""")
        # Each recipient in a mailbox of its own, so that nobody opens another's link.
        with open(f"{etc}/boxes", "w") as out:
            out.writelines(f"{box}@{DOMAIN} {box}/\n" for box in mailboxes)
        with open(f"{etc}/master.cf", "w") as out:
            out.write("""smtp inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
""")
        self.etc = etc
        os.chmod(office.folder, 0o755)
        office.services.run("postfix", "-c", etc, "start", timeout=60)
        wait_for(lambda: "daemon started" in logged(self.log), "postfix")

    def stop(self):
        self.office.services.run("postfix", "-c", self.etc, "stop", check=False, timeout=60)

    def link(self, who, seconds=30):
        """The link in the newest mail of a mailbox; the mail is taken out."""
        new = os.path.join(self.boxes, who, "new")
        wait_for(lambda: os.path.isdir(new) and os.listdir(new), f"a mail for {who}:\n{logged(self.log)}", seconds)
        path = os.path.join(new, sorted(os.listdir(new))[-1])
        with open(path, "rb") as letter:
            text = email.message_from_binary_file(letter, policy=email.policy.default).get_body(("plain",))
        os.remove(path)
        return next(line for line in text.get_content().splitlines() if line.startswith("https://"))


class Resolver:
    """The internal resolver: employees ask it, it asks the world; its query log is a feed."""

    def __init__(self, office):
        self.log = os.path.join(office.folder, "resolver.log")
        path = os.path.join(office.folder, "resolver.conf")
        with open(path, "w") as out:
            out.write(f"""no-resolv
no-hosts
no-daemon
user=root
bind-interfaces
listen-address={RESOLVER}
server={WORLD_DNS}@{RESOLVER}
log-queries=extra
log-facility={self.log}
cache-size=1000
pid-file={office.folder}/resolver.pid
""")
        office.services.start("dnsmasq", f"--conf-file={path}", log=self.log + ".err")
        wait_for(lambda: "started" in logged(self.log), "the internal resolver")


class Kerberos:
    """A KDC in the data centre; `login` is an employee's kinit, seen by the router."""

    def __init__(self, office, users):
        self.office, self.folder = office, os.path.join(office.folder, "kerberos")
        os.makedirs(self.folder)
        with open(f"{self.folder}/krb5.conf", "w") as out:
            out.write(f"""[libdefaults]
 default_realm = {REALM}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 rdns = false
 dns_canonicalize_hostname = false
[realms]
 {REALM} = {{
  kdc = {CENTRE}:88
 }}
[logging]
 kdc = FILE:{self.folder}/kdc.log
""")
        with open(f"{self.folder}/kdc.conf", "w") as out:
            out.write(f"""[kdcdefaults]
 kdc_ports = 88
 kdc_tcp_ports = 88
[realms]
 {REALM} = {{
  database_name = {self.folder}/principal
  key_stash_file = {self.folder}/stash
  acl_file = {self.folder}/acl
  max_life = 10h
  supported_enctypes = aes256-cts-hmac-sha1-96:normal
 }}
""")
        self.env = dict(os.environ, KRB5_CONFIG=f"{self.folder}/krb5.conf", KRB5_KDC_PROFILE=f"{self.folder}/kdc.conf")
        self.tool("kdb5_util", "create", "-s", "-W", "-r", REALM, "-P", "the-master-key")
        for user in users:
            self.tool("kadmin.local", "-q", f"addprinc -pw {user}-password +requires_preauth {user}")
        self.tool("kadmin.local", "-q", f"addprinc -randkey host/fileserver.{DOMAIN}")
        command = ["env", f"KRB5_CONFIG={self.folder}/krb5.conf", f"KRB5_KDC_PROFILE={self.folder}/kdc.conf",
                   "krb5kdc", "-n"]
        office.centre.start(*command, log=f"{self.folder}/krb5kdc.err")
        wait_for(lambda: "commencing operation" in logged(f"{self.folder}/kdc.log"), "the KDC")

    def tool(self, *command):
        # These stand in /usr/sbin, which is not in everybody's path.
        env = dict(self.env, PATH=self.env.get("PATH", "") + ":/usr/sbin:/sbin")
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{command}: {done.stdout}{done.stderr}")

    def login(self, employee, user):
        """kinit with the password, then a service ticket as a file server asks for."""
        env = dict(self.env, KRB5CCNAME=f"FILE:{self.folder}/cache-{employee}")
        space = self.office.employees[employee]
        space.run("kinit", user, input=f"{user}-password\n", env=env)
        space.run("kvno", f"host/fileserver.{DOMAIN}", env=env)


class Radius:
    """FreeRADIUS in the data centre; the access switch reports who came and went."""

    def __init__(self, office):
        self.office, self.folder = office, os.path.join(office.folder, "radius")
        os.makedirs(self.folder)
        with open(f"{self.folder}/radiusd.conf", "w") as out:
            out.write(f"""prefix = /usr
exec_prefix = /usr
raddbdir = {self.folder}
logdir = {self.folder}
run_dir = {self.folder}
name = radiusd
libdir = /usr/lib/freeradius
pidfile = {self.folder}/pid
max_request_time = 30
cleanup_delay = 5
max_requests = 1024
log {{
  destination = files
  file = {self.folder}/radius.log
  auth = no
}}
security {{
  allow_vulnerable_openssl = yes
}}
thread pool {{
  start_servers = 1
  max_servers = 2
  min_spare_servers = 1
  max_spare_servers = 1
}}
client switch {{
  ipaddr = {LAN}
  secret = {SECRET}
}}
modules {{
  detail {{
    filename = {self.folder}/detail
    permissions = 0600
  }}
  always ok {{
    rcode = ok
  }}
}}
server default {{
  listen {{
    type = acct
    ipaddr = {CENTRE}
    port = 1813
  }}
  preacct {{
    ok
  }}
  accounting {{
    detail
    ok
  }}
}}
""")
        office.centre.start("/usr/sbin/freeradius", "-f", "-d", self.folder, "-l", f"{self.folder}/radius.log",
                            log=f"{self.folder}/err")
        wait_for(lambda: "Ready to process requests" in logged(f"{self.folder}/radius.log"),
                 "FreeRADIUS\n" + logged(f"{self.folder}/err"))

    def report(self, status, user, address, mac, session, seconds=0):
        """One accounting request (`Start`, `Interim-Update`, `Stop`), answered by the server."""
        lines = [f'User-Name = "{user}"', f"Framed-IP-Address = {address}", f"NAS-IP-Address = {ACCESS}",
                 f'Calling-Station-Id = "{mac.upper().replace(":", "-")}"', f"Acct-Status-Type = {status}",
                 f'Acct-Session-Id = "{session}"', f"Acct-Session-Time = {seconds}", "NAS-Port-Type = Ethernet",
                 "Acct-Delay-Time = 0", "NAS-Port = 7"]
        said = self.office.access.run("radclient", "-x", "-r", "3", f"{CENTRE}:1813", "acct", SECRET,
                                      input="\n".join(lines) + "\n")
        if "Accounting-Response" not in said:
            raise SystemExit(f"no accounting response: {said}")


class Alertmanager:
    """Prometheus' Alertmanager on the router's loopback."""

    ADDRESS = "127.0.0.1:9093"

    def __init__(self, office):
        folder = os.path.join(office.folder, "alertmanager")
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/config.yml", "w") as out:
            out.write("route: {receiver: none}\nreceivers: [{name: none}]\n")
        office.router.start("prometheus-alertmanager", f"--config.file={folder}/config.yml",
                            f"--storage.path={folder}/data", f"--web.listen-address={self.ADDRESS}",
                            "--cluster.listen-address=", log=f"{folder}/log")
        wait_for(lambda: "Listening on" in logged(f"{folder}/log"), "Alertmanager")
