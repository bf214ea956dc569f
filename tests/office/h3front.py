"""HTTP/3 in front of pages.py, on aioquic; runs in the venv that tests/lab makes.

    h3front.py CERT KEY LOG PORT ADDRESS...

Enters: HTTP/3 requests at each address. Leaves: the same requests to 127.0.0.1:PORT, their answers,
and one line a request in LOG: `h3 AUTHORITY PATH`.
"""

import asyncio
import sys

from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration

DROPPED = (b"connection", b"transfer-encoding", b"server", b"date", b"keep-alive")


class Front(QuicConnectionProtocol):
    log = port = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # The loop holds its tasks weakly: one that nobody else holds may vanish half done.
        self.http, self.asked, self.running = None, {}, set()

    def quic_event_received(self, event):
        if self.http is None:
            self.http = H3Connection(self._quic)
        for seen in self.http.handle_event(event):
            if isinstance(seen, HeadersReceived):
                self.asked[seen.stream_id] = (dict(seen.headers), bytearray())
            elif isinstance(seen, DataReceived) and seen.stream_id in self.asked:
                self.asked[seen.stream_id][1].extend(seen.data)
            if getattr(seen, "stream_ended", False) and seen.stream_id in self.asked:
                task = asyncio.ensure_future(self.pass_on(seen.stream_id, *self.asked.pop(seen.stream_id)))
                self.running.add(task)
                task.add_done_callback(self.running.discard)

    async def pass_on(self, stream, headers, body):
        host, path = headers[b":authority"], headers[b":path"]
        with open(self.log, "a") as out:
            out.write(f"h3 {host.decode()} {path.decode()}\n")
        lines = [headers[b":method"] + b" " + path + b" HTTP/1.1", b"host: " + host,
                 b"content-length: %d" % len(body), b"connection: close"]
        lines += [name + b": " + value for name, value in headers.items()
                  if name[:1] != b":" and name not in (b"content-length",)]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + bytes(body))
        head = await reader.readuntil(b"\r\n\r\n")
        answer = await reader.read()
        writer.close()
        status, *rest = head.decode("latin-1").strip().split("\r\n")
        said = [(b":status", status.split()[1].encode())]
        for line in rest:
            name, value = line.split(":", 1)
            if name.lower().encode() not in DROPPED:
                said.append((name.lower().encode(), value.strip().encode()))
        self.http.send_headers(stream, said)
        self.http.send_data(stream, answer, end_stream=True)
        self.transmit()


async def main(cert, key, log, port, *addresses):
    config = QuicConfiguration(is_client=False, alpn_protocols=H3_ALPN, max_data=16 << 20,
                               max_stream_data=8 << 20, idle_timeout=60)
    config.load_cert_chain(cert, key)
    Front.log, Front.port = log, int(port)
    for address in addresses:
        await serve(address, 443, configuration=config, create_protocol=Front)
    with open(log, "a") as out:
        out.write("listening\n")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
