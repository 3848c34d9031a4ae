from __future__ import annotations

import asyncio
import gzip
import socket

import pytest
from behaviours import (
    CHUNKED,
    EMPTY,
    OK,
    Run,
    close_at_once,
    closes_after_each,
    drips,
    hang,
    repeats,
    reset_at_once,
    says,
    says_in_two,
    says_then_hangs,
    says_then_resets,
)
from endpoints import Behaviour, Peer, a_client, serving

from streamhooks.delivery import exchanges
from streamhooks.delivery.client import EXCERPT_CHARACTERS, Answer
from streamhooks.delivery.exchanges import HookProtocol
from streamhooks.delivery.outcomes import judge

LONG = 10.0
SHORT = 0.25


BOMB = gzip.compress(bytes(50_000_000), 9)

# name: (behaviour, kind of the answer, verdict)
CASES: dict[str, tuple[Behaviour, str, str]] = {
    # no answer
    "hangs before it reads": (hang, "timeout", "retry"),
    "hangs after the request": (says_then_hangs(b""), "timeout", "retry"),
    "hangs in the status line": (says_then_hangs(b"HTTP/1.1 20"), "timeout", "retry"),
    "hangs in the headers": (says_then_hangs(OK + b"A: b\r\n"), "timeout", "retry"),
    "hangs before the body": (says_then_hangs(OK + b"Content-Length: 5\r\n\r\n"), "timeout", "retry"),
    "hangs in the body": (says_then_hangs(OK + b"Content-Length: 5\r\n\r\nab"), "timeout", "retry"),
    "hangs in a chunk": (says_then_hangs(CHUNKED + b"5\r\nab"), "timeout", "retry"),
    "hangs before the last chunk": (says_then_hangs(CHUNKED + b"2\r\nab\r\n"), "timeout", "retry"),
    "hangs without a length": (says_then_hangs(OK + b"\r\nab"), "timeout", "retry"),
    "closes at once": (close_at_once, "connection", "retry"),
    "closes without an answer": (says(b""), "connection", "retry"),
    "closes in the status line": (says(b"HTTP/1.1 20"), "connection", "retry"),
    "closes in the headers": (says(OK + b"A: b\r\n"), "connection", "retry"),
    "resets at once": (reset_at_once, "connection", "retry"),
    "resets after the request": (says_then_resets(b""), "connection", "retry"),
    "resets in the status line": (says_then_resets(b"HTTP/1.1 20"), "connection", "retry"),
    "resets in the headers": (says_then_resets(OK + b"A: b\r\n"), "connection", "retry"),
    # the status line decides
    "closes in the body": (says(OK + b"Content-Length: 5\r\n\r\nab"), "answered", "delivered"),
    "closes in a chunk": (says(CHUNKED + b"5\r\nab"), "answered", "delivered"),
    "resets before the body": (says_then_resets(OK + b"Content-Length: 5\r\n\r\n"), "answered", "delivered"),
    "resets in the body": (says_then_resets(OK + b"Content-Length: 5\r\n\r\nab"), "answered", "delivered"),
    "resets in a chunk": (says_then_resets(CHUNKED + b"5\r\nab"), "answered", "delivered"),
    "resets a 500": (
        says_then_resets(b"HTTP/1.1 500 X\r\nContent-Length: 5\r\n\r\nab"),
        "answered",
        "retry",
    ),
    "sends a bad chunk": (says_then_hangs(CHUNKED + b"zz\r\nab\r\n"), "answered", "delivered"),
    "sends a bad second chunk": (says_then_hangs(CHUNKED + b"2\r\nab\r\nzz\r\n"), "answered", "delivered"),
    "sends a negative chunk": (says_then_hangs(CHUNKED + b"-2\r\nab\r\n"), "answered", "delivered"),
    "sends a bad chunk later": (says_in_two(CHUNKED, b"zz\r\nab\r\n"), "answered", "delivered"),
    "sends a bad second chunk later": (
        says_in_two(CHUNKED + b"2\r\nab\r\n", b"zz\r\n"),
        "answered",
        "delivered",
    ),
    "sends more than it said later": (
        says_in_two(OK + b"Content-Length: 1\r\n\r\n", b"abc"),
        "answered",
        "delivered",
    ),
    "sends garbage after an empty answer": (says_in_two(OK + EMPTY, b"abc"), "answered", "delivered"),
    "sends more than it said": (
        says_then_hangs(OK + b"Content-Length: 1\r\n\r\nabc"),
        "answered",
        "delivered",
    ),
    "sends two answers": (says_then_hangs((OK + EMPTY) * 2), "answered", "delivered"),
    "sends a huge body": (
        repeats(OK + b"Content-Length: 9999999999\r\n\r\n", bytes(65536)),
        "answered",
        "delivered",
    ),
    "sends an endless body": (repeats(OK + b"\r\n", bytes(65536)), "answered", "delivered"),
    "sends endless chunks": (repeats(CHUNKED, b"4000\r\n" + bytes(16384) + b"\r\n"), "answered", "delivered"),
    "sends a gzip bomb": (
        says(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB),
        "answered",
        "delivered",
    ),
    "lies about gzip": (
        says(OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
        "answered",
        "delivered",
    ),
    "sends nulls": (says(OK + b"Content-Length: 3\r\n\r\n\0\0\0"), "answered", "delivered"),
    "sends no utf-8": (says(OK + b"Content-Length: 3\r\n\r\n\xff\xfe\xc3"), "answered", "delivered"),
    "has no reason": (says(b"HTTP/1.1 200\r\n" + EMPTY), "answered", "delivered"),
    "speaks http/1.0": (says(b"HTTP/1.0 200 OK\r\n\r\nab"), "answered", "delivered"),
    "says 100 first": (says(b"HTTP/1.1 100 Continue\r\n\r\n" + OK + EMPTY), "answered", "delivered"),
    "says 103 first": (
        says(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + EMPTY),
        "answered",
        "delivered",
    ),
    # in the head, too
    "sends endless headers": (repeats(OK, b"A: b\r\n" * 1000), "answered", "delivered"),
    "sends an endless header": (repeats(OK + b"A: ", b"x" * 65536), "answered", "delivered"),
    "sends an endless reason": (repeats(b"HTTP/1.1 200 ", b"x" * 65536), "answered", "delivered"),
    "sends endless chunk extensions": (repeats(CHUNKED + b"1;", b"a=b;" * 1000), "answered", "delivered"),
    "sends endless trailers": (repeats(CHUNKED + b"0\r\n", b"A: b\r\n" * 1000), "answered", "delivered"),
    "sends endless small chunks": (repeats(CHUNKED, b"1\r\nx\r\n" * 1000), "answered", "delivered"),
    # slow or endless
    "drips the status line": (drips(b"HTTP/1.1 200 ", b"x"), "timeout", "retry"),
    "drips headers": (drips(OK, b"A: b\r\n"), "timeout", "retry"),
    "drips a body": (drips(OK + b"Content-Length: 100000\r\n\r\n", b"x"), "timeout", "retry"),
    "drips chunks": (drips(CHUNKED, b"1\r\nx\r\n"), "timeout", "retry"),
    # garbage
    "says 100 forever": (repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "garbage", "retry"),
    "drips 100": (drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "garbage", "retry"),
    "sends an interim answer without an end": (repeats(b"HTTP/1.1 103 X\r\nA: ", b"x" * 65536), "garbage", "retry"),
    "sends empty lines without an end": (repeats(b"", b"\r\n" * 1000), "garbage", "retry"),
    "sends no status line": (says_then_hangs(b"hello\r\n\r\n"), "garbage", "retry"),
    "sends html as http/0.9 did": (says(b"<html>hi</html>"), "garbage", "retry"),
    "sends a status of letters": (says_then_hangs(b"HTTP/1.1 abc OK\r\n" + EMPTY), "garbage", "retry"),
    "sends a status of four digits": (says_then_hangs(b"HTTP/1.1 2000 OK\r\n" + EMPTY), "garbage", "retry"),
    "sends a status of two digits": (says_then_hangs(b"HTTP/1.1 20 OK\r\n" + EMPTY), "garbage", "retry"),
    "sends only nulls": (says_then_hangs(bytes(100)), "garbage", "retry"),
    "speaks http/2": (says_then_hangs(b"\0\0\x12\x04\0\0\0\0\0" + bytes(18)), "garbage", "retry"),
    "speaks smtp": (says_then_hangs(b"220 mail.example ESMTP\r\n"), "garbage", "retry"),
    "has a status of its own": (says(b"HTTP/1.1 999 No\r\n" + EMPTY), "garbage", "retry"),
    # no answer of ours
    "switches protocols": (
        says_then_hangs(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
        "answered",
        "rejected",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_endpoint(name: str, run: Run) -> None:
    behaviour, kind, verdict = CASES[name]

    async def attempt() -> Answer:
        async with serving(behaviour) as endpoint, a_client() as client:
            return await client.post(endpoint.url, {}, b"{}", SHORT if kind == "timeout" else LONG)

    answer = run(attempt())
    assert (answer.kind, judge(answer, 0).kind) == (kind, verdict), answer
    assert (answer.status is None) is (answer.error is not None) is (kind != "answered")
    if answer.error is not None:
        assert answer.error.startswith(f"{kind}: ")
        assert len(answer.error) < 250
        assert "\n" not in answer.error
    assert len(answer.excerpt) <= EXCERPT_CHARACTERS


STATUSES = {
    **dict.fromkeys((200, 201, 202, 203, 204, 205, 206, 207, 226, 299), "delivered"),
    **dict.fromkeys((300, 301, 302, 303, 304, 305, 307, 308), "rejected"),
    **dict.fromkeys((400, 401, 402, 403, 404, 405, 406, 409, 411, 413, 415, 417, 418, 422, 431, 451), "rejected"),
    **dict.fromkeys((408, 425, 429, 500, 501, 502, 503, 504, 505, 507, 520, 599), "retry"),
    410: "gone",
}


@pytest.mark.parametrize(("status", "verdict"), STATUSES.items())
async def test_status(status: int, verdict: str) -> None:
    async with (
        serving(says(b"HTTP/1.1 %d X\r\nLocation: /\r\n" % status + EMPTY)) as endpoint,
        a_client() as client,
    ):
        answer = await client.post(endpoint.url, {}, b"{}", LONG)
    assert answer.status == status
    assert judge(answer, 0).kind == verdict
    assert endpoint.connections == 1  # redirects are not followed


async def test_a_listener_that_never_accepts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with a_client() as client:
            answer = await client.post(f"http://127.0.0.1:{listener.getsockname()[1]}/", {}, b"{}", SHORT)
    assert answer.error == "timeout: not done within 0.25 s"


def test_a_refused_port(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    async def attempt() -> Answer:
        async with a_client() as client:
            return await client.post(f"http://127.0.0.1:{port}/", {}, b"{}", LONG)

    answer = run(attempt())
    assert answer.error == "connection: Connection refused"
    assert judge(answer, 0).kind == "retry"


def test_no_such_host(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    async def attempt() -> Answer:
        async with a_client() as client:
            return await client.post("http://no-such-host.example/", {}, b"{}", LONG)

    answer = run(attempt())
    assert (answer.kind, answer.error) == ("dns", "dns: Name or service not known")
    assert judge(answer, 0).kind == "retry"


def test_an_early_no_to_a_body_that_is_never_read(run: Run) -> None:
    async def refuses(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 413 Too Large\r\n" + EMPTY)
        await peer.hang()

    async def attempt() -> Answer:
        async with serving(refuses) as endpoint, a_client() as client:
            return await client.post(endpoint.url, {}, bytes(20_000_000), LONG)

    assert run(attempt()).status == 413


def test_a_body_that_is_never_read_and_no_answer(run: Run) -> None:
    async def attempt() -> Answer:
        async with serving(hang) as endpoint, a_client() as client:
            return await client.post(endpoint.url, {}, bytes(20_000_000), SHORT)

    assert run(attempt()).kind == "timeout"


@pytest.mark.parametrize("part", [b"1\r\nx\r\n", b"A: b\r\n"], ids=["chunks", "headers"])
def test_who_drips_is_read_less_often(part: bytes, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each read costs the loop a turn, however little it brings."""
    reads = 0
    read = HookProtocol.data_received

    def counted(self: HookProtocol, data: bytes) -> None:
        nonlocal reads
        reads += 1
        read(self, data)

    monkeypatch.setattr(HookProtocol, "data_received", counted)
    monkeypatch.setattr(exchanges, "PAUSE_SECONDS", 3600)

    async def attempt() -> Answer:
        async with serving(drips(CHUNKED if part[0] == 49 else OK, part, pause=0)) as endpoint, a_client() as client:
            return await client.post(endpoint.url, {}, b"{}", 2 * SHORT)

    assert run(attempt()).kind == "timeout"
    assert reads == exchanges.READS + 1


def test_who_drips_is_read_to_the_end(run: Run) -> None:
    async def behave(peer: Peer) -> None:
        await peer.request()
        for byte in OK + b"Content-Length: 30\r\n\r\n" + b"x" * 30:
            await peer.send(bytes([byte]))
            await asyncio.sleep(0)
        await closes_after_each(peer)

    async def attempt() -> list[Answer]:
        async with serving(behave) as endpoint, a_client() as client:
            answers = [await client.post(endpoint.url, {}, b"{}", LONG) for _ in range(2)]
            assert endpoint.connections == 1
            return answers

    assert [(answer.status, answer.excerpt) for answer in run(attempt())] == [(200, "x" * 30), (200, "")]
