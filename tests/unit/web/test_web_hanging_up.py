"""Callers that hang up: a look ends, a change goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from test_web_server import GET, Waiting, answer_of, connected, made_hook, until
from web_fakes import HOOK, FakeParts, listening


async def hung_up(parts: FakeParts, waiting: Waiting, call: Callable[[str], tuple[str, str, bytes]]) -> str:
    """Begin a call and close the connection when it has begun."""
    async with listening(parts) as port:
        hook = await made_hook(port)
        method, path, body = call(hook)
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
        async with connected(port) as (_, writer):
            writer.write(f"{head}Content-Type: application/json\r\n\r\n".encode() + body)
            await until(lambda: waiting.running == 1)
        await until(lambda: waiting.running == 0 or waiting.go_on.is_set())
        return hook


Arrange = Callable[[FakeParts, Waiting], Awaitable[None] | None]


@pytest.mark.parametrize(
    ("asked", "method", "path", "body"),
    [
        ("record_of", "GET", f"/api/explain?event_id={HOOK}", b""),
        ("page", "GET", "/api/dead-letters", b""),
        ("attempts", "GET", "/api/attempts?status=500", b""),
        ("count", "POST", "/api/hooks/{hook}/replay", b'{"from": 0, "dry_run": true}'),
        ("redrive", "POST", "/api/dead-letters/redrive", b'{"hook_id": "a"}'),
        ("drop", "POST", "/api/dead-letters/drop", b'{"hook_id": "a"}'),
        ("missed_of", "GET", "/api/hooks/{hook}/missed", b""),
    ],
)
async def test_a_look_ends_when_its_caller_hangs_up(asked: str, method: str, path: str, body: bytes) -> None:
    parts, waiting = FakeParts(), Waiting()
    setattr(parts.history, asked, waiting)
    await hung_up(parts, waiting, lambda hook: (method, path.format(hook=hook), body))
    assert (waiting.cancelled, waiting.done) == (1, 0)
    with parts.looks.long_place(), parts.looks.long_place():
        pass  # its place is free again


async def test_a_sample_ends_when_its_caller_hangs_up() -> None:
    parts, waiting = FakeParts(), Waiting()
    parts.send_test = waiting
    await hung_up(parts, waiting, lambda hook: ("POST", f"/api/hooks/{hook}/test", b""))
    assert waiting.cancelled == 1


async def test_a_change_goes_on_when_its_caller_hangs_up() -> None:
    parts, waiting = FakeParts(), Waiting()
    async with listening(parts) as port:
        hook = await made_hook(port)
        publish, written = parts.publish, len(parts.published)

        async def slowly(*args, **options):
            await waiting()
            return await publish(*args, **options)

        parts.publish = slowly
        async with connected(port) as (_, writer):
            writer.write(GET.replace(b"GET /health/live", f"DELETE /api/hooks/{hook}".encode()))
            await until(lambda: waiting.running == 1)
        async with connected(port) as (reader, writer):  # so much later the other's end was seen
            writer.write(GET)
            await answer_of(reader)
        waiting.go_on.set()
        await until(lambda: len(parts.published) == written + 2)
    assert waiting.cancelled == 0


async def test_long_looks_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    parts, waiting = FakeParts(), Waiting()
    parts.history.record_of = waiting
    async with listening(parts) as port:
        callers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        request_ = GET.replace(b"/health/live", f"/api/explain?event_id={HOOK}".encode())
        for _, writer in callers:
            writer.write(request_)
        await until(lambda: waiting.running == 2)
        async with connected(port) as (reader, writer):
            writer.write(request_)
            status, head, body = await answer_of(reader)
        assert (status, json.loads(body)) == (429, {"detail": "too many"})
        assert "retry-after: 1" in head.lower()
        for _, writer in callers:
            writer.close()
        await until(lambda: waiting.cancelled == 2)
