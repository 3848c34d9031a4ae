"""The server under the views: what strangers send, do not send, and do not read."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress

import pytest
import uvloop
from web_fakes import FakeParts, listening, new_hook

from streamhooks.faust_patches import server
from streamhooks.web.http import messages

GET = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@asynccontextmanager
async def connected(port: int):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, str, bytes]:
    """Status, head and body of the next answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next(line.split(":")[1] for line in head.lower().splitlines() if line.startswith("content-length:"))
    return int(head.split()[1]), head, await reader.readexactly(int(length))


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Wait until the connection is closed; what came until then."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - of what another side does there is no event
            await asyncio.sleep(0.005)


MALFORMED = [
    b"hello\r\n\r\n",
    b"GET / HTTP/9\r\n\r\n",
    b"GET /health/live HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n",
    b"GET /health/live HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    b"GET /health/live HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"POST /api/hooks HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: x\r\n" * 1000 + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n\x00: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]


@pytest.mark.parametrize("request_", MALFORMED, ids=range(len(MALFORMED)))
async def test_malformed_requests_get_json_and_no_versions(request_: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with listening(FakeParts()) as port, connected(port) as (reader, writer):
            writer.write(request_)
            status, head, body = await answer_of(reader)
            assert await ended(reader) == b""
    assert (status, json.loads(body)) == (400, {"detail": "malformed request"})
    assert "content-type: application/json" in head.lower()
    assert "aiohttp" not in head.lower()
    assert "python" not in head.lower()
    assert "hello" not in caplog.text


async def test_no_answer_names_versions() -> None:
    async with listening(FakeParts()) as port:
        for request_ in (
            GET,
            GET.replace(b"/live", b"/nothing"),
            GET.replace(b"/health/live", b"/"),
            GET.replace(b"GET", b"POST"),
            GET.replace(b"Host", b"Expect: a-wonder\r\nHost"),
        ):
            async with connected(port) as (reader, writer):
                writer.write(request_)
                _, head, body = await answer_of(reader)
                assert "\r\nServer: streamhooks\r\n" in head
                assert "aiohttp" not in head
                assert json.loads(body)


HALVES = [b"", GET[:1], GET[:-2], GET + GET[:-2], GET + GET + b"G"]


@pytest.mark.parametrize("half", HALVES, ids=range(len(HALVES)))
async def test_heads_that_do_not_end(half: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_WITHIN", 0.2)
    async with listening(FakeParts()) as port, connected(port) as (reader, writer):
        writer.write(half)
        assert (await ended(reader)).count(b"HTTP/1.1 200") == half.count(b"\r\n\r\n")


async def test_a_head_that_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_WITHIN", 0.2)
    async with listening(FakeParts()) as port, connected(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n")
        gone = asyncio.create_task(ended(reader))
        while not gone.done():
            writer.write(b"A: b\r\n")
            await asyncio.sleep(0.01)
        assert gone.result() == b""


async def test_bodies_that_drip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "BODY_WITHIN", 0.1)
    head = (
        b"POST /api/hooks HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    )
    async with listening(FakeParts()) as port, connected(port) as (reader, writer):
        writer.write(head + b"{")
        status, _, body = await answer_of(reader)
        assert (status, json.loads(body).keys()) == (408, {"detail"})


async def test_a_caller_that_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "READ_WITHIN", 0.2)
    parts = FakeParts(attempts=[{"id": "x" * 100_000}] * 500)
    async with listening(parts) as port:
        hook = await made_hook(port)
        async with connected(port) as (reader, writer):
            writer.write(GET.replace(b"/health/live", f"/api/hooks/{hook}/requests?limit=500".encode()))
            await reader.readexactly(1)
            writer.transport.pause_reading()
            await until(lambda: _closed(writer))
            writer.transport.resume_reading()
            assert len(await ended(reader)) < 50_000_000


def _closed(writer: asyncio.StreamWriter) -> bool:
    writer.write(b"G")  # what is written to a closed connection comes back as a reset
    return writer.transport.is_closing()


async def made_hook(port: int) -> str:
    body = json.dumps(new_hook()).encode()
    head = (
        f"POST /api/hooks HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    )
    async with connected(port) as (reader, writer):
        writer.write(head.encode() + b"\r\n\r\n" + body)
        status, _, made = await answer_of(reader)
        assert status == 201
        return json.loads(made)["id"]


class Waiting:
    """Something that takes until it is told to go on, and notes whether it was cancelled."""

    def __init__(self, result: object = None) -> None:
        self.running = self.cancelled = self.done = 0
        self.go_on = asyncio.Event()
        self.result = {} if result is None else result

    async def __call__(self, *_args: object, **_options: object) -> object:
        self.running += 1
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        self.done += 1
        return self.result


# --- connections, on both loops: a worker has uvloop's

LOOPS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


@LOOPS
def test_idle_connections_give_way(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 20)
    run(_many_idle())


async def _many_idle() -> None:
    async with listening(FakeParts()) as port:
        strangers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(60)]
        for _, writer in strangers:
            writer.write(b"GET / HT")
        async with connected(port) as (reader, writer):
            writer.write(GET)
            assert (await answer_of(reader))[0] == 200
        # Those that came first have gone first.
        for reader, _ in strangers[:40]:
            assert await ended(reader) == b""
        for _, writer in strangers:
            writer.close()


@LOOPS
def test_no_room_among_connections_that_work(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 3)
    run(_many_busy())


async def _many_busy() -> None:
    parts, waiting = FakeParts(), Waiting()
    parts.send_test = waiting
    async with listening(parts) as port:
        hook = await made_hook(port)
        callers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for _, writer in callers:
            writer.write(GET.replace(b"GET /health/live", f"POST /api/hooks/{hook}/test".encode()))
        await until(lambda: waiting.running == 3)
        async with connected(port) as (reader, writer):
            writer.write(GET)
            assert await ended(reader) == b""
        waiting.go_on.set()
        for reader, writer in callers:
            assert (await answer_of(reader))[0] == 200
            writer.close()
        await until(lambda: waiting.running == 0)
        async with connected(port) as (reader, writer):
            writer.write(GET)
            assert (await answer_of(reader))[0] == 200
