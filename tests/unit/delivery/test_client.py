from __future__ import annotations

import asyncio
import gzip

import pytest
from behaviours import answer_with
from endpoints import Peer, a_client, resolves_to, serving
from yarl import URL

from streamhooks.delivery.addresses import AddressPolicy
from streamhooks.delivery.client import EXCERPT_CHARACTERS
from streamhooks.delivery.heads import MAX_HEAD, MAX_HEADERS, fields_of
from streamhooks.delivery.outcomes import judge
from streamhooks.delivery.targets import APART, target_of, written

STRICT = AddressPolicy()
LONG = 10.0


async def test_what_is_sent() -> None:
    async with serving(answer_with()) as endpoint, a_client() as client:
        answer = await client.post(
            endpoint.url, {"Content-Type": "application/json", "webhook-id": "w1"}, b'{"a":1}', LONG
        )
    assert (answer.status, answer.error, answer.kind, answer.excerpt) == (200, None, "answered", "fine")
    assert 0 <= answer.duration_ms < LONG * 1000
    head, body = endpoint.requests[0].split(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    assert line == "POST /hook?a=b HTTP/1.1"
    assert body == b'{"a":1}'
    assert dict(header.split(": ") for header in headers) == {
        "Host": f"127.0.0.1:{endpoint.port}",
        "User-Agent": "streamhooks/9.9",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
        "webhook-id": "w1",
        "Content-Length": "7",
    }


async def test_what_went_over_the_wire_can_be_shown() -> None:
    head = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n"
    async with serving(answer_with(head=head)) as endpoint, a_client() as client:
        answer = await client.post(endpoint.url, {"webhook-id": "w1"}, bytes(APART), LONG)
    assert answer.head == head + b"Content-Length: 4\r\n\r\n"
    written = endpoint.requests[0].partition(b"\r\n\r\n")[0]
    assert answer.written.partition(b"\r\n\r\n")[0] == written
    assert fields_of(answer.written) == tuple(tuple(line.split(": ")) for line in written.decode().split("\r\n")[1:])


@pytest.mark.parametrize("line", [b"A: " + b"x" * 1000 + b"\r\n", b":\r\n", b"no field\n", b"A: b\r\n c\r\n"])
async def test_the_head_of_an_answer_without_an_end_is_bounded(line: bytes) -> None:
    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n" + line * (4 * MAX_HEAD // len(line)))
        await peer.hang()

    async with serving(behave) as endpoint, a_client() as client:
        answer = await client.post(endpoint.url, {}, b"{}", LONG)
    assert (answer.status, answer.well_formed) == (200, False)
    assert len(answer.head) == MAX_HEAD
    assert 0 < len(fields_of(answer.head)) <= MAX_HEADERS


@pytest.mark.parametrize("size", [APART - 1, APART, 1_000_000])
async def test_a_body_of_any_size_comes_whole_and_a_large_one_is_not_copied(size: int) -> None:
    body = bytes(number % 251 for number in range(size))
    async with serving(answer_with()) as endpoint, a_client() as client:
        assert (await client.post(endpoint.url, {"x": "y"}, body, LONG)).status == 200
    assert endpoint.requests[0].split(b"\r\n\r\n", 1)[1] == body
    url, loop = endpoint.url, asyncio.get_running_loop()
    target = target_of(URL(url), url, "1", loop=loop, ssl_context=None, headers={})
    assert any(piece is body for piece in written(target, {}, body)) == (size >= APART)


async def test_connections_are_kept_and_cookies_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves_to(monkeypatch, "127.0.0.1")  # a cookie jar takes none from an address
    behaviour = answer_with(head=b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\n")
    async with serving(behaviour) as endpoint, a_client() as client:
        for _ in range(3):
            assert (await client.post(f"http://hook.example:{endpoint.port}/", {}, b"{}", LONG)).status == 200
    assert endpoint.connections == 1
    assert len(endpoint.requests) == 3
    assert not any(b"cookie" in request.lower() for request in endpoint.requests)


async def test_an_answer_with_too_much_costs_its_connection_only() -> None:
    async with serving(answer_with(bytes(10_000_000))) as endpoint, a_client() as client:
        for _ in range(2):
            assert (await client.post(endpoint.url, {}, b"{}", LONG)).status == 200
    assert endpoint.connections == 2


async def test_an_answer_ahead_of_its_request_is_not_taken() -> None:
    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await peer.hang()

    async with serving(behave) as endpoint, a_client() as client:
        for _ in range(2):
            assert (await client.post(endpoint.url, {}, b"{}", LONG)).status == 500
    assert endpoint.connections == 2


@pytest.mark.parametrize(
    ("body", "excerpt"),
    [
        (b"", ""),
        ("é".encode() * 5000, "é" * EXCERPT_CHARACTERS),
        ("😀".encode() * 5000, "😀" * EXCERPT_CHARACTERS),
        (b"x" + "😀".encode() * 5000, "x" + "😀" * (EXCERPT_CHARACTERS - 1)),
        (b"ab\xff\x00", "ab\ufffd\x00"),
    ],
)
async def test_excerpt(body: bytes, excerpt: str) -> None:
    async with serving(answer_with(body)) as endpoint, a_client() as client:
        assert (await client.post(endpoint.url, {}, b"{}", LONG)).excerpt == excerpt


async def test_nothing_is_unpacked() -> None:
    packed = gzip.compress(b"fine")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
    async with serving(answer_with(packed, head)) as endpoint, a_client() as client:
        answer = await client.post(endpoint.url, {}, b"{}", LONG)
    assert answer.excerpt == packed.decode(errors="replace")


async def test_retry_after_headers_in_their_order() -> None:
    head = b"HTTP/1.1 503 X\r\nRetry-After: 7\r\nretry-after: 9\r\n"
    async with serving(answer_with(head=head)) as endpoint, a_client() as client:
        answer = await client.post(endpoint.url, {}, b"{}", LONG)
    assert answer.retry_after_values == ("7", "9")
    assert judge(answer, 0).retry_after == 7


async def test_proxies_of_the_environment_play_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with serving(answer_with()) as endpoint, a_client() as client:
        assert (await client.post(endpoint.url, {}, b"{}", LONG)).status == 200


async def test_cancelling_passes_through() -> None:
    reached = asyncio.Event()

    async def behave(peer: Peer) -> None:
        await peer.request()
        reached.set()
        await peer.hang()

    async with serving(behave) as endpoint, a_client() as client:
        task = asyncio.create_task(client.post(endpoint.url, {}, b"{}", LONG))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_closing_ends_what_is_under_way() -> None:
    reached = asyncio.Event()

    async def behave(peer: Peer) -> None:
        await peer.request()
        reached.set()
        await peer.hang()

    async with serving(behave) as endpoint, a_client() as client:
        task = asyncio.create_task(client.post(endpoint.url, {}, b"{}", LONG))
        await reached.wait()
        await client.close()
        assert (await task).kind == "connection"
        assert (await client.post(endpoint.url, {}, b"{}", LONG)).kind == "connection"


async def test_a_header_that_cannot_be_sent_is_given_up() -> None:
    async with serving(answer_with()) as endpoint, a_client() as client:
        answer = await client.post(endpoint.url, {"X": "a\r\nB: c"}, b"{}", LONG)
    assert judge(answer, 0).kind == "rejected"
    assert not endpoint.requests
