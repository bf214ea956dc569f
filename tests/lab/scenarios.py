"""The scenarios with real clients: who asks for what, and which names must therefore be seen."""

from netns import DNS6
from stage import Scene

ALL = []


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
