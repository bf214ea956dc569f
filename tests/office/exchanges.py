"""From a capture to exchanges, by tshark: sizes and times of what went up and came down.

Enters: a capture of one client, its address, the moments that bound the acts. Leaves: for each act
and host the exchanges. Never: uses our own program; reads content.

An exchange begins with the first payload after the connection has rested (none either way) for REST_S.
Bytes are payload of TCP without retransmissions, or payload of UDP. What a client sends before the
server's first answer (the ClientHello) is left out; the rest of the handshake is in.
"""

import subprocess

from pages import HOSTS

REST_S = 0.25
NAME_OF = {at: name for name, at in reversed(HOSTS.items())}
FIELDS = ["frame.time_epoch", "ip.src", "ip.dst", "tcp.stream", "udp.stream", "tcp.len", "udp.length",
          "tcp.analysis.retransmission", "tcp.analysis.keep_alive"]


def frames(capture):
    """`(time, source, destination, connection, payload bytes)` of each frame with payload."""
    words = ["tshark", "-r", capture, "-n", "-Y", "(tcp.port==443 or udp.port==443) and not icmp", "-T", "fields"]
    for field in FIELDS:
        words += ["-e", field]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        time, source, target, tcp, udp, tcp_len, udp_len, again, alive = line.split("\t")
        size = int(tcp_len or 0) if tcp else int(udp_len) - 8
        if size > 0 and not again and not alive:
            yield float(time), source, target, ("tcp", tcp) if tcp else ("udp", udp), size


def of_client(capture, client):
    """`(host, flow, opened, exchanges)` of each connection, in the order of opening."""
    flows = {}
    for time, source, target, flow, size in frames(capture):
        up = source == client
        host = NAME_OF.get(target if up else source)
        if host is None:
            continue
        it = flows.setdefault(flow, {"host": host, "opened": time, "answered": False, "last": None, "cut": []})
        if up and not it["answered"]:
            continue
        it["answered"] = True
        if it["last"] is None or time - it["last"] >= REST_S:
            it["cut"].append({"at": time, "up": 0, "down": 0})
        it["last"] = time
        it["cut"][-1]["up" if up else "down"] += size
    return list(flows.values())


def of_act(flows, host, began, ended):
    """The exchanges of one act at one host, from its begin; connections numbered by their first use."""
    inside = []
    for number, flow in enumerate(flows):
        if flow["host"] == host:
            inside += [(one, number) for one in flow["cut"] if began <= one["at"] < ended]
    inside.sort(key=lambda pair: pair[0]["at"])
    order = []
    for _, number in inside:
        if number not in order:
            order.append(number)
    return [{"at_ms": round((one["at"] - began) * 1000), "up": one["up"], "down": one["down"],
             "conn": order.index(number)} for one, number in inside]


def toml(session):
    """One `[[session]]` table."""
    lines = [f'# {session["vendor"]}: {session["host"]}', "[[session]]"]
    lines += [f'{key} = "{session[key]}"' for key in ("act", "transport", "client")]
    lines.append("exchanges = [")
    lines += [f'  {{ at_ms = {e["at_ms"]}, up = {e["up"]}, down = {e["down"]}, conn = {e["conn"]} }},'
              for e in session["exchanges"]]
    return "\n".join(lines + ["]", ""])
