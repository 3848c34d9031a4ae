"""POSTs of one turn of the loop are written together at its end, and only on what may be used then."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from behaviours import EMPTY, OK, Run, answer_with
from endpoints import LOOPBACK, a_client, serving
from ways import LONG, begin, soon

from streamhooks.delivery import soon as module
from streamhooks.delivery.client import Answer, HookClient
from streamhooks.delivery.distrust import Origin
from streamhooks.delivery.exchanges import HookProtocol
from streamhooks.delivery.targets import Request

STRAY = b"HTTP/1.1 500 Stray\r\n" + EMPTY


class Plain:
    """An endpoint of plain sockets, which can be used without a turn of the loop."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.setblocking(False)
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}/"
        self.connections: list[socket.socket] = []

    async def accept(self) -> socket.socket:
        one, _ = await asyncio.wait_for(asyncio.get_running_loop().sock_accept(self.server), LONG)
        one.setblocking(False)
        self.connections.append(one)
        return one

    async def serve(self, one: socket.socket) -> bytes:
        """Answer one request, and return it."""
        loop = asyncio.get_running_loop()
        request = await asyncio.wait_for(loop.sock_recv(one, 65_536), LONG)
        await loop.sock_sendall(one, OK + EMPTY)
        return request

    async def kept(self, client: HookClient, count: int) -> None:
        """Let the client have so many idle connections."""
        posts = [asyncio.ensure_future(client.post(self.url, {}, b"{}", LONG)) for _ in range(count)]
        for one in [await self.accept() for _ in range(count)]:
            await self.serve(one)
        assert {(await post).status for post in posts} == {200}

    def unread(self) -> int:
        """Return how many connections have a request to read."""
        found = 0
        for one in self.connections:
            try:
                found += bool(one.recv(1, socket.MSG_PEEK))
            except BlockingIOError:
                continue
        return found


@asynccontextmanager
async def plain(count: int) -> AsyncIterator[tuple[Plain, HookClient]]:
    endpoint, client = Plain(), HookClient(LOOPBACK, limit=1000, user_agent="x")
    try:
        await endpoint.kept(client, count)
        yield endpoint, client
    finally:
        await client.close()
        for one in (endpoint.server, *endpoint.connections):
            one.close()


def test_they_are_written_in_this_turn_and_many_even_before_its_end(run: Run) -> None:
    async def attempt() -> None:
        async with plain(module.TOGETHER + 2) as (endpoint, client):
            for number in range(module.TOGETHER + 2):
                assert endpoint.unread() == (module.TOGETHER if number >= module.TOGETHER else 0)
                assert client.post_soon(endpoint.url, {}, b"{}", LONG, "", print) is not None
            await asyncio.sleep(0)
            assert endpoint.unread() == module.TOGETHER + 2

    run(attempt())


def test_one_that_is_abandoned_before_is_not_written_and_its_connection_is_used_again(run: Run) -> None:
    async def attempt() -> None:
        async with serving(answer_with()) as endpoint, a_client() as client:
            await begin(client, endpoint.url)
            exchange = client.post_soon(endpoint.url, {}, b"first", LONG, "", print)
            assert exchange is not None
            exchange.abandon()
            answer = await soon(client, endpoint.url, b"second")
            assert answer is not None
            assert (endpoint.connections, [one[-6:] for one in endpoint.requests[1:]]) == (1, [b"second"])

    run(attempt())


@pytest.mark.parametrize("what", ["stray bytes", "an end"])
def test_what_comes_before_it_is_written_is_not_its_answer(what: str, run: Run) -> None:
    async def attempt() -> None:
        told: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        async with plain(1) as (endpoint, client):
            assert client.post_soon(endpoint.url, {}, b"{}", LONG, "", told.set_result) is not None
            if what == "an end":
                endpoint.connections[0].close()
            else:
                endpoint.connections[0].send(STRAY)
            assert (await endpoint.serve(await endpoint.accept())).endswith(b"{}")
            assert (await asyncio.wait_for(told, LONG)).status == 200
            is_kept = client.post_soon(endpoint.url, {}, b"{}", LONG, "", print) is not None
            assert is_kept == (what == "an end")

    run(attempt())


def test_one_that_expires_before_is_not_written(run: Run) -> None:
    async def attempt() -> None:
        told: list[Answer] = []
        async with plain(1) as (endpoint, client):
            exchange = client.post_soon(endpoint.url, {}, b"{}", 0.0, "", told.append)
            assert exchange is not None
            exchange.expire()
            await asyncio.sleep(0)
            assert endpoint.unread() == 0
        assert [answer.kind for answer in told] == ["timeout"]

    run(attempt())


def test_a_defect_with_one_does_not_keep_the_others_from_being_written(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def attempt() -> None:
        real = HookProtocol.send
        told: list[Answer] = []
        is_told = asyncio.Event()

        def send(self: HookProtocol, origin: Origin, request: Request, *rest: Any) -> None:
            if b"".join(request).endswith(b"defect"):
                raise KeyError("a defect of ours")
            real(self, origin, request, *rest)

        def ended(answer: Answer) -> None:
            told.append(answer)
            is_told.set()

        async with plain(2) as (endpoint, client):
            monkeypatch.setattr(HookProtocol, "send", send)
            for body in (b"defect", b"other"):
                assert client.post_soon(endpoint.url, {}, body, LONG, "", ended) is not None
            await asyncio.wait_for(is_told.wait(), LONG)
            assert endpoint.unread() == 1
        assert told[0].error is not None

    run(attempt())
