"""A misbehaving endpoint, in a process of its own, so that it does not use the receiver's loop.

`PUT /_behaviour/NAME`  how it answers from now on: `well`, `floods`, `drips`, `headers`, `twice`, `resets`
`GET /_stats`           `requests`: how many came since the last change

It writes no faster than the client reads, and has the lowest priority, so its cost is what the client does with it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress

import orjson
import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n" * 2_500
_HEADERS = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-Header-%d: v\r\n" % n for n in range(100_000)) + b"\r\n"
#: bytes that may wait for the client in this process, and in the kernel
_BUFFER = 64 * 1024
#: seconds between two bytes of a dripping response
_DRIP = 0.2

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


async def _well(writer: asyncio.StreamWriter) -> None:
    writer.write(_OK)


async def _floods(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(_INTERIM)
        await writer.drain()


async def _drips(writer: asyncio.StreamWriter) -> None:
    for number in range(len(_OK)):
        writer.write(_OK[number : number + 1])
        await writer.drain()
        await asyncio.sleep(_DRIP)


async def _headers(writer: asyncio.StreamWriter) -> None:
    for start in range(0, len(_HEADERS), _BUFFER):
        writer.write(_HEADERS[start : start + _BUFFER])
        await writer.drain()


async def _twice(writer: asyncio.StreamWriter) -> None:
    writer.write(_OK + _OK)


async def _resets(writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)  # closed without lingering is a reset
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


BEHAVIOURS: dict[str, Answer] = {
    "well": _well,
    "floods": _floods,
    "drips": _drips,
    "headers": _headers,
    "twice": _twice,
    "resets": _resets,
}


class Endpoint:
    """Answers each request by its current behaviour."""

    def __init__(self) -> None:
        self.behaviour, self.requests = _well, 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        writer.transport.set_write_buffer_limits(high=_BUFFER)
        with suppress(OSError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                if found := _LENGTH.search(head):
                    await reader.readexactly(int(found[1]))
                if head.startswith(b"POST"):
                    self.requests += 1
                    await self.behaviour(writer)
                else:
                    writer.write(self._control(head))
                await writer.drain()
        writer.close()

    def _control(self, head: bytes) -> bytes:
        if head.startswith(b"PUT /_behaviour/"):
            name = head.split(b" ", 2)[1].rpartition(b"/")[2].decode()
            self.behaviour, self.requests = BEHAVIOURS[name], 0
            return _OK
        text = orjson.dumps({"requests": self.requests})
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)


async def _serve(port: int) -> None:
    server = await asyncio.start_server(Endpoint().serve, "127.0.0.1", port, backlog=4096)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    os.nice(19)
    uvloop.run(_serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
