"""POSTs that wait in turn for one of the connections to a host, without a task; `test_places.py` has the rest."""

from __future__ import annotations

import asyncio

import pytest
from behaviours import EMPTY, OK, Run, answer_with
from endpoints import LOOPBACK, Peer, serving

from streamhooks.delivery import pool
from streamhooks.delivery.client import Answer, HookClient

LONG = 10.0
SHORT = 0.25


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "PATIENCE", 3600)


class Gated:
    """An endpoint that answers each request when it may."""

    def __init__(self) -> None:
        self.may = asyncio.Semaphore(0)
        self.bodies: list[bytes] = []
        self.came = asyncio.Event()

    async def behave(self, peer: Peer) -> None:
        while True:
            self.bodies.append((await peer.request()).partition(b"\r\n\r\n")[2])
            self.came.set()
            await self.may.acquire()
            await peer.send(OK + EMPTY)


class Posting:
    """A client of one connection to a `Gated` endpoint, which is in use."""

    def __init__(self) -> None:
        self.client = HookClient(LOOPBACK, limit=100, per_host=1, user_agent="x")
        self.endpoint = Gated()
        self.told: list[tuple[bytes, Answer]] = []
        self.changed = asyncio.Event()

    async def begin(self, url: str) -> None:
        self.url = url
        self.endpoint.may.release()
        await self.client.post(url, {}, b"first", LONG)
        assert self.soon(b"0") is not None

    def soon(self, body: bytes, timeout: float = LONG):
        def ended(answer: Answer) -> None:
            self.told.append((body, answer))
            self.changed.set()

        return self.client.post_soon(self.url, {}, body, timeout, "", ended)

    async def until(self, count: int) -> list[bytes]:
        async with asyncio.timeout(LONG):
            while len(self.told) < count:
                self.changed.clear()
                await self.changed.wait()
        return [body for body, _ in self.told]


@pytest.mark.usefixtures("patient")
def test_both_kinds_get_their_turn_in_order(run: Run) -> None:
    async def attempt() -> None:
        one = Posting()
        async with serving(one.endpoint.behave) as served:
            await one.begin(served.url)
            assert one.soon(b"1") is not None
            other = asyncio.create_task(one.client.post(served.url, {}, b"2", LONG))
            await asyncio.sleep(0)
            assert one.soon(b"3") is not None
            for _ in range(4):
                one.endpoint.may.release()
            await one.until(3)
            assert (await other).status == 200
            assert one.endpoint.bodies == [b"first", b"0", b"1", b"2", b"3"]
            assert served.connections == 1
        await one.client.close()

    run(attempt())


@pytest.mark.usefixtures("patient")
def test_what_is_let_go_while_it_waits_is_never_written_and_takes_no_turn(run: Run) -> None:
    async def attempt() -> None:
        one = Posting()
        async with serving(one.endpoint.behave) as served:
            await one.begin(served.url)
            gone, _ = one.soon(b"1"), one.soon(b"2")
            gone.abandon()
            gone.abandon()
            one.endpoint.may.release()
            one.endpoint.may.release()
            assert await one.until(2) == [b"0", b"2"]
            assert one.endpoint.bodies == [b"first", b"0", b"2"]
        await one.client.close()

    run(attempt())


@pytest.mark.usefixtures("patient")
def test_the_wait_is_no_part_of_the_timeout(run: Run) -> None:
    async def attempt() -> None:
        one = Posting()
        async with serving(one.endpoint.behave) as served:
            await one.begin(served.url)
            one.soon(b"1", SHORT)
            await asyncio.sleep(2 * SHORT)
            one.endpoint.may.release()
            one.endpoint.may.release()
            await one.until(2)
            assert [answer.status for _, answer in one.told] == [200, 200]
            assert one.told[1][1].duration_ms < 1000 * SHORT
        await one.client.close()

    run(attempt())


def test_who_waits_in_vain_opens_another_and_times_out_by_itself(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "PATIENCE", 0.01)

    async def attempt() -> None:
        one = Posting()
        async with serving(one.endpoint.behave) as served:
            await one.begin(served.url)
            one.soon(b"1", SHORT)
            assert await one.until(1) == [b"1"]
            assert (one.told[0][1].kind, served.connections) == ("timeout", 2)
        await one.client.close()

    run(attempt())


@pytest.mark.usefixtures("patient")
def test_a_wait_that_has_ended_does_not_expire(run: Run) -> None:
    async def attempt() -> None:
        one = Posting()
        async with serving(one.endpoint.behave) as served:
            await one.begin(served.url)
            exchange = one.soon(b"1")
            one.endpoint.may.release()
            await one.until(1)
            exchange.expire()  # it was told just before it had its turn
            one.endpoint.may.release()
            await one.until(2)
            assert [answer.status for _, answer in one.told] == [200, 200]
        await one.client.close()

    run(attempt())


@pytest.mark.usefixtures("patient")
def test_a_place_without_a_connection_is_for_the_next(run: Run) -> None:
    async def closes(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + EMPTY)

    async def attempt() -> None:
        one = Posting()
        async with serving(closes) as served:
            one.url = served.url
            first = asyncio.create_task(one.client.post(served.url, {}, b"first", LONG))
            while one.soon(b"1") is None:  # noqa: ASYNC110 - for turns of the loop
                await asyncio.sleep(0)
            assert (await first).status == 200
            await one.until(1)
            assert (one.told[0][1].status, served.connections) == (200, 2)
        await one.client.close()

    run(attempt())


@pytest.mark.usefixtures("patient")
def test_the_end_of_the_client_is_the_end_of_the_wait(run: Run) -> None:
    async def attempt() -> None:
        one = Posting()
        async with serving(one.endpoint.behave) as served:
            await one.begin(served.url)
            one.soon(b"1")
            await one.client.close()
            await one.until(2)
            assert {answer.kind for _, answer in one.told} == {"connection"}

    run(attempt())


def test_below_the_bound_nobody_waits(run: Run) -> None:
    async def attempt() -> None:
        client = HookClient(LOOPBACK, limit=100, per_host=2, user_agent="x")
        async with serving(answer_with()) as served:
            await client.post(served.url, {}, b"first", LONG)
            assert client.post_soon(served.url, {}, b"1", LONG, "", print) is not None
            assert client.post_soon(served.url, {}, b"2", LONG, "", print) is None
        await client.close()

    run(attempt())
