"""HTTP/3 server and client on aioquic; runs in the venv that `record` makes.

    h3.py serve ADDRESS CERT KEY LOG [--retry]
    h3.py get HOST ADDRESS CA [--v2] [--local ADDRESS]

The server writes one line a request to LOG: `h3 AUTHORITY PATH`; the client prints the status.
"""

import argparse
import asyncio
import ssl

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.packet import QuicProtocolVersion

BODY = b"<!doctype html><meta charset=utf-8><link rel=icon href=data:,><title>The lab</title><h1>h3</h1>"


class Answering(QuicConnectionProtocol):
    log = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = None

    def quic_event_received(self, event):
        if self.http is None:
            self.http = H3Connection(self._quic)
        for seen in self.http.handle_event(event):
            if isinstance(seen, HeadersReceived):
                said = dict(seen.headers)
                with open(self.log, "a") as out:
                    out.write(f"h3 {said[b':authority'].decode()} {said[b':path'].decode()}\n")
                self.http.send_headers(seen.stream_id, [
                    (b":status", b"200"), (b"content-type", b"text/html"),
                    (b"content-length", str(len(BODY)).encode())])
                self.http.send_data(seen.stream_id, BODY, end_stream=True)
                self.transmit()


class Asking(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic)
        self.done = asyncio.get_event_loop().create_future()
        self.status = "none"

    def quic_event_received(self, event):
        for seen in self.http.handle_event(event):
            if isinstance(seen, HeadersReceived):
                self.status = dict(seen.headers)[b":status"].decode()
            if isinstance(seen, DataReceived) and seen.stream_ended and not self.done.done():
                self.done.set_result(None)

    async def get(self, host):
        stream = self._quic.get_next_available_stream_id()
        self.http.send_headers(stream, [
            (b":method", b"GET"), (b":scheme", b"https"), (b":authority", host.encode()),
            (b":path", b"/")], end_stream=True)
        self.transmit()
        await asyncio.wait_for(self.done, 10)


async def serving(args):
    both = [QuicProtocolVersion.VERSION_1, QuicProtocolVersion.VERSION_2]
    config = QuicConfiguration(is_client=False, alpn_protocols=H3_ALPN, supported_versions=both)
    config.load_cert_chain(args.cert, args.key)
    Answering.log = args.log
    await serve(args.address, 443, configuration=config, create_protocol=Answering, retry=args.retry)
    with open(args.log, "a") as out:
        out.write("listening\n")
    await asyncio.Event().wait()


async def getting(args):
    config = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, server_name=args.host)
    config.load_verify_locations(args.ca)
    config.verify_mode = ssl.CERT_REQUIRED
    if args.v2:
        config.supported_versions = [QuicProtocolVersion.VERSION_2, QuicProtocolVersion.VERSION_1]
        config.original_version = QuicProtocolVersion.VERSION_2
    async with connect(args.address, 443, configuration=config, create_protocol=Asking) as client:
        await client.get(args.host)
        print(f"h3 {client.status}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    sub = parser.add_subparsers(dest="what", required=True)
    one = sub.add_parser("serve")
    for word in ("address", "cert", "key", "log"):
        one.add_argument(word)
    one.add_argument("--retry", action="store_true")
    two = sub.add_parser("get")
    for word in ("host", "address", "ca"):
        two.add_argument(word)
    two.add_argument("--v2", action="store_true")
    given = parser.parse_args()
    asyncio.run(serving(given) if given.what == "serve" else getting(given))
