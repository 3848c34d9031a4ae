"""POSTs that are told to a callback: when they are made, when they end, and what letting go of one does."""

from __future__ import annotations

import asyncio

import pytest
from behaviours import OK, Run, answer_with
from endpoints import Peer, a_client, serving
from ways import LONG, after_one, begin, posted, soon

from streamhooks.delivery.client import Answer

SHORT = 0.25


class Told:
    """What was told, and when there is something."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.is_there = asyncio.Event()

    def __call__(self, answer: Answer) -> None:
        self.answers.append(answer)
        self.is_there.set()


def test_it_needs_an_idle_connection_of_the_origin_and_the_organization(run: Run) -> None:
    async def attempt() -> None:
        told = Told()
        async with serving(answer_with()) as endpoint, serving(answer_with()) as other, a_client() as client:
            assert await soon(client, endpoint.url) is None
            assert endpoint.connections == 0
            await begin(client, endpoint.url)
            assert await soon(client, other.url) is None
            assert client.post_soon(endpoint.url, {}, b"{}", LONG, "another", told) is None
            assert client.post_soon("ftp://nobody/", {}, b"{}", LONG, "", told) is None
            assert client.post_soon(endpoint.url, {"X": "a\r\nB: c"}, b"{}", LONG, "", told) is None
            assert client.post_soon(endpoint.url, {}, b"1", LONG, "", told) is not None
            # The one connection is in use.
            assert client.post_soon(endpoint.url, {}, b"2", LONG, "", told) is None
            await asyncio.wait_for(told.is_there.wait(), LONG)
            answer = await soon(client, endpoint.url)
            assert answer is not None
            assert answer.excerpt == "fine"
            assert (endpoint.connections, len(endpoint.requests)) == (1, 3)
        assert len(told.answers) == 1

    run(attempt())


def test_the_callback_may_post_the_next_one(run: Run) -> None:
    async def attempt() -> tuple[int, int]:
        async with serving(answer_with()) as endpoint, a_client() as client:
            await begin(client, endpoint.url)
            statuses: list[int | None] = []
            done = asyncio.Event()

            def ended(answer: Answer) -> None:
                statuses.append(answer.status)
                if len(statuses) == 100:
                    done.set()
                else:
                    assert client.post_soon(endpoint.url, {}, b"{}", LONG, "", ended) is not None

            client.post_soon(endpoint.url, {}, b"{}", LONG, "", ended)
            await asyncio.wait_for(done.wait(), LONG)
            assert statuses == [200] * 100
            return endpoint.connections, len(endpoint.requests)

    assert run(attempt()) == (1, 101)


@pytest.mark.parametrize("beginning", [b"", OK + b"Content-Length: 5\r\n\r\nab"], ids=["no answer", "half an answer"])
def test_abandoning_closes_the_connection_and_tells_nobody(beginning: bytes, run: Run) -> None:
    async def attempt() -> None:
        reached, closed, told = asyncio.Event(), asyncio.Event(), Told()

        async def behave(peer: Peer) -> None:
            await peer.request()
            await peer.send(beginning)
            reached.set()
            try:
                assert await peer.reader.read(1) == b""
            finally:
                closed.set()

        async with serving(after_one(behave)) as endpoint, a_client() as client:
            await begin(client, endpoint.url)
            exchange = client.post_soon(endpoint.url, {}, b"{}", LONG, "", told)
            assert exchange is not None
            await asyncio.wait_for(reached.wait(), LONG)
            exchange.abandon()
            exchange.abandon()
            await asyncio.wait_for(closed.wait(), LONG)
            assert await soon(client, endpoint.url) is None
        assert told.answers == []

    run(attempt())


def test_the_late_answer_of_an_abandoned_one_is_nobodys(run: Run) -> None:
    async def attempt() -> None:
        go, told = asyncio.Event(), Told()

        async def behave(peer: Peer) -> None:
            body = (await peer.request()).partition(b"\r\n\r\n")[2]
            if body == b"first":
                await go.wait()
            await peer.send(OK + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            await peer.hang()

        async with serving(after_one(behave)) as endpoint, a_client() as client:
            await begin(client, endpoint.url)
            exchange = client.post_soon(endpoint.url, {}, b"first", LONG, "", told)
            assert exchange is not None
            exchange.abandon()
            go.set()
            for body in (b"second", b"third"):
                assert (await posted("soon", client, endpoint.url, body, SHORT)).excerpt in (body.decode(), "")
        assert told.answers == []

    run(attempt())


@pytest.mark.parametrize("is_abandoned", [False, True])
def test_a_stale_connection_is_replaced_and_the_replacement_can_be_abandoned(run: Run, is_abandoned: bool) -> None:
    async def attempt() -> list[str | None]:
        replaced, closed, told, connections = asyncio.Event(), asyncio.Event(), Told(), 0

        async def behave(peer: Peer) -> None:
            nonlocal connections
            connections += 1
            await peer.request()
            if connections == 2:
                replaced.set()
                assert await peer.reader.read(1) == b""
                closed.set()

        async with serving(after_one(behave)) as endpoint, a_client() as client:
            await begin(client, endpoint.url)
            exchange = client.post_soon(endpoint.url, {}, b"{}", 2 * LONG if is_abandoned else SHORT, "", told)
            assert exchange is not None
            await asyncio.wait_for(replaced.wait(), LONG)
            if is_abandoned:
                exchange.abandon()
                await asyncio.wait_for(closed.wait(), LONG)
            else:
                await asyncio.wait_for(told.is_there.wait(), LONG)
            return [answer.error for answer in told.answers]

    assert run(attempt()) == ([] if is_abandoned else ["timeout: not done within 0.25 s"])
