"""Who held an address: scenarios with real DHCP, RADIUS, Kerberos and mail programs from Debian.

Enters: a folder for scratch files. Leaves: a capture of what passed between two (or, with a relay,
three) namespaces. Never: reaches any address outside; no namespace has a link to the machine's own
network. Each scenario says in `must` what has to come of it, by hand; the whole truth is tshark's
(presence_truth.py).
"""

import os
import shutil
import subprocess
import time

from netns import Space, run

CLIENT4, SERVER4 = "192.0.2.10", "192.0.2.1"
CLIENT6, SERVER6 = "2001:db8:1::10", "2001:db8:1::1"
MACS = {"anna": "02:00:5e:10:00:0a", "bert": "02:00:5e:10:00:0b", "cora": "02:00:5e:10:00:0c",
        "server": "02:00:5e:10:00:01", "relay": "02:00:5e:10:00:02"}
ALL = []


def scenario(name, title, must, never=(), relay=False):
    def add(make):
        ALL.append((name, title, make, must, never, relay))
        return make
    return add


class Stage:
    """client - server, or client - relay - server; tcpdump on the server's side."""

    def __init__(self, folder, relay):
        self.folder, self.said, self.spaces = folder, [], []
        self.mark = f"pwp{os.getpid() % 100000}"
        self.client, self.server = self.space("c"), self.space("s")
        self.relay = self.space("r") if relay else None
        if relay:
            self.link(self.client, "lan0", self.relay, "lan0")
            self.link(self.relay, "up0", self.server, "lan0")
        else:
            self.link(self.client, "lan0", self.server, "lan0")
        self.hardware(self.client, "anna")
        self.hardware(self.server, "server")

    def space(self, role):
        made = Space(f"{self.mark}-{role}")
        self.spaces.append(made)
        return made

    def link(self, a, a_name, b, b_name):
        number = len(self.said) + len(os.listdir("/sys/class/net"))
        left, right = f"{self.mark}{a_name[0]}{number}", f"{self.mark}{b_name[0]}{number}x"
        run("ip", "link", "add", left, "type", "veth", "peer", "name", right)
        for interface, space, name in ((left, a, a_name), (right, b, b_name)):
            run("ip", "link", "set", interface, "netns", space.name)
            space.ip("link", "set", interface, "name", name)
            space.run("ethtool", "-K", name, "tso", "off", "gso", "off", "gro", "off", "tx", "off",
                      "rx", "off", check=False)
            space.ip("link", "set", name, "up")

    def hardware(self, space, who, interface="lan0"):
        space.ip("link", "set", interface, "down")
        space.ip("addr", "flush", "dev", interface)
        space.ip("link", "set", interface, "address", MACS[who])
        space.ip("link", "set", interface, "up")
        time.sleep(0.3)

    def addresses(self):
        for space, v4, v6 in ((self.client, CLIENT4, CLIENT6), (self.server, SERVER4, SERVER6)):
            space.ip("addr", "add", f"{v4}/24", "dev", "lan0")
            space.ip("addr", "add", f"{v6}/64", "dev", "lan0", "nodad")

    def path(self, name, text=None):
        path = os.path.join(self.folder, name)
        if text is not None:
            with open(path, "w") as out:
                out.write(text)
        return path

    def do(self, *command, check=True, **kwargs):
        """In the client's namespace, and into the README."""
        shown = " ".join(command).replace(self.folder, "$LAB")
        self.said.append(shown)
        return self.client.run(*command, check=check, **kwargs)

    def capture(self):
        out = self.path("capture.pcap")
        self.tcpdump = self.server.start("tcpdump", "-U", "--immediate-mode", "-n", "-Z", "root", "-i", "lan0", "-w", out,
                                         log=self.path("tcpdump.log"))
        for _ in range(50):
            if os.path.exists(out) and os.path.getsize(out) >= 24:
                return
            time.sleep(0.1)
        raise SystemExit("tcpdump does not start")

    def end(self):
        time.sleep(0.7)
        self.server.stop(self.tcpdump)
        done = self.path("capture.pcapng")
        run("editcap", "-F", "pcapng", self.path("capture.pcap"), done)
        return done

    def remove(self):
        for space in reversed(self.spaces):
            # DHCP clients go into the background and stay.
            for pid in run("ip", "netns", "pids", space.name).split():
                subprocess.run(["kill", pid], capture_output=True)
            space.remove()


def dnsmasq(s, space, *words):
    config = s.path(f"dnsmasq-{len(words)}.conf", "")
    space.start("dnsmasq", "-k", f"--conf-file={config}", "--port=0", "--bind-interfaces",
                f"--dhcp-leasefile={s.path('leases')}", f"--pid-file={s.path('dnsmasq.pid')}",
                "--user=root", *words, log=s.path("dnsmasq.log"))
    time.sleep(0.7)


def script(s):
    """Gives the interface its address, as the distribution's script would."""
    path = s.path("bound.sh", """#!/bin/sh
case "$reason$1" in
    BOUND|RENEW|REBIND|REBOOT) ip addr replace "$new_ip_address/24" dev "$interface" ;;
    bound|renew) ip addr replace "$ip/24" dev "$interface" ;;
    RELEASE) ip addr flush dev "$interface" ;;
    BOUND6) ip addr replace "$new_ip6_address/64" dev "$interface" ;;
esac
exit 0
""")
    os.chmod(path, 0o755)
    return path


def dhclient(s, *words, who):
    return ("dhclient", "-1", "-v", "-sf", script(s), "-lf", s.path(f"{who}.leases"), "-pf", s.path(f"{who}.pid"),
            "-cf", s.path(f"{who}.conf"), *words, "lan0")


def forget():
    lease = "/var/lib/dhcpcd/lan0.lease"
    if os.path.exists(lease):
        os.unlink(lease)


@scenario("dhcpv4", "DHCPv4: three clients, a renewal, a release, an INFORM", must=[
    "holds dhcpv4 192.0.2.* 02:00:5e:10:00:0a laptop-anna - - 600",
    "ends dhcpv4 192.0.2.* 02:00:5e:10:00:0a * - - -",
    "holds dhcpv4 192.0.2.* 02:00:5e:10:00:0b pc-bert.corp.example - - 600",
    "holds dhcpv4 192.0.2.* 02:00:5e:10:00:0c tablet-cora.corp.example - - 600",
])
def dhcpv4(s):
    """ISC dhclient says its name in option 12, asks again (the address is confirmed), gives it
    back, and asks for information alone. busybox udhcpc says its name in option 81 in plain text,
    dhcpcd in labels. dnsmasq leases for ten minutes and repeats no name."""
    s.server.ip("addr", "add", f"{SERVER4}/24", "dev", "lan0")
    dnsmasq(s, s.server, "--interface=lan0", "--dhcp-range=192.0.2.50,192.0.2.90,600", "--dhcp-authoritative",
            "--dhcp-ignore-names")
    s.path("anna.conf", 'send host-name "laptop-anna";\n')
    for _ in range(2):
        s.do(*dhclient(s, who="anna"))
        s.do("pkill", "-F", s.path("anna.pid"), check=False)
        time.sleep(1.2)
    s.do(*dhclient(s, "-r", who="anna"))
    s.hardware(s.client, "bert")
    s.do("udhcpc", "-f", "-q", "-n", "-i", "lan0", "-s", script(s), "-F", "pc-bert.corp.example")
    s.hardware(s.client, "cora")
    s.do("dhcpcd", "-4", "-1", "-B", "-A", "--fqdn", "both", "-h", "tablet-cora.corp.example", "-c", "/bin/true",
         "-f", s.path("dhcpcd.conf", "hostname\noption host_name\n"), "-t", "10", "lan0", check=False)
    # What dhcpcd remembers would make it ask for its old address again.
    forget()
    s.client.ip("addr", "replace", "192.0.2.200/24", "dev", "lan0")
    s.do("dhcpcd", "-4", "-1", "-B", "-A", "--inform", "192.0.2.200/24", "-c", "/bin/true", "-f",
         s.path("dhcpcd.conf"), "-h", "tablet-cora.corp.example", "-t", "5", "lan0", check=False)
    forget()


@scenario("dhcpv4-relay", "DHCPv4 behind a relay with option 82", relay=True, must=[
    "holds dhcpv4 192.0.2.* 02:00:5e:10:00:0a laptop-anna - - 600",
])
def dhcpv4_relay(s):
    """ISC dhcrelay puts the circuit in; the server's side is captured, where every packet goes
    from port 67 to port 67 and none carries the client's link-layer address but inside."""
    s.hardware(s.relay, "relay")
    s.relay.ip("addr", "add", "192.0.2.1/24", "dev", "lan0")
    s.relay.ip("addr", "add", "198.51.100.1/24", "dev", "up0")
    s.relay.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    s.server.ip("addr", "add", "198.51.100.2/24", "dev", "lan0")
    s.server.ip("route", "add", "192.0.2.0/24", "via", "198.51.100.1")
    dnsmasq(s, s.server, "--interface=lan0", "--dhcp-range=192.0.2.50,192.0.2.90,255.255.255.0,600",
            "--dhcp-authoritative")
    s.relay.start("dhcrelay", "-4", "-d", "-a", "-id", "lan0", "-iu", "up0", "198.51.100.2", log=s.path("relay.log"))
    time.sleep(1)
    s.path("anna.conf", 'send host-name "laptop-anna";\n')
    s.do(*dhclient(s, who="anna"))
    s.do(*dhclient(s, "-r", who="anna"))


@scenario("dhcpv6", "DHCPv6: an address leased and given back", must=[
    "holds dhcpv6 2001:db8:1::* 02:00:5e:10:00:0a laptop-anna - - 600",
    "ends dhcpv6 2001:db8:1::* 02:00:5e:10:00:0a * - - -",
])
def dhcpv6(s):
    """ISC dhclient with a DUID of its link-layer address (DUID-LL) and its name in option 39; dnsmasq
    answers with the first label of it."""
    s.server.ip("addr", "add", f"{SERVER6}/64", "dev", "lan0", "nodad")
    dnsmasq(s, s.server, "--interface=lan0", "--dhcp-range=2001:db8:1::100,2001:db8:1::1ff,64,600")
    s.path("anna.conf", 'send fqdn.fqdn "laptop-anna.corp.example";\nsend fqdn.encoded on;\n'
           'send fqdn.server-update on;\nalso request dhcp6.fqdn;\n')
    s.do(*dhclient(s, "-6", "-D", "LL", who="anna"))
    s.do("pkill", "-F", s.path("anna.pid"), check=False)
    s.do(*dhclient(s, "-6", "-D", "LL", "-r", who="anna"))


@scenario("dhcpv6-relay", "DHCPv6 behind a relay that says the link-layer address", relay=True, must=[
    "holds dhcpv6 2001:db8:1::* 02:00:5e:10:00:0a * - - 600",
])
def dhcpv6_relay(s):
    """The client's DUID is a made-up enterprise number; its link-layer address comes from the relay
    alone (RFC 6939). dnsmasq relays, and another serves."""
    s.hardware(s.relay, "relay")
    s.relay.ip("addr", "add", "2001:db8:1::1/64", "dev", "lan0", "nodad")
    s.relay.ip("addr", "add", "2001:db8:2::1/64", "dev", "up0", "nodad")
    s.relay.run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
    s.server.ip("addr", "add", "2001:db8:2::2/64", "dev", "lan0", "nodad")
    s.server.ip("-6", "route", "add", "2001:db8:1::/64", "via", "2001:db8:2::1")
    dnsmasq(s, s.relay, "--interface=lan0", "--interface=up0", "--dhcp-relay=2001:db8:1::1,2001:db8:2::2")
    dnsmasq(s, s.server, "--interface=lan0", "--dhcp-range=2001:db8:1::100,2001:db8:1::1ff,64,600", "--quiet-dhcp6")
    # dhclient takes over the DUID that stands in its lease file: DUID-EN of enterprise 32473 (RFC 5612).
    s.path("anna.leases", 'default-duid "\\000\\002\\000\\000~\\331laptop-7";\n')
    s.path("anna.conf", "")
    s.do(*dhclient(s, "-6", who="anna"))


@scenario("radius", "RADIUS accounting: start, interim, stop; a forged one; a restart", must=[
    "holds radius 192.0.2.77/32 00:1a:2b:3c:4d:5e - anna@corp.example 0A1B2C3D -",
    "holds radius 2001:db8:1:77::/64 00:1a:2b:3c:4d:5e - anna@corp.example 0A1B2C3D -",
    "holds radius 2001:db8:1:77::9/128 00:1a:2b:3c:4d:5e - anna@corp.example 0A1B2C3D -",
    "ends radius 192.0.2.77/32 00:1a:2b:3c:4d:5e - anna@corp.example 0A1B2C3D -",
    "all-end radius - - - - - -",
], never=["mallory"])
def radius(s):
    """FreeRADIUS answers radclient. The forged start is sent with a wrong secret: the server says
    nothing to it. The interim update comes a minute late (Acct-Delay-Time). The last packet says
    that the access server starts anew."""
    s.addresses()
    config = s.path("raddb")
    shutil.copytree("/etc/freeradius/3.0", config, symlinks=True)
    with open(f"{config}/clients.conf", "w") as out:
        out.write("client lab { ipaddr = 192.0.2.0/24\n secret = not-a-secret\n }\n")
    # Accounting only.
    with open(f"{config}/sites-enabled/default", "w") as out:
        out.write("server default {\n listen { type = acct\n ipaddr = *\n port = 1813\n }\n accounting { ok\n }\n}\n")
    if os.path.lexists(f"{config}/sites-enabled/inner-tunnel"):
        os.unlink(f"{config}/sites-enabled/inner-tunnel")
    for name in os.listdir(f"{config}/mods-enabled"):
        if name not in ("always", "attr_filter"):
            os.unlink(f"{config}/mods-enabled/{name}")
    text = open(f"{config}/radiusd.conf").read()
    for user in ("user = freerad", "group = freerad"):
        text = text.replace(user, f"# {user}")
    with open(f"{config}/radiusd.conf", "w") as out:
        out.write(text)
    s.server.start("freeradius", "-f", "-X", "-d", config, log=s.path("freeradius.log"))
    for _ in range(50):
        if "Ready to process requests" in open(s.path("freeradius.log")).read():
            break
        time.sleep(0.2)
    else:
        raise SystemExit(open(s.path("freeradius.log")).read()[-3000:])
    person = ("User-Name = anna@corp.example\nCalling-Station-Id = 00-1A-2B-3C-4D-5E\nAcct-Session-Id = 0A1B2C3D\n"
              "NAS-IP-Address = 192.0.2.2\nNAS-Port-Type = Wireless-802.11\n")
    nets = ("Framed-IP-Address = 192.0.2.77\nFramed-IPv6-Prefix = 2001:db8:1:77::/64\n"
            "Framed-IPv6-Address = 2001:db8:1:77::9\n")

    def send(text, secret="not-a-secret", **kwargs):
        s.said.append(f"radclient 192.0.2.1:1813 acct {secret} <<< " + text.strip().replace("\n", ", "))
        s.client.run("radclient", "-r", "1", "-t", "1", f"{SERVER4}:1813", "acct", secret, input=text, **kwargs)
    send("Acct-Status-Type = Start\n" + person)
    send("Acct-Status-Type = Interim-Update\nAcct-Delay-Time = 60\n" + person + nets)
    send("Acct-Status-Type = Start\nFramed-IP-Address = 192.0.2.77\nUser-Name = mallory\nAcct-Session-Id = 66\n",
         secret="wrong", check=False)
    send("Acct-Status-Type = Start\nUser-Name = host/pc-bert.corp.example\nFramed-IP-Address = 192.0.2.78\n"
         "Calling-Station-Id = 02005e10000b\nAcct-Session-Id = 77\nNAS-IP-Address = 192.0.2.2\n")
    send("Acct-Status-Type = Stop\nAcct-Terminate-Cause = User-Request\n" + person + nets)
    send("Acct-Status-Type = Accounting-On\nNAS-IP-Address = 192.0.2.2\n")


@scenario("kerberos", "Kerberos: good and failed sign-ins, over UDP and TCP", must=[
    "holds kerberos 192.0.2.10/32 - - anna@CORP.EXAMPLE - -",
    "holds kerberos 192.0.2.10/32 - - jörg@CORP.EXAMPLE - -",
], never=["bert@CORP.EXAMPLE", "PC-7$", "host/pc-7", "anna/admin", "weak@"])
def kerberos(s):
    """MIT krb5kdc and kinit. anna signs in over UDP and asks for a service ticket; bert gives a
    wrong password; the machine PC-7$, the service host/pc-7 and anna/admin sign in too, and so does
    weak, of whom no pre-authentication is asked; jörg signs in over TCP."""
    s.addresses()
    data = s.path("kdc")
    os.makedirs(data)
    kdc = s.path("kdc.conf", f"""[kdcdefaults]
 kdc_ports = 88
 kdc_tcp_ports = 88
[realms]
 CORP.EXAMPLE = {{
  database_name = {data}/principal
  key_stash_file = {data}/stash
  acl_file = {data}/acl
  default_principal_flags = +preauth
 }}
""")

    def client(name, limit):
        return s.path(name, f"""[libdefaults]
 default_realm = CORP.EXAMPLE
 dns_lookup_kdc = false
 rdns = false
 dns_canonicalize_hostname = false
 udp_preference_limit = {limit}
[realms]
 CORP.EXAMPLE = {{
  kdc = 192.0.2.1
 }}
""")
    udp, tcp = client("udp.conf", 1400), client("tcp.conf", 1)
    env = dict(os.environ, KRB5_KDC_PROFILE=kdc, KRB5_CONFIG=udp, LC_ALL="C.UTF-8")
    run("kdb5_util", "create", "-s", "-r", "CORP.EXAMPLE", "-P", "lab", env=env)
    for words in ("-pw one anna", "-pw one bert", "-pw one PC-7$", "-pw one host/pc-7", "-pw one anna/admin",
                  "-pw one jörg", "-pw one -requires_preauth weak"):
        run("kadmin.local", "-r", "CORP.EXAMPLE", "-q", f"addprinc {words}@CORP.EXAMPLE", env=env)
    s.server.start("env", f"KRB5_KDC_PROFILE={kdc}", f"KRB5_CONFIG={udp}", "krb5kdc", "-n", "-r", "CORP.EXAMPLE",
                   log=s.path("kdc.log"))
    time.sleep(1.5)

    def kinit(who, password="one", config=udp, fails=False):
        s.said.append(f"kinit {who}" + (" (wrong password)" if fails else "") + (" (TCP)" if config == tcp else ""))
        full = ("ip", "netns", "exec", s.client.name, "kinit", who)
        done = subprocess.run(full, input=password + "\n", capture_output=True, text=True,
                              env=dict(env, KRB5_CONFIG=config, KRB5CCNAME=s.path("cache")))
        if (done.returncode != 0) != fails:
            raise SystemExit(f"kinit {who}: {done.stdout}{done.stderr}")
    kinit("bert", "two", fails=True)
    kinit("anna")
    s.said.append("kvno host/pc-7")
    s.client.run("kvno", "host/pc-7@CORP.EXAMPLE", env=dict(env, KRB5CCNAME=s.path("cache")))
    kinit("PC-7$")
    kinit("host/pc-7")
    kinit("anna/admin")
    kinit("weak")
    kinit("jörg", config=tcp)


@scenario("neighbours", "ARP and neighbour discovery", must=[
    "holds arp 192.0.2.10/32 02:00:5e:10:00:0a - - - -",
    "holds arp 192.0.2.1/32 02:00:5e:10:00:01 - - - -",
    "holds ndp 2001:db8:1::10/128 02:00:5e:10:00:0a - - - -",
    "holds ndp 2001:db8:1::1/128 02:00:5e:10:00:01 - - - -",
    "holds arp 192.0.2.10/32 02:00:5e:10:00:0b - - - -",
], never=["192.0.2.99", "2001:db8:1::99"])
def neighbours(s):
    """Pings both ways over both families; a probe whether an address is free (RFC 5227) and
    duplicate address detection (RFC 4862), which hold nothing; an announcement; and the same
    address on another card."""
    s.addresses()
    s.do("ping", "-c", "2", "-i", "0.3", SERVER4)
    s.do("ping", "-c", "2", "-i", "0.3", SERVER6)
    s.server.run("ping", "-c", "1", CLIENT6)
    s.do("arping", "-D", "-c", "1", "-w", "2", "-I", "lan0", "192.0.2.99", check=False)
    s.client.run("sysctl", "-qw", "net.ipv6.conf.lan0.accept_dad=1", "net.ipv6.conf.all.accept_dad=1")
    s.do("ip", "addr", "add", "2001:db8:1::99/64", "dev", "lan0")
    time.sleep(1.5)
    s.do("ip", "addr", "del", "2001:db8:1::99/64", "dev", "lan0")
    s.hardware(s.client, "bert")
    s.client.ip("addr", "add", f"{CLIENT4}/24", "dev", "lan0")
    s.do("arping", "-A", "-c", "2", "-I", "lan0", CLIENT4)


@scenario("smtp", "SMTP: vendors' mails in clear, a harmless one, and one behind STARTTLS", must=[
    "mail smtp clearview.ai anna@corp.example", "mail smtp clearview.ai bert@corp.example",
    "mail smtp mg.pimeyes.com anna@corp.example",
], never=["cora@corp.example", "dora@corp.example"])
def smtp(s):
    """swaks sends to postfix: from @clearview.ai to two people at once, pipelined; from
    @example.net, which is nobody's; from a bounce address of pimeyes.com; from @clearview.ai behind
    STARTTLS, of which nobody can see the sender; and the null sender."""
    s.addresses()
    config, queue, data = s.path("postfix"), s.path("queue"), s.path("pdata")
    for folder in (config, queue, data):
        os.makedirs(folder)
    shutil.chown(data, "postfix")
    os.chmod(s.folder, 0o755)
    key, cert = s.path("key.pem"), s.path("cert.pem")
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3", "-subj", "/CN=mx.corp.example",
        "-keyout", key, "-out", cert)
    s.path("postfix/main.cf", f"""compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
maillog_file = {s.path("postfix.log")}
maillog_file_prefixes = {s.folder}
myhostname = mx.corp.example
mydestination = corp.example
local_recipient_maps =
local_transport = discard:
default_transport = discard:
inet_protocols = ipv4
smtpd_tls_cert_file = {cert}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtpd_peername_lookup = no
smtpd_relay_restrictions = reject_unauth_destination
alias_maps =
""")
    master = open("/etc/postfix/master.cf").read() if os.path.exists("/etc/postfix/master.cf") else \
        open("/usr/share/postfix/master.cf.dist").read()
    lines = []
    for line in master.splitlines():
        words = line.split()
        if len(words) == 8 and not line.startswith(("#", " ")):
            words[4] = "n"
            line = "\t".join(words)
        lines.append(line)
    if not any(line.startswith("postlog") for line in lines):
        lines.append("postlog\tunix-dgram\tn\t-\tn\t-\t1\tpostlogd")
    s.path("postfix/master.cf", "\n".join(lines) + "\n")
    s.server.run("postfix", "-c", config, "start")
    try:
        time.sleep(1.5)

        def send(*words):
            s.do("swaks", "--server", SERVER4, "--helo", "mail.example.net", "--timeout", "10", *words)
        send("--from", "no-reply@clearview.ai", "--to", "Anna@Corp.Example,bert@corp.example", "--pipeline")
        send("--from", "newsletter@example.net", "--to", "cora@corp.example")
        send("--from", "bounce+b3.8f=anna@mg.pimeyes.com", "--to", "anna@corp.example")
        send("--from", "no-reply@clearview.ai", "--to", "dora@corp.example", "--tls")
        send("--from", "<>", "--to", "cora@corp.example")
    finally:
        s.server.run("postfix", "-c", config, "stop", check=False)
