"""What tshark says of who held an address.

Enters: a capture. Leaves: lines `act source net mac host user session lease`, tab between, `-` for
nothing, in the order of the packets; and `mail smtp domain recipient`. Never: our own program.
"""

import ipaddress
import re
import subprocess


def tshark(capture, display, *fields):
    command = ["tshark", "-n", "-r", capture, "-Y", display, "-T", "fields", "-E", "separator=\t",
               "-E", "occurrence=a", "-E", "aggregator=|"]
    for field in ("frame.number", "frame.time_epoch") + fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        raise SystemExit(f"tshark: {done.stderr}")
    for line in done.stdout.splitlines():
        words = line.split("\t")
        yield int(words[0]), float(words[1]), words[2:]


def facts(capture):
    """Frame number and line; the same device or person on the same address is news once a minute."""
    found = dhcp4(capture) + dhcp6(capture) + radius(capture)
    found += seldom(kerberos(capture) + neighbours(capture))
    return [line for _, _, line in sorted(found, key=lambda item: (item[0], item[2][1]))]


def line(act, source, net="-", mac="-", host="-", user="-", session="-", lease="-"):
    return tuple(part or "-" for part in (act, source, net, mac, host, user, session, lease))


def dhcp4(capture):
    found, names = [], {}
    fields = ("dhcp.option.dhcp", "dhcp.id", "dhcp.hw.mac_addr", "dhcp.ip.your", "dhcp.ip.client",
              "dhcp.option.ip_address_lease_time", "dhcp.option.hostname", "dhcp.fqdn.name",
              "dhcp.option.requested_ip_address")
    for number, at, (kind, xid, mac, yours, mine, lease, plain, full, asked) in tshark(capture, "dhcp", *fields):
        # Option 61 often repeats the address.
        mac = mac.split("|")[0]
        key = (xid, mac)
        name = plain or full.rstrip(".")
        if kind in ("1", "3", "8") and name:
            names[key] = name
        host = name or names.get(key, "")
        if kind == "5" and lease:
            address = yours if yours != "0.0.0.0" else mine
            found.append((number, at, line("holds", "dhcpv4", f"{address}/32", mac, host, lease=lease)))
        elif kind == "7":
            found.append((number, at, line("ends", "dhcpv4", f"{mine}/32", mac, host)))
        elif kind == "4":
            found.append((number, at, line("ends", "dhcpv4", f"{asked}/32", mac, host)))
    return found


def dhcp6(capture):
    found, names, devices = [], {}, {}
    fields = ("dhcpv6.msgtype", "dhcpv6.xid", "dhcpv6.duidll.link_layer_addr", "dhcpv6.client_domain", "dhcpv6.iaaddr.ip", "dhcpv6.iaaddr.valid_lifetime")
    for number, at, (kinds, xid, duid, name, ips, lives) in tshark(capture, "dhcpv6", *fields):
        kind = kinds.split("|")[-1]
        relayed = option_79(capture, number)
        if kind in ("1", "3", "5", "6", "11"):
            names[xid] = name.rstrip(".") or names.get(xid, "")
            devices[xid] = relayed or devices.get(xid, "")
        if kind not in ("7", "8", "9") or not ips:
            continue
        mac = devices.get(xid) or spelled(duid.split("|")[0])
        host = name.rstrip(".") or names.get(xid, "")
        for ip, life in zip(ips.split("|"), lives.split("|")):
            act, lease = ("holds", life) if kind == "7" and life != "0" else ("ends", "-")
            found.append((number, at, line(act, "dhcpv6", f"{ip}/128", mac, host, lease=lease)))
    return found


def option_79(capture, number):
    """tshark 4.0 shows nothing of RFC 6939 but that it is there: code, length, hardware type and
    address are read from the bytes."""
    words = ["tshark", "-n", "-r", capture, "-Y", f"frame.number == {number} && dhcpv6.option.type == 79", "-x"]
    text = subprocess.run(words, capture_output=True, text=True).stdout
    octets = "".join("".join(line[6:53].split()) for line in text.splitlines())
    found = re.search(r"004f00080001([0-9a-f]{12})", octets)
    return spelled(found.group(1)) if found else ""


def spelled(mac):
    digits = mac.replace(":", "")
    return ":".join(digits[i:i + 2] for i in range(0, 12, 2)) if len(digits) >= 12 else ""


def radius(capture):
    answered = set()
    for _, _, (request,) in tshark(capture, "radius.code == 5", "radius.reqframe"):
        answered.add(int(request))
    found = []
    fields = ("radius.Acct_Status_Type", "radius.User_Name", "radius.Calling_Station_Id", "radius.Acct_Session_Id",
              "radius.Framed-IP-Address", "radius.Framed_IPv6_Prefix", "radius.Framed_IPv6_Address")
    acts = {"1": "holds", "3": "holds", "2": "ends", "7": "all-end", "8": "all-end"}
    for number, at, words in tshark(capture, "radius.code == 4", *fields):
        kind, user, station, session, v4, prefix, v6 = words
        if number not in answered:
            continue
        host, mac = "", spelled(station.replace("-", "").lower())
        if user.startswith("host/"):
            user, host = "", user[5:]
        nets = [f"{v4}/32"] if v4 else []
        nets += [of_bytes(prefix)] if prefix else []
        nets += [f"{v6}/128"] if v6 else []
        for net in nets or ["-"]:
            found.append((number, at, line(acts[kind], "radius", net, mac, host, user, session)))
    return found


def of_bytes(prefix):
    """A reserved byte, the length, the address (RFC 3162 section 2.3), as tshark shows them."""
    return str(ipaddress.ip_network((bytes.fromhex(prefix[4:].ljust(32, "0")), int(prefix[2:4], 16)), strict=False))


def kerberos(capture):
    found, proved = [], set()
    display = "kerberos.msg_type == 10 || kerberos.msg_type == 11 || kerberos.msg_type == 13"
    fields = ("kerberos.msg_type", "kerberos.padata_type", "kerberos.CNameString", "kerberos.crealm", "ip.src", "ip.dst",
              "udp.srcport", "tcp.srcport", "udp.dstport", "tcp.dstport")
    for number, at, (kind, padata, name, realm, src, dst, us, ts, ud, td) in tshark(capture, display, *fields):
        kind = kind.split("|")[0]
        if kind == "10":
            if {"2", "16", "136", "138"} & set(padata.split("|")):
                proved.add((src, us or ts))
            continue
        person = "|" not in name and not name.endswith("$")
        if person and (kind == "13" or (dst, ud or td) in proved):
            # tshark 4.0 shows each byte of a character outside ASCII as a character of its own.
            name = name.replace("j\ufffd\ufffdrg", "j\u00f6rg")
            found.append((number, at, line("holds", "kerberos", f"{dst}/32", user=f"{name}@{realm}")))
    return found


def neighbours(capture):
    found = []
    fields = ("arp.src.hw_mac", "arp.src.proto_ipv4")
    for number, at, (mac, ip) in tshark(capture, "arp && arp.src.proto_ipv4 != 0.0.0.0", *fields):
        found.append((number, at, line("holds", "arp", f"{ip}/32", mac)))
    fields = ("icmpv6.type", "ipv6.src", "icmpv6.nd.na.target_address", "icmpv6.opt.linkaddr")
    display = "(icmpv6.type == 135 && ipv6.src != ::) || icmpv6.type == 136"
    for number, at, (kind, src, target, mac) in tshark(capture, display, *fields):
        if mac:
            ip = src if kind == "135" else target
            found.append((number, at, line("holds", "ndp", f"{ip}/128", mac)))
    return found


def seldom(found):
    last, kept = {}, []
    for number, at, fact in sorted(found):
        key, holder = fact[1:3], (fact[3], fact[5])
        if key in last and last[key][0] == holder and at - last[key][1] <= 60:
            continue
        last[key] = (holder, at)
        kept.append((number, at, fact))
    return kept


def mails(capture, domains):
    """Recipients of mails whose sender's domain is one of `domains` or below one."""
    found, senders = [], {}
    display = "smtp.req.command == \"MAIL\" || smtp.req.command == \"RCPT\""
    for _, _, (stream, parameters) in tshark(capture, display, "tcp.stream", "smtp.req.parameter"):
        for word in parameters.split("|"):
            start, _, rest = word.partition("<")
            address = rest.partition(">")[0]
            if start.upper().startswith("FROM:"):
                senders[stream] = address.rpartition("@")[2].lower()
            elif start.upper().startswith("TO:"):
                domain = senders.get(stream, "")
                if any(domain == one or domain.endswith("." + one) for one in domains):
                    found.append(("mail", "smtp", domain, address.lower()))
    return found
