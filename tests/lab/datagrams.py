"""DTLS by its real clients, and Google's QUIC, which no client at hand speaks any more.

As scenarios.py and built.py: each function adds a scenario. The hello of Google's QUIC is written
here from "QUIC Wire Layout Specification" and "QUIC Crypto" of the Chromium project.
"""

import struct
import subprocess
import time

import packets as p
from built import CLIENT, SERVER, built
from netns import VENDOR4, VENDOR6
from scenarios import scenario


def served(s, port, *options, address=VENDOR4):
    """An OpenSSL server for one or more DTLS clients."""
    at = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    s.lab.server.start("openssl", "s_server", "-accept", at, "-cert", f"{s.servers.folder}/all.pem",
                       "-key", f"{s.servers.folder}/leaf.key", "-quiet", *options,
                       log=f"{s.servers.folder}/dtls-{port}.log")
    time.sleep(0.5)


@scenario("dtls", "DTLS by OpenSSL and GnuTLS: cookies, fragments, old and new", clients=["openssl", "gnutls"],
          only=True, must=[f"dtls-sni {name}" for name in (
              "app.clearview.ai", "pimeyes.com", "facecheck.id", "findclone.ru", "lenso.ai", "www.example.com")])
def dtls(s):
    """DTLS 1.2 with a cookie (HelloVerifyRequest) and without; a hello in many fragments (an MTU of
    256 bytes and a long list of protocols); DTLS 1.0; GnuTLS with a small MTU and over IPv6; one
    client without a name, and one that asks for media keys as WebRTC does."""
    served(s, 4433, "-dtls", "-listen")
    served(s, 4434, "-dtls", "-mtu", "1400")
    served(s, 4435, "-dtls1", "-cipher", "ALL:@SECLEVEL=0")
    served(s, 4436, "-dtls", "-use_srtp", "SRTP_AES128_CM_SHA1_80")
    served(s, 4437, "-dtls", "-6", address=VENDOR6)
    long = ",".join(f"a-long-name-of-a-protocol-{n:02}" for n in range(24))

    def ask(port, *options):
        s.client("timeout", "4", "openssl", "s_client", "-connect", f"{VENDOR4}:{port}", *options,
                 input="Q\n", check=False)
    ask(4433, "-dtls1_2", "-servername", "app.clearview.ai")
    ask(4434, "-dtls1_2", "-mtu", "256", "-alpn", long, "-servername", "pimeyes.com")
    ask(4435, "-dtls1", "-cipher", "ALL:@SECLEVEL=0", "-servername", "facecheck.id")
    ask(4434, "-dtls1_2", "-noservername")
    ask(4436, "-dtls1_2", "-use_srtp", "SRTP_AES128_CM_SHA1_80", "-noservername")
    ask(4434, "-dtls1_2", "-servername", "www.example.com")
    for port, address, name, mtu in ((4434, VENDOR4, "findclone.ru", "1400"), (4437, VENDOR6, "lenso.ai", "300")):
        s.client("timeout", "4", "gnutls-cli", "--udp", "--insecure", "--mtu", mtu, "--port", str(port),
                 "--sni-hostname", name, address, input="", check=False)


def uint(value, length, version):
    return value.to_bytes(length, "big" if version >= 39 else "little")


def chlo(name, version):
    """PAD, SNI, VER and a user agent, in the order of their numbers."""
    tags = [(b"PAD\0", b"-" * 700), (b"SNI\0", name.encode()), (b"VER\0", b"Q0%02d" % version),
            (b"UAID", b"Chrome/64.0 Linux x86_64")]
    index, values = b"", b""
    for tag, value in tags:
        values += value
        index += tag + struct.pack("<I", len(values))
    return b"CHLO" + struct.pack("<HH", len(tags), 0) + index + values


def fnv(data):
    value = 0x6C62272E07BB014262B821756295C58D
    for byte in data:
        value = (value ^ byte) * 0x1000000000000000000013B % 2**128
    return value.to_bytes(16, "little")[:12]


def clear(version, number, offset, data, cid=b"id-eight"):
    """A client's packet with one piece of stream 1, and padding."""
    tag = b"Q0%02d" % version
    if version < 44:
        header = bytes([0x0D if version < 33 else 0x09]) + cid + tag + bytes([number])
    else:
        header = b"\xc3" + tag + b"\x50" + cid + struct.pack("!I", number)
    frame = b"\xa4\x01" + uint(offset, 2, version) + uint(len(data), 2, version) + data
    payload = (b"\0" if version < 34 else b"") + frame + b"\0" * 20
    role = b"Client" if version > 35 else b""
    return header + fnv(header + payload + role) + payload


@built("google-quic", "Google's own QUIC in clear, Q024 to Q046",
       must=[f"quic-sni q{version:03}.clearview.ai" for version in (24, 30, 33, 34, 35, 37, 39, 43, 46)]
       + ["quic-sni halves.clearview.ai"],
       missed=["quic-sni halves.clearview.ai"],
       gaps=["halves.clearview.ai lies in two packets, which tshark does not put together."])
def google_quic(_):
    """One connection a version, the same hello sent again; a hello in two packets, the second one
    first; a packet whose hash is wrong."""
    out, port = [], 40000

    def send(*datagrams):
        nonlocal port
        port += 1
        out.extend(p.ether(p.ip(CLIENT, SERVER, 17, p.udp(CLIENT, SERVER, port, 443, d))) for d in datagrams)
    for version in (24, 30, 33, 34, 35, 37, 39, 43, 46):
        hello = chlo(f"q{version:03}.clearview.ai", version)
        send(clear(version, 1, 0, hello), clear(version, 2, 0, hello))
    hello = chlo("halves.clearview.ai", 43)
    send(clear(43, 2, 500, hello[500:]), clear(43, 1, 0, hello[:500]))
    return p.pcap(out)


SEALED = ["q050", "t050", "t051", "v2-draft-00", "mvfst", "msquic"]


@built("quic-old-versions", "QUIC versions of Google, Meta and Microsoft, and a draft of version 2", aioquic=True,
       must=[f"quic-sni {case}.clearview.ai" for case in SEALED],
       missed=["quic-sni v2-draft-00.clearview.ai", "quic-sni msquic.clearview.ai"],
       gaps=["tshark 4.0 knows the keys neither of the draft of version 2 nor of Microsoft's own version."])
def quic_old_versions(s):
    """One connection each. Q050 carries Google's handshake, T050 and T051 carry TLS in Google's
    frames."""
    here = __file__.replace("datagrams.py", "quic_initials.py")
    out = []
    numbers = ["51303530", "54303530", "54303531", "ff020000", "faceb002", "abcd0000"]
    for port, (case, number) in enumerate(zip(SEALED, numbers), 40000):
        name = f"{case}.clearview.ai"
        hello = ["--hello", chlo(name, 50).hex()] if case == "q050" else []
        done = subprocess.run([f"{s.venv}/bin/python", here, name, "plain", number, *hello],
                              capture_output=True, text=True, check=True)
        for line in done.stdout.split():
            datagram = p.udp(CLIENT, SERVER, port, 443, bytes.fromhex(line))
            out.append(p.ether(p.ip(CLIENT, SERVER, 17, datagram)))
    return p.pcap(out)
