"""A producer that has lost all brokers is dead; one whose Kafka is away is not."""

from __future__ import annotations

import asyncio
import json

import pytest

from streamhooks.errors import ProducerDead
from streamhooks.kafka import known_brokers
from streamhooks.kafka.known_brokers import TIMES, KnownBrokers
from streamhooks.kafka.publisher import Publisher

NONE: dict[str, object] = {}
DOWN = {"127.0.0.1:1/bootstrap": {"state": "DOWN", "source": "configured"}}
AWAY = {f"kafka:{port}/1": {"state": "TRY_CONNECT", "source": "learned"} for port in (1, 2, 3)}
COORDINATOR = {"GroupCoordinator": {"state": "UP", "source": "logical"}}
UP = {"kafka:1/1": {"state": "UP", "source": "learned"}}


def statistics_of(brokers: dict[str, object], records: int = 1) -> str:
    return json.dumps({"msg_cnt": records, "brokers": brokers, "eos": {"idemp_state": "Assigned"}})


@pytest.mark.parametrize(
    ("statistics", "lost"),
    [
        ([statistics_of(NONE)] * TIMES, True),
        ([statistics_of(UP)] + [statistics_of(NONE)] * TIMES, True),
        ([statistics_of(NONE)] * (TIMES - 1), False),
        # For a moment it knows none, between forgetting and asking again.
        (([statistics_of(NONE)] * (TIMES - 1) + [statistics_of(DOWN)]) * 3, False),
        ([statistics_of(NONE)] * TIMES + [statistics_of(UP)], False),
        ([statistics_of(COORDINATOR)] * TIMES, True),
        # Kafka is away, or takes nothing: for hours.
        ([statistics_of(DOWN)] * 1000, False),
        ([statistics_of(AWAY)] * 1000, False),
        ([statistics_of(UP, records=200_000)] * 1000, False),
    ],
)
def test_brokers_are_lost_when_none_was_known_for_long(statistics: list[str], lost: bool) -> None:
    brokers = KnownBrokers()
    for one in statistics:
        brokers.heard(one)
    assert brokers.are_lost is lost


async def test_a_producer_without_brokers_is_dead_and_all_its_records_fail(publisher: Publisher) -> None:
    reasons: list[str] = []
    publisher._on_fatal = reasons.append
    waiting = [publisher.publish("t", b"1") for _ in range(3)]
    for _ in range(TIMES):
        publisher._producer.brokers.heard(statistics_of(NONE, records=3))
    for one in waiting:
        assert isinstance(await asyncio.to_thread(one.exception, 5), ProducerDead)
    assert len(reasons) == 1
    assert "lost all brokers" in reasons[0]
    assert isinstance(publisher.publish("t", b"1").exception(0), ProducerDead)
    assert publisher.oldest_unconfirmed() == 0.0
    assert publisher.close(1.0) == 0


async def test_one_that_has_nothing_to_write_lives_on(publisher: Publisher) -> None:
    for _ in range(TIMES):
        publisher._producer.brokers.heard(statistics_of(NONE, records=0))
    publisher._die_if_lost()
    assert publisher._dead is None


async def test_so_is_the_one_that_sends_records_alone(publisher: Publisher) -> None:
    publisher._one_by_one = known_brokers.WatchedProducer(publisher._config)
    for _ in range(TIMES):
        publisher._one_by_one.brokers.heard(statistics_of(NONE))
    async with asyncio.timeout(5):
        while publisher._dead is None:  # noqa: ASYNC110 - no event reports it
            await asyncio.sleep(0.01)


async def test_statistics_while_kafka_is_away_are_understood(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_brokers, "INTERVAL", 0.01)
    heard: list[str] = []
    kept = KnownBrokers.heard
    monkeypatch.setattr(KnownBrokers, "heard", lambda self, text: (kept(self, text), heard.append(text)))
    publisher.renew()
    waiting = publisher.publish("t", b"1")
    async with asyncio.timeout(10):
        while len(heard) < 3 * TIMES:  # noqa: ASYNC110 - no event reports it
            await asyncio.sleep(0.01)
    assert json.loads(heard[-1])["msg_cnt"] == 1
    assert json.loads(heard[-1])["brokers"]
    assert not waiting.done()
