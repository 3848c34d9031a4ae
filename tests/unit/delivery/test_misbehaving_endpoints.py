from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop
from endpoints import Behaviour, Peer, a_client, certificate, serving, serving_context

from streamhooks.delivery import exchanges
from streamhooks.delivery.client import EXCERPT_CHARACTERS, Answer
from streamhooks.delivery.exchanges import HookProtocol
from streamhooks.delivery.outcomes import judge

LONG = 10.0
SHORT = 0.25

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    def run_in(coroutine: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(coroutine)

    return run_in


async def hang(peer: Peer) -> None:
    await peer.hang()


async def close_at_once(peer: Peer) -> None:
    del peer


async def reset_at_once(peer: Peer) -> None:
    peer.reset()


def says(answer: bytes) -> Behaviour:
    """Answer and close."""

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)

    return behave


def says_then_hangs(answer: bytes) -> Behaviour:
    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)
        await peer.hang()

    return behave


def says_then_resets(answer: bytes) -> Behaviour:
    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)
        # What was sent must be read before the reset overtakes it.
        await asyncio.sleep(0.05)
        peer.reset()

    return behave


def says_in_two(head: bytes, body: bytes) -> Behaviour:
    """Answer in two packets, then hang."""

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(head)
        await asyncio.sleep(0.05)
        await peer.send(body)
        await peer.hang()

    return behave


def repeats(head: bytes, part: bytes) -> Behaviour:
    """Answer without an end, as fast as it is read."""

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(head)
        while True:
            await peer.send(part)

    return behave


def drips(head: bytes, part: bytes, pause: float = 0.02) -> Behaviour:
    """Answer without an end, and slowly."""

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(head)
        while True:
            await peer.send(part)
            await asyncio.sleep(pause)

    return behave


OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = b"Content-Length: 0\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
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


def tls_attempt(run: Run, served: Path, trusted: Path | None) -> tuple[Answer, int]:
    async def attempt() -> tuple[Answer, int]:
        context = None if trusted is None else ssl.create_default_context(cafile=str(trusted))
        async with (
            serving(says(OK + EMPTY), serving_context(served)) as endpoint,
            a_client(context=context) as client,
        ):
            return await client.post(endpoint.url, {}, b"{}", LONG), len(endpoint.requests)

    return run(attempt())  # type: ignore[no-any-return]


def test_tls_with_a_trusted_certificate(run: Run, tmp_path: Path) -> None:
    path = certificate(tmp_path)
    answer, requests = tls_attempt(run, path, trusted=path)
    assert (answer.status, requests) == (200, 1)


@pytest.mark.parametrize("flaw", ["self-signed", "other host", "expired"])
def test_tls_with_a_bad_certificate(run: Run, tmp_path: Path, flaw: str) -> None:
    path = certificate(
        tmp_path,
        "other.example" if flaw == "other host" else "127.0.0.1",
        days=-1 if flaw == "expired" else 1,
    )
    answer, requests = tls_attempt(run, path, trusted=None if flaw == "self-signed" else path)
    assert (answer.kind, requests) == ("tls", 0)
    assert answer.error is not None
    assert "certificate" in answer.error
    assert judge(answer, 0).kind == "retry"


@pytest.mark.parametrize(
    ("behaviour", "kinds"),
    [
        (hang, {"timeout"}),
        (close_at_once, {"connection", "tls"}),
        (reset_at_once, {"connection", "tls"}),
    ],
    ids=["hangs", "closes", "resets"],
)
def test_a_tls_handshake_that_never_ends_well(run: Run, behaviour: Behaviour, kinds: set[str]) -> None:
    async def attempt() -> Answer:
        async with serving(behaviour) as endpoint, a_client() as client:
            endpoint.scheme = "https"
            return await client.post(endpoint.url, {}, b"{}", SHORT if kinds == {"timeout"} else LONG)

    answer = run(attempt())
    assert answer.kind in kinds
    assert judge(answer, 0).kind == "retry"


def test_https_to_a_server_without_tls(run: Run) -> None:
    async def rude(peer: Peer) -> None:
        await peer.reader.read(1)
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n" + EMPTY)
        await peer.hang()

    async def attempt() -> Answer:
        async with serving(rude) as endpoint, a_client() as client:
            endpoint.scheme = "https"
            return await client.post(endpoint.url, {}, b"{}", LONG)

    assert run(attempt()).kind == "tls"


def test_http_to_a_server_with_tls(run: Run, tmp_path: Path) -> None:
    async def attempt() -> Answer:
        async with serving(hang, serving_context(certificate(tmp_path))) as endpoint, a_client() as client:
            endpoint.scheme = "http"
            return await client.post(endpoint.url, {}, b"{}", LONG)

    answer = run(attempt())
    assert answer.kind in {"connection", "garbage"}
    assert judge(answer, 0).kind == "retry"


async def closes_after_each(peer: Peer) -> None:
    """Answer, and close without saying so: what we keep is gone when we use it."""
    await peer.request()
    await peer.send(OK + EMPTY)


async def resets_after_each(peer: Peer) -> None:
    await closes_after_each(peer)
    await asyncio.sleep(0.005)
    peer.reset()


async def closes_when_used_again(peer: Peer) -> None:
    await closes_after_each(peer)
    await peer.request()


async def resets_when_used_again(peer: Peer) -> None:
    await closes_after_each(peer)
    await peer.reader.read(1)
    peer.reset()


@pytest.mark.parametrize("behaviour", [closes_after_each, closes_when_used_again])
def test_a_kept_connection_that_has_ended_costs_no_attempt(behaviour: Behaviour, run: Run) -> None:
    async def attempts() -> list[int | str | None]:
        async with serving(behaviour) as endpoint, a_client() as client:
            found = []
            for _ in range(10):
                answer = await client.post(endpoint.url, {}, b"{}", LONG)
                found.append(answer.status or answer.error)
            assert endpoint.connections == 10
            return found

    assert run(attempts()) == [200] * 10


@pytest.mark.parametrize("behaviour", [resets_after_each, resets_when_used_again])
def test_an_endpoint_that_resets_a_kept_connection_has_failed_like_another(behaviour: Behaviour, run: Run) -> None:
    """A reset is an answer of a kind (docs/reference/outcomes.md): the same attempt does not ask again."""

    async def attempts() -> tuple[list[str], int]:
        async with serving(behaviour) as endpoint, a_client() as client:
            kinds = [(await client.post(endpoint.url, {}, b"{}", LONG)).kind for _ in range(2)]
            return kinds, endpoint.connections

    assert run(attempts()) == (["answered", "connection"], 1)


def test_an_endpoint_that_breaks_off_its_answer_on_a_kept_connection_has_failed(run: Run) -> None:
    async def breaks_off(peer: Peer) -> None:
        await closes_after_each(peer)
        await peer.request()
        await peer.send(b"HTTP/1.1 20")

    async def attempts() -> tuple[str, str, int]:
        async with serving(breaks_off) as endpoint, a_client() as client:
            first = await client.post(endpoint.url, {}, b"{}", LONG)
            second = await client.post(endpoint.url, {}, b"{}", LONG)
            return first.kind, second.kind, endpoint.connections

    assert run(attempts()) == ("answered", "connection", 1)


def test_an_endpoint_that_hangs_on_a_kept_connection_is_a_timeout(run: Run) -> None:
    async def hangs(peer: Peer) -> None:
        await closes_after_each(peer)
        await peer.hang()

    async def attempts() -> tuple[str, str, int]:
        async with serving(hangs) as endpoint, a_client() as client:
            first = await client.post(endpoint.url, {}, b"{}", LONG)
            second = await client.post(endpoint.url, {}, b"{}", SHORT)
            return first.kind, second.kind, endpoint.connections

    assert run(attempts()) == ("answered", "timeout", 1)


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
