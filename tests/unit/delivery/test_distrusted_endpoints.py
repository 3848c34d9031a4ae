"""Whose connections are kept: after which exchanges, and for whom."""

from __future__ import annotations

import pytest
from endpoints import LOOPBACK, Peer, a_client, serving
from test_stray_answers import answer, own_answers, stray, then_own, told

from streamhooks.delivery.client import HookClient

LONG = 10.0
SHORT = 0.25
TEN_MINUTES = 600


async def test_an_origin_gets_kept_connections_again_after_ten_minutes() -> None:
    now = 0.0

    async def twice(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(500, b"first") + stray(200))
        await peer.hang()

    async with serving(then_own(twice)) as endpoint, serving(own_answers) as other:
        client = HookClient(LOOPBACK, limit=10, user_agent="x", clock=lambda: now)
        try:
            for seconds, connections in ((0, 1), (1, 2), (TEN_MINUTES - 1, 3), (TEN_MINUTES, 4), (TEN_MINUTES, 4)):
                now = float(seconds)
                await told(client, endpoint, b"first")
                assert endpoint.connections == connections
                await told(client, other, b"any")
            assert other.connections == 1
        finally:
            await client.close()


@pytest.mark.parametrize(
    "broken",
    [
        b"HTTP/1.1 500 X\r\nContent-Length: 9\r\n\r\nfirst",
        b"HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nfirst",
        b"HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 500 X\r\nnonsense\r\nContent-Length: 5\r\n\r\nfirst",
        b"HTTP/1.1 500 X\r\nContent-Length: 5\r\n",
        b"HTTP/2 200 X\r\nContent-Length: 5\r\n\r\nfirst",
        b"HTTP/1.1 100 X\r\n\r\n" * 17,
    ],
)
async def test_an_exchange_that_did_not_end_cleanly_ends_the_keeping(broken: bytes) -> None:
    assert await connections_after(broken) == 3


@pytest.mark.parametrize(
    "clean",
    [
        b"HTTP/1.1 500 X\r\n\r\nfirst",
        b"HTTP/1.1 500 X\r\nContent-Length: 5\r\nConnection: close\r\n\r\nfirst",
        b"HTTP/1.1 500 X\r\nContent-Length: 100000\r\n\r\n" + bytes(100_000),
        b"",
    ],
)
async def test_an_exchange_that_ended_cleanly_or_was_never_answered_does_not(clean: bytes) -> None:
    assert await connections_after(clean) == 2


async def connections_after(first: bytes) -> int:
    """Return how many connections three requests take, the first of which is answered like this; check the others."""

    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(first)

    async with serving(then_own(behave)) as endpoint, a_client() as client:
        await client.post(endpoint.url, {}, b"first", LONG)
        for body in (b"second", b"third"):
            assert await told(client, endpoint, body) == (500, body.decode())
        return endpoint.connections


async def test_a_connection_that_ends_at_once_does_not_either() -> None:
    async def behave(peer: Peer) -> None:
        peer.reset()

    async with serving(then_own(behave)) as endpoint, a_client() as client:
        assert (await client.post(endpoint.url, {}, b"first", LONG)).kind == "connection"
        for body in (b"second", b"third"):
            assert await told(client, endpoint, body) == (500, body.decode())
        assert endpoint.connections == 2


async def test_a_timeout_without_a_byte_leaves_the_others_their_connections() -> None:
    async def behave(peer: Peer) -> None:
        await peer.hang()

    async with serving(then_own(behave)) as endpoint, a_client() as client:
        assert (await client.post(endpoint.url, {}, b"first", SHORT)).kind == "timeout"
        for body in (b"second", b"third"):
            assert await told(client, endpoint, body) == (500, body.decode())
        assert endpoint.connections == 2


async def test_organizations_share_no_connection() -> None:
    async with serving(own_answers) as endpoint, a_client() as client:
        for organization in ("1", "2", "1", "2", "1"):
            assert await told(client, endpoint, b"any", organization) == (500, "any")
        assert endpoint.connections == 2
