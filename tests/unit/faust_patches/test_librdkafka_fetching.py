"""A fetching client that has lost all brokers, or reads elsewhere, is replaced, and no record is left out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from support.fetching_clients import A, B, Broker, ThreadedClient

from streamhooks.faust_patches import librdkafka_fetching
from streamhooks.faust_patches.fetching import Seek
from streamhooks.faust_patches.librdkafka_fetching import LibrdkafkaFetching
from streamhooks.kafka.known_brokers import TIMES
from streamhooks.settings import Settings

NONE = json.dumps({"msg_cnt": 0, "brokers": {"GroupCoordinator": {"source": "logical"}}})


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def clients(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> list[ThreadedClient]:
    made: list[ThreadedClient] = []

    def make(_config: object) -> ThreadedClient:
        made.append(ThreadedClient(broker))
        return made[-1]

    monkeypatch.setattr(librdkafka_fetching, "WatchedConsumer", make)
    return made


@pytest.fixture
async def fetching(clients: list[ThreadedClient]) -> AsyncIterator[LibrdkafkaFetching]:
    one = LibrdkafkaFetching(Settings(brokers=("127.0.0.1:1",)), 1_000_000)
    yield one
    await one.stop()


async def test_a_new_one_continues_where_it_was(
    fetching: LibrdkafkaFetching, clients: list[ThreadedClient], caplog: pytest.LogCaptureFixture
) -> None:
    await fetching.assign({A: Seek(5, -1, 7), B: Seek(9, -1, 8)})
    for _ in range(TIMES - 1):
        clients[0].brokers.heard(NONE)
    await fetching.getmany(timeout=0.01)
    assert len(clients) == 1
    clients[0].brokers.heard(NONE)
    await fetching.getmany(timeout=0.01)
    assert [client.places for client in clients] == [{A: 5, B: 9}] * 2
    assert fetching._places == {A: Seek(5, -1, 7), B: Seek(9, -1, 8)}
    assert caplog.text.count("has lost all brokers") == 1


async def test_a_new_one_checks_the_log_by_the_epoch_of_the_last_record(
    fetching: LibrdkafkaFetching, broker: Broker, clients: list[ThreadedClient]
) -> None:
    await fetching.assign({A: Seek(0, -1, 7), B: Seek(9, 3, 8)})
    broker.append(A)
    async with asyncio.timeout(30):
        while not await fetching.getmany(timeout=60.0):
            pass
    fetching.move({B: Seek(2, 6, 9)})
    assert [client.epochs for client in clients] == [{A: None, B: 3}, {A: 0, B: 6}]
    assert clients[-1].places == {A: 1, B: 2}


async def test_records_that_come_while_another_partition_is_moved_come_once(
    fetching: LibrdkafkaFetching, broker: Broker
) -> None:
    await fetching.assign({A: Seek(0, -1, 1)})
    waiting = asyncio.ensure_future(fetching.getmany(timeout=60.0))
    await asyncio.sleep(0)  # the thread waits, too, and takes some of the records
    for _ in range(20):
        broker.append(A)
    fetching.move({B: Seek(0, -1, 2)})
    found = await waiting
    async with asyncio.timeout(30):
        while not found or found[-1].offset < 19:
            found += await fetching.getmany(timeout=60.0)
    assert [(record.offset, record.assignment) for record in found] == [(offset, 1) for offset in range(20)]


async def test_who_waits_since_before_an_assignment_gets_nothing_of_it(
    fetching: LibrdkafkaFetching, broker: Broker
) -> None:
    await fetching.assign({A: Seek(0, -1, 1)})
    waiting = asyncio.ensure_future(fetching.getmany(timeout=60.0))
    await asyncio.sleep(0)
    await fetching.assign({A: Seek(0, -1, 2)})
    broker.append(A)
    async with asyncio.timeout(30):
        assert await waiting == []
        assert [record.assignment for record in await fetching.getmany(timeout=60.0)] == [2]
