"""A fetching client that has lost all brokers is replaced. Records that come seldom are awaited by a thread."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from confluent_kafka import TopicPartition
from faust.types import TP

from streamhooks.faust_patches import librdkafka_fetching
from streamhooks.faust_patches.fetching import Seek
from streamhooks.faust_patches.librdkafka_fetching import LibrdkafkaFetching
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
    assert {(one.partition, one.offset) for one in fetching._client.assignment()} == {(0, 5), (3, 9)}
    assert fetching._places == {("events", 0): Seek(5, -1, 7), ("events", 3): Seek(9, -1, 8)}
    assert caplog.text.count("has lost all brokers") == 1


class Client:
    """Has a record at every second look, or as soon as a thread waits for one."""

    def __init__(self) -> None:
        self.brokers = SimpleNamespace(are_lost=False)
        self.waits = 0
        self._offset = 0
        self._looks = 0

    def consume(self, number: int, timeout: float) -> list[SimpleNamespace]:
        self._looks += 1
        return [self._message()] if number > 1 and self._looks % 2 == 0 else []

    def poll(self, timeout: float) -> SimpleNamespace:
        self.waits += 1
        return self._message()

    def assign(self, starts: list[TopicPartition]) -> None:
        self.starts = {one.partition: (one.offset, one.leader_epoch) for one in starts}

    def close(self) -> None: ...

    def _message(self) -> SimpleNamespace:
        self._offset += 1
        fields = {"topic": "events", "partition": 0, "offset": self._offset, "timestamp": (1, 5), "leader_epoch": 4}
        fields |= {"error": None, "key": None, "value": b"", "headers": None}
        return SimpleNamespace(**{name: (lambda value=value: value) for name, value in fields.items()})


async def test_a_new_one_checks_the_log_by_the_epoch_of_the_last_record(
    fetching: LibrdkafkaFetching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(librdkafka_fetching, "WatchedConsumer", lambda _: Client())
    await fetching.assign({TP("events", 0): Seek(1, 3, 7), TP("events", 3): Seek(9, 3, 8)})
    records = await fetching.getmany(timeout=5.0)
    assert [(one.offset, one.epoch, one.assignment) for one in records] == [(1, 4, 7), (2, 4, 7)]
    fetching.move({TP("events", 3): Seek(2, 6, 9)})
    assert fetching._client.starts == {0: (3, 4), 3: (2, 6)}
    fetching._client = None


@pytest.mark.parametrize(("seconds", "waits"), [(0.001, 1), (1.0, 20)])
async def test_a_thread_waits_for_records_only_if_they_do_not_come_one_soon_after_the_other(
    fetching: LibrdkafkaFetching, monkeypatch: pytest.MonkeyPatch, seconds: float, waits: int
) -> None:
    await fetching.assign({TP("events", 0): Seek(0, -1, 1)})
    now = [100.0]
    monkeypatch.setattr(librdkafka_fetching, "steady", lambda: now[0])
    client = fetching._client = Client()  # type: ignore[assignment]
    for _ in range(20):
        now[0] += seconds
        client._looks = 0
        assert len(await fetching.getmany(timeout=5.0)) >= 1
    assert abs(client.waits - waits) <= 1
    fetching._client = None
