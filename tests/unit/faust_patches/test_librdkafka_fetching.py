"""A fetching client that has lost all brokers is replaced, even while Kafka is away."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from faust.types import TP

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
    assert fetching._assignments == {("events", 0): 7, ("events", 3): 8}
    assert caplog.text.count("has lost all brokers") == 1
