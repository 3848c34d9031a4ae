"""`post_soon` tells what `post` returns, whatever an endpoint does on a kept connection."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from behaviours import CHUNKED, EMPTY, OK, Run, answer_with, hang, says, says_in_two, says_then_hangs, says_then_resets
from endpoints import Behaviour, Peer, a_client, certificate, serving, serving_context
from hypothesis import example, given
from hypothesis import strategies as st
from test_kept_connections import (
    closes_after_each,
    closes_when_used_again,
    resets_after_each,
    resets_when_used_again,
)
from test_misbehaving_endpoints import CASES, STATUSES
from test_stray_answers import answer, stray
from ways import LONG, WAYS, Way, after_one, apart_from_time, begin, posted, soon

from streamhooks.delivery.answers import AnswerReader, State, plain
from streamhooks.delivery.client import Answer

SHORT = 0.25
#: what happens at once, so that the connection may have ended before it is used again
AT_ONCE = {"closes at once", "resets at once"}


async def both(behaviour: Behaviour, timeout: float, body: bytes = b"{}") -> list[tuple[Answer, int, int]]:
    """Return what each way comes to, with the connections of this and one more request, and the requests."""
    found = []
    for way in WAYS:
        async with serving(after_one(behaviour)) as endpoint, a_client() as client:
            await begin(client, endpoint.url)
            came = await posted(way, client, endpoint.url, body, timeout)
            connections = endpoint.connections
            found.append((apart_from_time(came), connections, len(endpoint.requests)))
    return found


@pytest.mark.parametrize("name", CASES)
def test_every_misbehaviour(name: str, run: Run) -> None:
    behaviour, kind, _ = CASES[name]
    by_post, by_soon = run(both(behaviour, SHORT if kind == "timeout" else LONG))
    assert by_post == by_soon


@pytest.mark.parametrize("name", sorted(CASES.keys() - AT_ONCE))
def test_the_kept_connection_is_used(name: str, run: Run) -> None:
    behaviour, kind, _ = CASES[name]

    async def attempt() -> Answer | None:
        async with serving(after_one(behaviour)) as endpoint, a_client() as client:
            await begin(client, endpoint.url)
            return await soon(client, endpoint.url, timeout=SHORT if kind == "timeout" else LONG)

    answer = run(attempt())
    assert answer is not None


@pytest.mark.parametrize("status", STATUSES)
def test_every_status(status: int, run: Run) -> None:
    head = b"HTTP/1.1 %d X\r\nRetry-After: 7\r\nLocation: /\r\n" % status
    by_post, by_soon = run(both(says_then_hangs(head + EMPTY), LONG))
    assert by_post == by_soon
    assert by_soon[0].status == status


@pytest.mark.parametrize(
    "behaviour", [closes_after_each, closes_when_used_again, resets_after_each, resets_when_used_again]
)
def test_kept_connections_that_end(behaviour: Behaviour, run: Run) -> None:
    async def all_of(way: Way) -> list[tuple[Answer, int]]:
        async with serving(behaviour) as endpoint, a_client() as client:
            found = []
            for _ in range(4):
                found.append((apart_from_time(await posted(way, client, endpoint.url)), endpoint.connections))
            return found

    assert run(all_of("soon")) == run(all_of("post"))


@pytest.mark.parametrize("comes", ["in the same packet", "in a packet behind it", "before the whole request"])
@pytest.mark.parametrize("way", WAYS)
def test_strays_end_the_keeping(way: Way, comes: str, run: Run) -> None:
    async def behave(peer: Peer) -> None:
        if comes == "before the whole request":
            await peer.reader.readuntil(b"\r\n\r\n")
            await peer.send(stray(200))
            await peer.hang()
        await peer.request()
        if comes == "in the same packet":
            await peer.send(answer(500, b"own") + stray(200))
        else:
            await peer.send(answer(500, b"own"))
            await peer.send(stray(200))
        await peer.hang()

    async def attempt() -> None:
        async with serving(after_one(behave)) as endpoint, a_client() as client:
            await begin(client, endpoint.url)
            body = bytes(20_000_000 if comes == "before the whole request" else 10)
            found = await posted(way, client, endpoint.url, body)
            if comes != "before the whole request":
                assert (found.status, found.excerpt) == (500, "own")
            for _ in range(10):
                await asyncio.sleep(0)
            assert await soon(client, endpoint.url) is None

    run(attempt())


async def test_a_plain_answer_before_the_whole_request_ends_the_keeping() -> None:
    """On a new connection it counts, since nothing else can have been asked; but nobody knows what comes next."""

    async def early(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(OK + EMPTY)
        await peer.reader.readexactly(20_000_000)
        await answer_with()(peer)

    async with serving(early) as endpoint, a_client() as client:
        assert (await client.post(endpoint.url, {}, bytes(20_000_000), LONG)).status == 200
        assert await soon(client, endpoint.url) is None
        assert (await client.post(endpoint.url, {}, bytes(20_000_000), LONG)).status == 200
        assert endpoint.connections == 2


def test_large_bodies_and_early_refusals(run: Run) -> None:
    async def refuses(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 413 Too Large\r\n" + EMPTY)
        await peer.hang()

    for behaviour in (answer_with(), refuses, hang):
        by_post, by_soon = run(both(behaviour, SHORT if behaviour is hang else LONG, bytes(20_000_000)))
        assert by_post == by_soon


def test_over_tls(run: Run, tmp_path: Path) -> None:
    path = certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(path))

    async def attempt(behaviour: Behaviour, way: Way) -> Answer:
        async with (
            serving(after_one(behaviour), serving_context(path)) as endpoint,
            a_client(context=context) as client,
        ):
            await begin(client, endpoint.url)
            return apart_from_time(await posted(way, client, endpoint.url, timeout=SHORT))

    behaviours = (
        answer_with(),
        says(CHUNKED + b"2\r\nab\r\n0\r\n\r\n"),
        says(b""),
        says_then_resets(b""),
        says_then_hangs(OK + b"Content-Length: 5\r\n\r\nab"),
        says_in_two(OK + b"Content-Length: 2\r\n\r\n", b"ab"),
    )
    for behaviour in behaviours:
        assert run(attempt(behaviour, "post")) == run(attempt(behaviour, "soon"))


def test_the_client_is_closed_meanwhile(run: Run) -> None:
    reached = asyncio.Event()

    async def behave(peer: Peer) -> None:
        await peer.request()
        reached.set()
        await peer.hang()

    async def attempt() -> Answer:
        told: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        async with serving(after_one(behave)) as endpoint, a_client() as client:
            await begin(client, endpoint.url)
            assert client.post_soon(endpoint.url, {}, b"{}", LONG, "", told.set_result) is not None
            await reached.wait()
            await client.close()
            assert client.post_soon(endpoint.url, {}, b"{}", LONG, "", told.set_result) is None
            return await told

    assert run(attempt()).kind == "connection"


_FIELD = st.sampled_from(
    [
        b"Content-Length: 0\r\n",
        b"Content-Length: 2\r\n",
        b"Content-Length: 3\r\n",
        b"content-length:2\r\n",
        b"Content-Length: +2\r\n",
        b"Content-Length: 99999\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"Connection: keep-alive\r\n",
        b"Retry-After: 3\r\n",
        b"A: b\r\n",
        b"A: b\n",
        b"A : b\r\n",
        b" folded\r\n",
        b"\n",
        b"nonsense\r\n",
        b"A: " + b"x" * 1100 + b"\r\n",
    ]
)
_LINE = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 204 No Content\r\n",
        b"HTTP/1.1 304\r\n",
        b"HTTP/1.0 200 OK\r\n",
        b"HTTP/1.1 500 X\n",
        b"HTTP/1.1 103 Early\r\n",
        b"HTTP/1.1 101 X\r\n",
        b"HTTP/1.1 2000 X\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n",
        b"HTTP/2 200 OK\r\n",
    ]
)
_BODY = st.sampled_from([b"", b"a", b"ab", b"abc", b"ab\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])


@example(line=b"HTTP/1.1 200 OK\r\n", fields=[b"Content-Length: 2\r\n"], body=b"ab")
@example(line=b"HTTP/1.1 200 OK\r\n", fields=[b"Content-Length: 3\r\n"], body=b"abc")
@given(line=_LINE, fields=st.lists(_FIELD, max_size=4), body=_BODY)
def test_what_is_plain_is_what_the_reader_reads(line: bytes, fields: list[bytes], body: bytes) -> None:
    data = line + b"".join(fields) + b"\r\n" + body
    reader = AnswerReader(2)
    reader.feed(data)
    came = plain(data, 2)
    if came is not None:
        assert reader.state is State.COMPLETE
        assert reader.keeps
        assert came == (reader.head, reader.head_text, reader.body)
    elif reader.state is State.COMPLETE and reader.keeps and reader.heads == 1 and reader.head is not None:
        # Whatever else ends well is chunked, ends its lines in another way, or is long.
        assert reader.head.length < 0 or not reader.head_text.endswith(b"\r\n\r\n") or len(reader.head_text) > 1024
