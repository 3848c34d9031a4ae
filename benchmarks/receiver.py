"""The receiver of the benchmarks: counts requests, distinct webhook-ids and latencies, and answers 200.

`streamhooks.dev.receiver` needs more CPU per request than the fastest sender, so it would be the bottleneck.

`GET /_stats`    `requests`, `ids`, `unverified`, `first` and `last` (epoch seconds of the first and the last new id)
                 and `latency`: `{"n", "p50", "p99", "p99.9", "max"}` in ms, from the event's `datetime` to the receipt;
                 `connections`: how many were opened
`DELETE /_stats` forget it

Requests to `/apart/…` are counted as `apart` and `ids_apart`, and nowhere else. From `PUT /_hang` to `DELETE /_hang`
they get no response, not even afterwards. From `PUT /_refuse` to `DELETE /_refuse` they get a 404.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import ssl
import time
from email.parser import BytesParser
from functools import partial
from pathlib import Path

import orjson
import uvloop

from benchmarks.certificates import SERVER
from benchmarks.statistics import percentiles
from streamhooks.dev.verification import verify

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ID = re.compile(rb"\r\nwebhook-id: *(\S+)", re.IGNORECASE)
_AT = re.compile(rb'"datetime":(\d+\.\d+)')
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_REFUSED = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
#: one of this many requests is verified
_VERIFIED = 199


class Received:
    """The requests since the last reset."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self.hangs = self.refuses = False
        self.reset()

    def reset(self) -> None:
        self.requests = self.unverified = self.apart = self.connections = 0
        self.first = self.last = 0.0
        self.ids: set[bytes] = set()
        self.ids_apart: set[bytes] = set()
        self.latencies: list[float] = []

    def take(self, head: bytes, body: bytes) -> None:
        now = time.time()
        self.requests += 1
        found = _ID.search(head)
        identifier = found[1] if found else b""
        if identifier not in self.ids:
            self.ids.add(identifier)
            self.first = self.first or now
            self.last = now
            at = _AT.search(body)
            if at:
                self.latencies.append((now - float(at[1])) * 1000)
        if self.requests % _VERIFIED == 1:
            headers = BytesParser().parsebytes(head.partition(b"\r\n")[2], headersonly=True)
            made = verify(headers, body, [self._secret], now)
            self.unverified += not made or not all(made.values())

    def take_apart(self, head: bytes) -> None:
        self.apart += 1
        if found := _ID.search(head):
            self.ids_apart.add(found[1])

    def stats(self) -> dict[str, object]:
        return {
            "requests": self.requests,
            "ids": len(self.ids),
            "unverified": self.unverified,
            "apart": self.apart,
            "ids_apart": len(self.ids_apart),
            "connections": self.connections,
            "first": self.first,
            "last": self.last,
            "latency": percentiles(self.latencies),
        }


class _Connection(asyncio.Protocol):
    def __init__(self, received: Received) -> None:
        self._received = received
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._received.connections += 1

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        while (end := buffer.find(b"\r\n\r\n")) >= 0:
            head = buffer[:end]
            found = _LENGTH.search(head)
            stop = end + 4 + (int(found[1]) if found else 0)
            if len(buffer) < stop:
                break
            if answer := self._answer(head, buffer[end + 4 : stop]):
                self._transport.write(answer)
            buffer = buffer[stop:]
        self._buffer = buffer

    def _answer(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"POST /apart/"):
            self._received.take_apart(head)
            return b"" if self._received.hangs else _REFUSED if self._received.refuses else _OK
        if head.startswith(b"POST"):
            self._received.take(head, body)
            return _OK
        if b" /_hang " in head:
            self._received.hangs = head.startswith(b"PUT")
            return _OK
        if b" /_refuse " in head:
            self._received.refuses = head.startswith(b"PUT")
            return _OK
        if head.startswith(b"DELETE"):
            self._received.reset()
            return _OK
        text = orjson.dumps(self._received.stats())
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)


def addresses(count: int) -> list[str]:
    """Return this many loopback addresses, each a host of its own for a client."""
    return [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(count)]


async def serve(
    received: Received, port: int, count: int = 0, tls: ssl.SSLContext | None = None
) -> list[asyncio.Server]:
    """Listen on 127.0.0.1 in plain text, and on this many other addresses, with TLS if a context is given."""
    loop = asyncio.get_running_loop()
    listen = partial(loop.create_server, partial(_Connection, received), port=port, backlog=4096)
    return [await listen("127.0.0.1"), *[await listen(host, ssl=tls) for host in addresses(count)]]


async def _serve(options: argparse.Namespace) -> None:
    tls = None
    if options.tls:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.tls / SERVER)
    servers = await serve(Received(options.secret), options.port, options.addresses, tls)
    await asyncio.gather(*(server.serve_forever() for server in servers))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.receiver", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--secret", required=True, help="of every hook")
    parser.add_argument("--addresses", type=int, default=0, help="how many loopback addresses to listen on as well")
    parser.add_argument("--tls", type=Path, help="there with TLS, with the certificates of this folder")
    uvloop.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
