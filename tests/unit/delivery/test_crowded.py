"""While many connections are being opened, a request waits for a busy one of its own host."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from behaviours import EMPTY, OK, Run, answer_with, hang
from clocks import SetLoop
from endpoints import LOOPBACK, Peer, serving

from streamhooks.delivery import pool
from streamhooks.delivery.client import HookClient
from streamhooks.delivery.exchanges import HookProtocol
from streamhooks.delivery.keeping import Keeping

LONG = 10.0
#: Each organization has connections of its own, like a host. All together are fewer than the backlog of the endpoint.
HOSTS = 45
EACH = 8


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count all connections that a test opens, however long it takes."""
    monkeypatch.setattr(pool, "CROWD", 20)
    monkeypatch.setattr(pool, "CROWD_SECONDS", 3600)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "CROWD_PATIENCE", 3600)


def client() -> HookClient:
    return HookClient(LOOPBACK, limit=10 * HOSTS, user_agent="x")


async def burst(one: HookClient, url: str) -> None:
    posts = [one.post(url, {}, b"{}", LONG, str(host)) for host in range(HOSTS) for _ in range(EACH)]
    assert {answer.status for answer in await asyncio.gather(*posts)} == {200}


@pytest.mark.usefixtures("patient")
def test_a_burst_for_many_hosts_takes_about_a_connection_for_each(run: Run) -> None:
    async def attempt() -> None:
        one = client()
        async with serving(answer_with()) as endpoint:
            await burst(one, endpoint.url)
            assert HOSTS <= endpoint.connections < HOSTS + pool.CROWD
            assert len(endpoint.requests) == HOSTS * EACH
        await one.close()

    run(attempt())


@pytest.mark.usefixtures("patient")
def test_nobody_waits_when_few_are_being_opened(run: Run) -> None:
    async def attempt() -> None:
        go, many = asyncio.Event(), asyncio.Event()
        reached = 0

        async def behave(peer: Peer) -> None:
            nonlocal reached
            while True:
                await peer.request()
                reached += 1
                if reached == EACH:
                    many.set()
                await go.wait()
                await peer.send(OK + EMPTY)

        one = client()
        async with serving(behave) as endpoint:
            posts = [asyncio.create_task(one.post(endpoint.url, {}, b"{}", LONG)) for _ in range(EACH)]
            async with asyncio.timeout(LONG):
                await many.wait()
            go.set()
            assert {answer.status for answer in await asyncio.gather(*posts)} == {200}
            assert endpoint.connections == EACH
        await one.close()

    run(attempt())


def test_who_waits_in_vain_opens_another(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "CROWD_PATIENCE", 0.01)

    async def attempt() -> None:
        one = client()
        async with serving(hang) as endpoint:
            posts = [
                asyncio.ensure_future(one.post(endpoint.url, {}, b"{}", 60.0, str(host)))
                for host in range(HOSTS)
                for _ in range(2)
            ]
            async with asyncio.timeout(30):
                while endpoint.connections < 2 * HOSTS:  # noqa: ASYNC110 - the endpoint tells nobody
                    await asyncio.sleep(0.01)
            for post in posts:
                post.cancel()
            await asyncio.gather(*posts, return_exceptions=True)
            assert endpoint.connections == 2 * HOSTS
        await one.close()

    run(attempt())


async def test_a_connection_that_is_idle_for_too_long_is_not_waited_for() -> None:
    loop = SetLoop()
    places = pool.Pool(cast("Any", loop), Keeping(), loop.time, 100, 10 * HOSTS)
    for _ in range(pool.CROWD):
        places.opens("another key")
    assert places.patience("a key") == 0
    places.opens("a key")
    assert places.patience("a key") == pool.CROWD_PATIENCE
    places.give("a key", HookProtocol(asyncio.get_running_loop(), print))
    loop.now += 10
    assert places.take("a key") is None
    assert places.patience("a key") == 0
    assert await places.wait("a key") is None
    places.opens("a key")
    assert places.patience("a key") == pool.CROWD_PATIENCE


async def test_connections_that_take_long_to_open_hold_up_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "CROWD_SECONDS", 0.1)
    loop = SetLoop()
    places = pool.Pool(cast("Any", loop), Keeping(), loop.time, 100, 10 * HOSTS)
    for number in range(10 * pool.CROWD):
        places.opens(f"hangs {number}")
    places.opens("a key")
    assert places.patience("a key") == pool.CROWD_PATIENCE
    loop.now += 0.2
    assert places.patience("a key") == 0
    places.opens("a key")
    assert places.patience("a key") == 0
