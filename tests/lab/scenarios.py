"""The scenarios with real clients: who asks for what, and which names must therefore be seen."""

from netns import CLIENT4, CLIENT6, DNS6, NEWS4, SECOND4, SECOND6, VENDOR4, VENDOR6
from stage import Scene

ALL = []
LARGE = [f"dns-svcb edge-{n:02}.a-long-label-that-fills-the-answer.example.net" for n in range(1, 40)]


def scenario(name, title, **options):
    def add(make):
        ALL.append(Scene(make, name, title, **options))
        return make
    return add


@scenario("dig", "dig: many kinds of question", clients=["dig"], only=True, must=[
    "dns-query www.example.com", "dns-query app.clearview.ai", "dns-query pimeyes.com",
    "dns-query portal.example.org", "dns-cname app.clearview.ai", "dns-query search.example.net",
    "dns-cname edge.example.net", "dns-cname pimeyes.com", "dns-query alias.example.org",
    "dns-svcb facecheck.id", "dns-query www.clearview.ai", "dns-svcb app.clearview.ai",
    "dns-query nosuch.clearview.ai", "dns-query clearviewregional.edu", "dns-query xn--bcher-kva.example",
    "dns-query b\\195\\188cher.example", "dns-query findclone.ru", "dns-query lenso.ai", "dns-query 81.100.51.198.in-addr.arpa",
    "dns-query intranet.example.net",
])
def dig(s):
    """A, AAAA, HTTPS, TXT and PTR questions over UDP and TCP, with and without EDNS, mixed case, an
    IDN as A-label and as raw UTF-8, a CNAME chain that hides a vendor, an HTTPS alias that hides another, a name that is not there."""
    s.dig("www.example.com", "A")
    s.dig("www.example.com", "TXT")
    s.dig("www.example.com", "HTTPS")
    s.dig("app.clearview.ai", "A")
    s.dig("app.clearview.ai", "AAAA")
    s.dig("app.clearview.ai", "HTTPS")
    s.dig("www.clearview.ai", "HTTPS")
    s.dig("+noedns", "PimEyes.COM", "A")
    s.dig("+tcp", "portal.example.org", "A")
    s.dig("search.example.net", "A")
    s.dig("alias.example.org", "TYPE65")
    s.dig("nosuch.clearview.ai", "A")
    s.dig("CLEARVIEWREGIONAL.EDU.", "A")
    s.dig("+idnin", "bücher.example", "A")
    s.dig("+noidnin", "bücher.example", "A")
    s.dig("+tcp", "+keepopen", "findclone.ru", "A", "lenso.ai", "AAAA")
    s.dig("-x", "198.51.100.81")
    s.dig("intranet.example.net", "A", at=DNS6)


@scenario("curl-tls13", "curl: TLS 1.3, and 1.2, one of them on port 8443", clients=["curl"], only=True, must=[
    "dns-query www.example.com", "dns-query app.clearview.ai", "dns-query pimeyes.com",
    "dns-query facecheck.id", "tls-sni www.example.com", "tls-sni app.clearview.ai",
    "tls-sni pimeyes.com", "tls-sni facecheck.id",
])
def curl_tls13(s):
    """Each fetch resolves (A and AAAA) and speaks TLS; the last writes the name in upper case."""
    s.curl("https://www.example.com/", "-4", "--tlsv1.3")
    s.curl("https://app.clearview.ai/", "-4", "--tlsv1.3")
    s.curl("https://pimeyes.com:8443/", "-4", "--tls-max", "1.2")
    s.curl("https://FACECHECK.ID/", "-4", "--http1.1")


@scenario("curl-ipv6", "curl over IPv6", clients=["curl"], only=True, must=[
    "dns-query www.example.com", "dns-query app.clearview.ai", "tls-sni www.example.com",
    "tls-sni app.clearview.ai",
])
def curl_ipv6(s):
    """The resolver is asked over IPv6 too."""
    s.lab.resolver(DNS6)
    s.curl("https://www.example.com/", "-6")
    s.curl("https://app.clearview.ai/", "-6")


@scenario("openssl", "openssl s_client: with a name, without, with an address as name", clients=["openssl"],
          must=["tls-sni app.clearview.ai", "tls-sni www.example.com", "tls-sni 198.51.100.81",
                "tls-sni lenso.ai"])
def openssl(s):
    """No DNS at all. One hello has no server_name; one has an IP address as name (which RFC 6066
    forbids and clients do); one is TLS 1.2 only; one name ends with a dot."""
    def ask(*words):
        s.client("openssl", "s_client", "-connect", "198.51.100.81:443", *words, input="", check=False)
    ask("-servername", "app.clearview.ai")
    ask("-noservername")
    ask("-servername", "198.51.100.81")
    ask("-servername", "www.example.com", "-tls1_2")
    ask("-servername", "Lenso.AI.")


@scenario("python-ssl", "Python's ssl module", clients=["python"], only=True, must=[
    "dns-query www.example.com", "dns-query findclone.ru", "tls-sni www.example.com", "tls-sni findclone.ru",
])
def python_ssl(s):
    """urllib with the lab's CA; the second fetch is pinned to TLS 1.2."""
    code = ("import ssl,sys,urllib.request as u; c=ssl.create_default_context(cafile=sys.argv[1]);"
            "print(u.urlopen('https://www.example.com/',context=c).read());"
            "c=ssl.create_default_context(cafile=sys.argv[1]);"
            "c.maximum_version=ssl.TLSVersion.TLSv1_2;"
            "print(u.urlopen('https://findclone.ru/',context=c).read())")
    out = s.client("/usr/bin/python3", "-c", code, s.servers.ca)
    s.expect(out.count("<h1>") == 2, out)


@scenario("chromium-tcp", "Chromium over TCP: a hello in two segments", clients=["chromium"], must=[
    "dns-query app.clearview.ai", "tls-sni app.clearview.ai",
])
def chromium_tcp(s):
    """Chromium's ClientHello (key share X25519MLKEM768, ECH GREASE) is longer than one segment."""
    s.chromium("https://app.clearview.ai/")


@scenario("chromium-ipv6", "Chromium over IPv6", clients=["chromium"], must=[
    "dns-query www.pimeyes.com", "tls-sni www.pimeyes.com",
])
def chromium_ipv6(s):
    """The client's IPv4 route is taken away, so that everything goes over IPv6."""
    s.lab.resolver(DNS6)
    s.lab.client.ip("route", "del", "default")
    s.chromium("https://www.pimeyes.com/")


@scenario("chromium-http3", "Chromium over HTTP/3", clients=["chromium"], h3=True, must=[
    "dns-query app.clearview.ai", "quic-sni app.clearview.ai",
])
def chromium_http3(s):
    """QUIC v1; the server's log shows that the request came over HTTP/3."""
    s.chromium("https://app.clearview.ai/", "--origin-to-force-quic-on=app.clearview.ai:443", quic=True,
               want="<h1>h3</h1>")
    s.expect("app.clearview.ai" in s.h3_requests(), "no HTTP/3 request reached the server")


@scenario("chromium-http3-ipv6", "Chromium over HTTP/3 and IPv6", clients=["chromium"], h3=True, must=[
    "dns-query pimeyes.com", "quic-sni pimeyes.com",
])
def chromium_http3_ipv6(s):
    """As chromium-http3, with the client's IPv4 route taken away."""
    s.lab.resolver(DNS6)
    s.lab.client.ip("route", "del", "default")
    s.chromium("https://pimeyes.com/", "--origin-to-force-quic-on=pimeyes.com:443", quic=True,
               want="<h1>h3</h1>")
    s.expect("pimeyes.com" in s.h3_requests(), "no HTTP/3 request reached the server")


@scenario("firefox-tcp", "Firefox ESR over TCP", clients=["firefox"], must=[
    "dns-query app.clearview.ai", "tls-sni app.clearview.ai",
])
def firefox_tcp(s):
    """HTTP/3 switched off; the server's log shows that Firefox fetched the page."""
    s.firefox("https://app.clearview.ai/", [("network.http.http3.enable", "false")])
    s.expect("Firefox" in s.servers.logged(s.servers.access_log), "Firefox fetched nothing")


@scenario("firefox-http3", "Firefox ESR over HTTP/3", clients=["firefox"], h3=True, must=[
    "dns-query www.pimeyes.com", "quic-sni www.pimeyes.com",
])
def firefox_http3(s):
    """The alternative service is given by preference, so that the first visit goes over QUIC."""
    s.firefox("https://www.pimeyes.com/", [
        ("network.http.http3.enable", "true"),
        ("network.http.http3.disable_when_third_party_roots_found", "false"),
        ("network.http.http3.alt-svc-mapping-for-testing", '"www.pimeyes.com;h3=:443"')])
    s.expect("www.pimeyes.com" in s.h3_requests(), "no HTTP/3 request reached the server")


@scenario("article-reader", "A press article that links to vendors", clients=["chromium"], must=[
    "dns-query www.example.com", "tls-sni www.example.com", "dns-query www.pimeyes.com",
    "dns-query app.clearview.ai", "dns-query static.example.com",
], never=["tls-sni www.pimeyes.com"])
def article_reader(s):
    """Nobody visits a vendor here: the page asks the browser to look up one (dns-prefetch) and to
    open a connection to another (preconnect), on which nothing is ever asked."""
    s.chromium("https://www.example.com/news.html", want="<h1>News")
    s.expect("app.clearview.ai" not in s.servers.logged(s.servers.access_log), "a vendor was visited")


@scenario("coalesced", "HTTP/2: the second name is never sent", clients=["chromium"], must=[
    "dns-query www.clearview.ai", "tls-sni www.clearview.ai", "dns-query app.clearview.ai",
], never=["tls-sni app.clearview.ai"])
def coalesced(s):
    """A page of www.clearview.ai holds one of app.clearview.ai: same certificate, same address, so
    Chromium asks for it on the open connection and app.clearview.ai is in no hello."""
    s.chromium("https://www.clearview.ai/home.html", want="<h1>Home")
    log = s.servers.logged(s.servers.access_log)
    s.expect("HTTP/2.0 app.clearview.ai / 200" in log, "the second name was not fetched")


@scenario("quic-v2", "HTTP/3 over QUIC version 2", clients=["aioquic"], h3=True, only=True, must=[
    "quic-sni app.clearview.ai", "quic-sni www.example.com", "quic-sni pimeyes.com",
])
def quic_v2(s):
    """aioquic with version 2 from the first Initial on (IPv4 and IPv6), and one with version 1."""
    s.h3_get("app.clearview.ai", VENDOR4, "--v2")
    s.h3_get("www.example.com", NEWS4)
    s.h3_get("pimeyes.com", VENDOR6, "--v2")


@scenario("quic-retry", "QUIC with Retry", clients=["aioquic"], h3=True, retry=True, only=True, must=[
    "quic-sni app.clearview.ai", "quic-sni pimeyes.com",
])
def quic_retry(s):
    """The server answers the first Initial with a Retry; the second carries another DCID, hence
    other keys (RFC 9001 section 5.2), and the hello once more. Version 1, then version 2."""
    s.h3_get("app.clearview.ai", VENDOR4)
    s.h3_get("pimeyes.com", VENDOR4, "--v2")


@scenario("quic-rough", "Chromium over HTTP/3 on a wire that loses, doubles and reorders",
          clients=["chromium"], h3=True, wires=[("rough", "7", "5", "25", "40")], must=[
              "dns-query app.clearview.ai", "quic-sni app.clearview.ai",
              "dns-query www.example.com", "quic-sni www.example.com"])
def quic_rough(s):
    """Frames over 150 bytes from the client: 5 % lost, 25 % doubled, 40 % late by one or 30 ms."""
    for name in ("app.clearview.ai", "www.example.com"):
        s.chromium(f"https://{name}/", f"--origin-to-force-quic-on={name}:443", quic=True,
                   want="<h1>h3</h1>")


@scenario("tls-rough", "TLS on a wire that loses, doubles and reorders", clients=["chromium", "curl", "openssl"],
          wires=[("rough", "11", "8", "25", "40")], must=[
              "dns-query app.clearview.ai", "tls-sni app.clearview.ai", "dns-query www.example.com",
              "tls-sni www.example.com", "tls-sni findclone.ru", "tls-sni lenso.ai"])
def tls_rough(s):
    """Frames over 150 bytes from the client: 8 % lost, 25 % doubled, 40 % late by one or 30 ms."""
    s.chromium("https://app.clearview.ai/")
    s.chromium("https://www.example.com/")
    s.curl("https://findclone.ru/")
    s.curl("https://lenso.ai/")


@scenario("vlan", "802.1Q on the link", clients=["dig", "curl"], only=True, place=("wire1", "near"),
          wires=[("tag", "100"), ("untag",)], must=[
              "dns-query app.clearview.ai", "tls-sni app.clearview.ai", "dns-query www.example.com"])
def vlan(s):
    """The capture point lies between two switches; frames carry VLAN 100."""
    s.dig("www.example.com", "A")
    s.curl("https://app.clearview.ai/")


@scenario("qinq", "802.1ad outside 802.1Q", clients=["dig", "curl"], only=True, place=("wire1", "near"),
          wires=[("tag", "100", "200"), ("untag",)], must=[
              "dns-query pimeyes.com", "tls-sni pimeyes.com", "dns-query www.example.com"])
def qinq(s):
    """As vlan, with an outer 802.1ad tag 200 before the inner 802.1Q tag 100."""
    s.dig("www.example.com", "AAAA")
    s.curl("https://pimeyes.com/", "-6")


@scenario("fragments-ipv4", "A large DNS answer in IPv4 fragments", clients=["dig"], only=True, server_mtu=576,
          must=["dns-query large.example.org", "dns-svcb jsc5.pimeyes.com"] + LARGE)
def fragments_ipv4(s):
    """The server's link takes 576 bytes: most targets of the HTTPS records stand in later fragments."""
    s.dig("large.example.org", "HTTPS", "+bufsize=4096", "+ignore")


@scenario("fragments-ipv6", "A large DNS answer in IPv6 fragments", clients=["dig"], only=True, server_mtu=1280,
          must=["dns-query large.example.org", "dns-svcb jsc5.pimeyes.com"] + LARGE)
def fragments_ipv6(s):
    """The server's link takes 1280 bytes: the answer leaves with Fragment headers."""
    s.dig("large.example.org", "HTTPS", "+bufsize=4096", "+ignore", at=DNS6)


@scenario("quic-fragments", "QUIC Initials in IPv4 fragments", clients=["aioquic"], only=True, mtu=576, h3=True,
          must=["quic-sni app.clearview.ai"])
def quic_fragments(s):
    """The client's link takes 576 bytes and its QUIC stack does not forbid fragments."""
    s.h3_get("app.clearview.ai", VENDOR4)


@scenario("mtu-576", "Hellos over a link of 576 bytes", clients=["curl", "chromium"], mtu=576, must=[
    "dns-query app.clearview.ai", "tls-sni app.clearview.ai", "dns-query pimeyes.com", "tls-sni pimeyes.com"])
def mtu_576(s):
    """Chromium's hello needs four segments, curl's two."""
    s.curl("https://pimeyes.com/")
    s.chromium("https://app.clearview.ai/")


@scenario("midstream", "The capture starts inside connections", clients=["python", "dig"], only=True, late=True,
          must=["tls-sni www.example.com", "tls-sni pimeyes.com", "dns-query lenso.ai"],
          never=["tls-sni app.clearview.ai"])
def midstream(s):
    """One connection made its hello before the capture starts (its name is lost: app.clearview.ai);
    two had only their three-way handshake before, and their hello is the first that is seen."""
    code = """
import socket, ssl, sys, time
def tcp(address): return socket.create_connection((address, 443))
c = ssl.create_default_context(cafile=sys.argv[1])
first = c.wrap_socket(tcp('198.51.100.81'), server_hostname='app.clearview.ai')
open_ones = [(tcp('198.51.100.80'), 'www.example.com'), (tcp('198.51.100.81'), 'pimeyes.com')]
print('ready', flush=True); sys.stdin.readline()
for raw, name in open_ones: c.wrap_socket(raw, server_hostname=name).close()
first.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n'); print(first.recv(4096)); first.close()
"""
    import subprocess
    s.said.append("python3: one TLS connection and two bare TCP ones; capture on; two hellos, one request")
    client = subprocess.Popen(["ip", "netns", "exec", s.lab.client.name, "/usr/bin/python3", "-c", code,
                               s.servers.ca], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    s.expect(client.stdout.readline() == "ready\n", "the client did not get ready")
    s.begin()
    out, _ = client.communicate("go\n", timeout=20)
    s.expect("<h1>" in out, out)
    s.dig("lenso.ai", "A")


def both_ways(s):
    s.dig("search.example.net", "A")
    s.curl("https://app.clearview.ai/")
    s.h3_get("pimeyes.com", VENDOR4)


@scenario("one-way-up", "Only what the clients send", clients=["dig", "curl", "aioquic"], only=True, h3=True,
          keep="ip.src == 192.0.2.0/24 or ipv6.src == 2001:db8:1::/64", must=[
              "dns-query search.example.net", "dns-query app.clearview.ai", "tls-sni app.clearview.ai",
              "quic-sni pimeyes.com"])
def one_way_up(s):
    """An asymmetric route: the answers come back another way, so the CNAME chain is not seen."""
    both_ways(s)


@scenario("one-way-down", "Only what the clients get", clients=["dig", "curl", "aioquic"], only=True, h3=True,
          keep="ip.dst == 192.0.2.0/24 or ipv6.dst == 2001:db8:1::/64", must=[
              "dns-query search.example.net", "dns-cname edge.example.net", "dns-cname pimeyes.com",
              "dns-query app.clearview.ai"])
def one_way_down(s):
    """The other half: no hello at all; the question of each answer counts, as its query is not seen."""
    both_ways(s)


def some_of_each(s):
    s.dig("portal.example.org", "A")
    s.curl("https://app.clearview.ai/")
    s.h3_get("pimeyes.com", VENDOR4)


EACH = ["dns-query portal.example.org", "dns-cname app.clearview.ai", "dns-query app.clearview.ai",
        "tls-sni app.clearview.ai", "quic-sni pimeyes.com"]


@scenario("snaplen-96", "Frames cut at 96 bytes", clients=["dig", "curl", "aioquic"], only=True, h3=True,
          tcpdump=["-s", "96"], must=["dns-query portal.example.org", "dns-query app.clearview.ai"])
def snaplen(s):
    """Short DNS queries survive; the hellos are cut before their name."""
    some_of_each(s)


for _form, _title, _options in (
    ("pcapng", "pcapng", []), ("pcap.gz", "pcap under gzip", []), ("pcap.zst", "pcap under Zstandard", []),
    ("pcap", "pcap with nanoseconds", ["--time-stamp-precision=nano"]),
):
    ALL.append(Scene(some_of_each, "form-" + ("nano" if _options else _form.replace(".", "-")), _title, only=True, h3=True, must=EACH,
                     clients=["dig", "curl", "aioquic"], form=_form, tcpdump=_options))


for _version in ("LINUX_SLL", "LINUX_SLL2"):
    ALL.append(Scene(some_of_each, "any-" + _version[6:].lower(), f"All interfaces at once: {_version}", only=True,
                     h3=True, must=EACH, clients=["dig", "curl", "aioquic"], place=("router", "any"),
                     tcpdump=["-y", _version]))


@scenario("first-day", "A first day at the gate", clients=["chromium", "curl", "dig"], h3=True,
          form="pcapng", must=[
              "tls-sni www.example.com", "quic-sni news.example.org", "dns-query weather.example.com",
              "tls-sni weather.example.com", "dns-query www.clearview.ai", "tls-sni www.clearview.ai",
              "quic-sni app.clearview.ai", "dns-query app.clearview.ai", "dns-query www.pimeyes.com",
              "tls-sni static.example.com", "dns-query clearviewregional.edu", "tls-sni clearviewregional.edu",
              "dns-query mail.example.org", "tls-sni intranet.example.net"],
          never=["tls-sni www.pimeyes.com", "quic-sni www.pimeyes.com"])
def first_day(s):
    """One morning in an office, after what a ministry could not rule out (one employee's own trial
    account) and what browsers do by themselves. From 192.0.2.11 and 2001:db8:1::11 colleagues read the
    news, the weather and the site of a school whose name only looks like a vendor's; one reads an
    article about face search whose page makes the browser look up one vendor and open a connection to
    another. From 192.0.2.10 and 2001:db8:1::10 one employee opens www.clearview.ai, and a little later
    app.clearview.ai over HTTP/3."""
    colleagues, employee = (SECOND4, SECOND6), (CLIENT4, CLIENT6)
    s.as_client(*colleagues)
    s.dig("mail.example.org", "A")
    s.curl("https://weather.example.com/")
    s.chromium("https://news.example.org/", "--origin-to-force-quic-on=news.example.org:443", quic=True,
               want="<h1>h3</h1>")
    s.as_client(*employee)
    s.curl("https://intranet.example.net/")
    s.chromium("https://www.clearview.ai/")
    s.as_client(*colleagues)
    s.curl("https://clearviewregional.edu/")
    s.chromium("https://www.example.com/news.html", want="<h1>News")
    s.as_client(*employee)
    s.chromium("https://app.clearview.ai/", "--origin-to-force-quic-on=app.clearview.ai:443", quic=True,
               want="<h1>h3</h1>")
    s.expect({"app.clearview.ai", "news.example.org"} <= set(s.h3_requests()), "no HTTP/3 at the server")
