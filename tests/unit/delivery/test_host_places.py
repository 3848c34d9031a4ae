"""The connections to one host are few: who needs one more waits for its turn."""

from __future__ import annotations

import asyncio

import pytest
from behaviours import EMPTY, OK, Run, answer_with, hang
from endpoints import LOOPBACK, Peer, serving

from streamhooks.delivery import pool
from streamhooks.delivery.client import Answer, HookClient
from streamhooks.delivery.exchanges import HookProtocol
from streamhooks.delivery.keeping import Keeping

LONG = 10.0
SHORT = 0.25


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "PATIENCE", 3600)


def client(per_host: int) -> HookClient:
    return HookClient(LOOPBACK, limit=100, per_host=per_host, user_agent="x")


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("per_host", [1, 5])
def test_a_burst_takes_few_connections(per_host: int, run: Run) -> None:
    async def attempt() -> None:
        one = client(per_host)
        async with serving(answer_with()) as endpoint:
            answers = await asyncio.gather(*(one.post(endpoint.url, {}, b"%d" % n, LONG) for n in range(50)))
            assert {answer.status for answer in answers} == {200}
            assert endpoint.connections == per_host
            bodies = [int(request.partition(b"\r\n\r\n")[2]) for request in endpoint.requests]
            assert sorted(bodies) == list(range(50))
            if per_host == 1:
                assert bodies == list(range(50))
        await one.close()

    run(attempt())


@pytest.mark.usefixtures("patient")
def test_each_organization_has_its_own(run: Run) -> None:
    async def attempt() -> None:
        one = client(1)
        async with serving(answer_with()) as endpoint:
            await asyncio.gather(*(one.post(endpoint.url, {}, b"{}", LONG, str(n % 3)) for n in range(30)))
            assert endpoint.connections == 3
        await one.close()

    run(attempt())


@pytest.mark.usefixtures("patient")
def test_the_wait_is_no_part_of_the_timeout(run: Run) -> None:
    async def attempt() -> Answer:
        go, reached = asyncio.Event(), asyncio.Event()

        async def behave(peer: Peer) -> None:
            while True:
                await peer.request()
                reached.set()
                await go.wait()
                await peer.send(OK + EMPTY)

        one = client(1)
        async with serving(behave) as endpoint:
            first = asyncio.create_task(one.post(endpoint.url, {}, b"{}", LONG))
            await reached.wait()
            second = asyncio.create_task(one.post(endpoint.url, {}, b"{}", SHORT))
            await asyncio.sleep(2 * SHORT)
            go.set()
            await first
            answer = await second
            assert endpoint.connections == 1
        await one.close()
        return answer

    answer = run(attempt())
    assert answer.status == 200
    assert answer.duration_ms < 1000 * SHORT


def test_who_waits_in_vain_opens_another(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "PATIENCE", 0.01)

    async def attempt() -> None:
        one = client(1)
        async with serving(hang) as endpoint:
            answers = await asyncio.gather(*(one.post(endpoint.url, {}, b"{}", SHORT) for _ in range(5)))
            assert {answer.kind for answer in answers} == {"timeout"}
            assert endpoint.connections == 5
        await one.close()

    run(attempt())


@pytest.mark.usefixtures("patient")
def test_a_place_that_becomes_free_without_a_connection_goes_to_the_next(run: Run) -> None:
    async def closes(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + EMPTY)

    async def attempt() -> None:
        one = client(1)
        async with serving(closes) as endpoint:
            async with asyncio.timeout(LONG):
                answers = await asyncio.gather(*(one.post(endpoint.url, {}, b"{}", LONG) for _ in range(10)))
            assert {answer.status for answer in answers} == {200}
            assert endpoint.connections == 10
        await one.close()

    run(attempt())


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("what", ["a connection", "a place"])
async def test_who_is_cancelled_while_it_waits_leaves_its_turn_to_the_next(what: str) -> None:
    loop = asyncio.get_running_loop()
    places = pool.Pool(loop, Keeping(), loop.time, 2, 100)
    given = HookProtocol(loop, print) if what == "a connection" else None
    for _ in range(2):
        places.opens("a key")
    first, second, third = (asyncio.create_task(places.wait("a key")) for _ in range(3))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    if given is None:
        places.closed("a key")
    else:
        places.give("a key", given)
    second.cancel()
    assert await third is given
    assert second.cancelled()


@pytest.mark.usefixtures("patient")
def test_who_waits_when_the_client_is_closed_fails(run: Run) -> None:
    async def attempt() -> None:
        reached = asyncio.Event()

        async def behave(peer: Peer) -> None:
            await peer.request()
            reached.set()
            await peer.hang()

        one = client(1)
        async with serving(behave) as endpoint:
            posts = [asyncio.create_task(one.post(endpoint.url, {}, b"{}", LONG)) for _ in range(3)]
            await reached.wait()
            await one.close()
            assert [(await post).kind for post in posts] == ["connection"] * 3

    run(attempt())
