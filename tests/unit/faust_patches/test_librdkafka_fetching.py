"""A fetching client that has lost all brokers is replaced. Records that come seldom are awaited by a thread."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from queue import Empty, SimpleQueue
from types import SimpleNamespace

import pytest
from faust.types import TP
from support.eventually import eventually

from streamhooks.faust_patches import librdkafka_fetching
from streamhooks.faust_patches.fetching import Seek
from streamhooks.faust_patches.librdkafka_fetching import LibrdkafkaFetching
from streamhooks.faust_patches.waiting_thread import AT_HAND
from streamhooks.kafka.known_brokers import TIMES
from streamhooks.settings import Settings

NONE = json.dumps({"msg_cnt": 0, "brokers": {"GroupCoordinator": {"source": "logical"}}})


@pytest.fixture
async def fetching() -> AsyncIterator[LibrdkafkaFetching]:
    one = LibrdkafkaFetching(Settings(brokers=("127.0.0.1:1",)), 1_000_000)
    yield one
    await one.stop()


async def test_a_new_one_continues_where_it_was(fetching: LibrdkafkaFetching, caplog: pytest.LogCaptureFixture) -> None:
    await fetching.assign({TP("events", 0): Seek(5, -1, 7), TP("events", 3): Seek(9, -1, 8)})
    previous = fetching._client
    assert previous is not None
    for _ in range(TIMES - 1):
        previous.brokers.heard(NONE)
    await fetching.getmany(timeout=0.01)
    assert fetching._client is previous
    previous.brokers.heard(NONE)
    await fetching.getmany(timeout=0.01)
    assert fetching._client is not None
    assert fetching._client is not previous
    assert fetching._thread is not None
    fetching._thread.end()  # a client answers nothing else while a thread polls it again and again
    assert {(one.partition, one.offset) for one in fetching._client.assignment()} == {(0, 5), (3, 9)}
    assert fetching._assignments == {("events", 0): 7, ("events", 3): 8}
    assert caplog.text.count("has lost all brokers") == 1


class Client:
    """Has the messages that were sent to it, and counts those that a thread has waited for."""

    def __init__(self) -> None:
        self.brokers = SimpleNamespace(are_lost=False)
        self.waits = 0
        self.defect: Exception | None = None
        self._messages: SimpleQueue[Message] = SimpleQueue()
        self._offset = 0

    def send(self, count: int = 1, size: int = 1) -> None:
        for _ in range(count):
            self._messages.put(Message(self._offset, bytes(size)))
            self._offset += 1

    def consume(self, number: int, timeout: float) -> list[Message]:
        assert not timeout
        return [self._messages.get() for _ in range(min(number, self._messages.qsize()))]

    def poll(self, timeout: float) -> Message | None:
        try:
            message = self._messages.get(timeout > 0, timeout)
        except Empty:
            if self.defect is not None:
                raise self.defect from None
            return None
        self.waits += 1
        return message

    def assign(self, places: list[object]) -> None: ...

    def close(self) -> None: ...


class Message:
    def __init__(self, offset: int, value: bytes) -> None:
        fields = {"topic": "events", "partition": 0, "offset": offset, "timestamp": (1, 5), "leader_epoch": 0}
        fields |= {"error": None, "key": None, "value": value, "headers": None}
        for name, given in fields.items():
            setattr(self, name, partial(_same, given))
        self._size = len(value)

    def __len__(self) -> int:
        return self._size


def _same(given: object) -> object:
    return given


@pytest.fixture
async def client(fetching: LibrdkafkaFetching, monkeypatch: pytest.MonkeyPatch) -> Client:
    one = Client()
    monkeypatch.setattr(librdkafka_fetching, "WatchedConsumer", lambda _config: one)
    await fetching.assign({TP("events", 0): Seek(0, -1, 1)})
    return one


async def taken(fetching: LibrdkafkaFetching, count: int) -> list[int]:
    """Take so many records, and no more than come with them; return their offsets."""
    found: list[int] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            found += [record.offset for record in await fetching.getmany(timeout=0.5)]
    return found


@pytest.mark.parametrize(("seconds", "waits"), [(0.001, 3), (1.0, 20)])
async def test_a_thread_waits_for_records_only_if_they_do_not_come_one_soon_after_the_other(
    fetching: LibrdkafkaFetching, client: Client, monkeypatch: pytest.MonkeyPatch, seconds: float, waits: int
) -> None:
    now = [100.0]
    monkeypatch.setattr(librdkafka_fetching, "steady", lambda: now[0])
    for offset in range(20):
        now[0] += seconds
        client.send()
        assert await taken(fetching, 1) == [offset]
    assert client.waits == waits


async def test_records_stay_in_order_whoever_waits_for_them(fetching: LibrdkafkaFetching, client: Client) -> None:
    found, sent = [], 0
    for count in (1, 1, 700, 1, 2, 30, 1, 1, 3, 5, 1, 1200, 1, 1) * 3:
        client.send(count)
        sent += count
        found += await taken(fetching, 1)  # the others come beside the next ones
    found += await taken(fetching, sent - len(found))
    assert found == list(range(sent))


async def rests(fetching: LibrdkafkaFetching) -> None:
    async with asyncio.timeout(30):
        while not fetching._looks:  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.001)


async def test_a_thread_takes_little_before_it_is_wanted(fetching: LibrdkafkaFetching, client: Client) -> None:
    for count in (1, 9):
        client.send(count, AT_HAND)
        eventually(lambda: client.waits > 0)
    await rests(fetching)
    assert client.waits == 2
    assert await taken(fetching, 10) == list(range(10))
    assert client.waits == 2


async def test_what_comes_while_the_loop_is_busy_is_not_lost_by_a_move(
    fetching: LibrdkafkaFetching, client: Client
) -> None:
    client.send(1)
    eventually(lambda: client.waits == 1)
    client.send(501)
    await rests(fetching)
    fetching.move({TP("events", 1): Seek(0, -1, 2)})
    assert await taken(fetching, 502) == list(range(502))


async def test_a_thread_that_fails_is_not_silent(fetching: LibrdkafkaFetching, client: Client) -> None:
    client.defect = ValueError("a callback failed")
    with pytest.raises(ValueError, match="a callback failed"):
        await taken(fetching, 1)
