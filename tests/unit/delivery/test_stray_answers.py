"""An answer belongs to its request: what comes unasked over a kept connection decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from endpoints import Behaviour, Endpoint, Peer, a_client, certificate, serving, serving_context

from streamhooks.delivery.client import HookClient
from streamhooks.delivery.distrust import Origin
from streamhooks.delivery.exchanges import GarbageError, HookProtocol
from streamhooks.delivery.outcomes import judge

LONG = 10.0
SHORT = 0.25
TEN_MINUTES = 600
STATUSES = [200, 410, 503]


def answer(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


def stray(status: int) -> bytes:
    return answer(status, b"stray")


async def own_answers(peer: Peer) -> None:
    """Answer each request with 500, or with 200 if a stray answer says something else, and with its body."""
    while True:
        request = await peer.request()
        await peer.send(answer(500, request.partition(b"\r\n\r\n")[2]))


def then_own(beginning: Behaviour) -> Behaviour:
    """Behave as told on the first connection, and well on the others."""
    connections = 0

    async def behave(peer: Peer) -> None:
        nonlocal connections
        connections += 1
        await (beginning(peer) if connections == 1 else own_answers(peer))

    return behave


async def told(client: HookClient, endpoint: Endpoint, body: bytes, organization: str = "") -> tuple[int | None, str]:
    found = await client.post(endpoint.url, {}, body, LONG, *([organization] if organization else []))
    return found.status, found.excerpt


async def turns_of_the_loop() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("comes", ["in the same packet", "in a packet behind it", "while nothing is asked"])
async def test_a_stray_answer_is_nobodys(status: int, comes: str) -> None:
    answered = asyncio.Event()

    async def twice(peer: Peer) -> None:
        request = await peer.request()
        own = answer(500, request.partition(b"\r\n\r\n")[2])
        if comes == "in the same packet":
            await peer.send(own + stray(status))
        else:
            await peer.send(own)
            if comes == "while nothing is asked":
                await answered.wait()
            await peer.send(stray(status))
        await own_answers(peer)

    async with serving(then_own(twice)) as endpoint, a_client() as client:
        assert await told(client, endpoint, b"first") == (500, "first")
        answered.set()
        await turns_of_the_loop()
        for body in (b"second", b"third", b"fourth"):
            assert await told(client, endpoint, body) == (500, body.decode())
        # Nothing is kept of an origin that does so.
        assert endpoint.connections == 4


@contextmanager
def blocking_endpoint() -> Iterator[tuple[int, threading.Event, threading.Event]]:
    """An endpoint in a thread that sends a stray 200 when it is told to, and says when that is done."""
    go, gone = threading.Event(), threading.Event()

    def serve(listener: socket.socket) -> None:
        def talk(connection: socket.socket, number: int) -> None:
            with connection, contextlib.suppress(ConnectionError):
                while request := connection.recv(65536):
                    connection.sendall(answer(500, request.partition(b"\r\n\r\n")[2]))
                    if number == 0:
                        go.wait(LONG)
                        connection.sendall(stray(200))
                        gone.set()

        for number in range(2):
            connection, _ = listener.accept()
            threading.Thread(target=talk, args=(connection, number), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1], go, gone
        thread.join(LONG)


async def test_what_waits_in_the_socket_unread_is_nobodys() -> None:
    with blocking_endpoint() as (port, go, gone):
        async with a_client() as client:
            endpoint = Endpoint(port)
            assert await told(client, endpoint, b"first") == (500, "first")
            go.set()
            gone.wait(LONG)  # and the loop can't read it meanwhile
            assert await told(client, endpoint, b"second") == (500, "second")


async def test_over_tls_too(tmp_path: Path) -> None:
    path = certificate(tmp_path)
    answered = asyncio.Event()

    async def twice(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(500, b"first"))
        await answered.wait()
        await peer.send(stray(200))
        await own_answers(peer)

    context = ssl.create_default_context(cafile=str(path))
    async with (
        serving(then_own(twice), serving_context(path)) as endpoint,
        a_client(context=context) as client,
    ):
        assert await told(client, endpoint, b"first") == (500, "first")
        answered.set()
        await turns_of_the_loop()
        assert await told(client, endpoint, b"second") == (500, "second")


async def test_what_comes_before_all_of_a_request_was_received_does_not_answer_it() -> None:
    """The request goes to another connection: over this one may come what was meant for the former."""
    reached = asyncio.Event()

    async def early(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(500, b"first"))
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(stray(200))
        reached.set()
        await peer.hang()

    async with serving(then_own(early)) as endpoint, a_client() as client:
        assert await told(client, endpoint, b"first") == (500, "first")
        body = bytes(20_000_000)
        found = await client.post(endpoint.url, {}, body, LONG)
        assert reached.is_set()
        assert found.status == 500
        assert len(endpoint.requests) == 2
        assert endpoint.connections == 2


@pytest.mark.parametrize("is_read", [False, True])
async def test_what_comes_before_any_request_is_no_answer(is_read: bool) -> None:
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ours = socket.create_connection(("127.0.0.1", port))
        theirs, _ = listener.accept()
    with theirs:
        ours.setblocking(False)
        _, protocol = await loop.create_connection(lambda: HookProtocol(loop, lambda _: None), sock=ours)
        theirs.sendall(stray(200))
        if is_read:
            await turns_of_the_loop()
        with pytest.raises(GarbageError):
            await protocol.exchange(Origin("127.0.0.1", port, False), (b"POST",), 100)
        assert not protocol.was_clean
        protocol.abort()


@pytest.mark.parametrize("status", STATUSES)
async def test_the_stray_answer_to_one_organization_is_no_answer_to_another(status: int) -> None:
    answered = asyncio.Event()

    async def twice(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(500, b"first"))
        await answered.wait()
        await peer.send(stray(status))
        await own_answers(peer)

    async with serving(then_own(twice)) as endpoint, a_client() as client:
        assert await told(client, endpoint, b"first", "1") == (500, "first")
        answered.set()
        for organization in ("2", "1", "2"):
            assert await told(client, endpoint, b"other", organization) == (500, "other")


FAULTY_410 = {
    "a second length": b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "no colon": b"HTTP/1.1 410 Gone\r\nnonsense\r\nContent-Length: 0\r\n\r\n",
    "a long head": b"HTTP/1.1 410 Gone\r\nA: " + b"x" * 20_000 + b"\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("name", FAULTY_410)
async def test_a_410_with_a_faulty_head_is_one_more_4xx(name: str) -> None:
    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(FAULTY_410[name])
        await peer.hang()

    async with serving(behave) as endpoint, a_client() as client:
        found = await client.post(endpoint.url, {}, b"{}", LONG)
    assert (found.status, judge(found, 0).kind, judge(found, 0).reason) == (410, "rejected", "status 410")
