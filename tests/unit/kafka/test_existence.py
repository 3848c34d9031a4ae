"""Topics that workers never create: whoever waits for one is not ready, and says so."""

from __future__ import annotations

import logging

import pytest

from streamhooks.kafka.existence import Existence, Seen


class Kafka:
    def __init__(self, **counts: int) -> None:
        self.counts, self.is_away, self.asked = counts, False, 0
        self.hidden: set[str] = set()

    def ask(self, topics):
        self.asked += 1
        if self.is_away:
            raise TimeoutError("away")
        return {topic: Seen(self.counts.get(topic, 0), topic not in self.hidden) for topic in topics}


async def test_one_that_does_not_exist_is_told_until_it_exists(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    kafka = Kafka(orders=3)
    existence = Existence(["orders", "refunds"], kafka.ask, 1.0)
    assert existence.troubles == []
    for _ in range(2):
        assert await existence.look() == {"orders": 3, "refunds": 0}
        (trouble,) = existence.troubles
        assert trouble.startswith("the topic refunds of STREAMHOOKS_SOURCES does not exist")
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    kafka.is_away = True
    with pytest.raises(TimeoutError):
        await existence.look()
    assert len(existence.troubles) == 1  # what was known last holds
    kafka.is_away, kafka.counts["refunds"] = False, 1
    assert await existence.look() == {"orders": 3, "refunds": 1}
    assert existence.troubles == []
    del kafka.counts["orders"]
    await existence.look()
    assert "orders" in existence.troubles[0]


async def test_one_that_may_not_be_read_is_told_until_it_may(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    kafka = Kafka(orders=3)
    kafka.hidden = {"orders"}
    existence = Existence(["orders"], kafka.ask, 1.0)
    for _ in range(2):
        assert await existence.look() == {"orders": 3}
        (trouble,) = existence.troubles
        assert "orders of STREAMHOOKS_SOURCES may not be read by this user" in trouble
    kafka.counts = {}
    await existence.look()
    assert "does not exist" in existence.troubles[0]
    kafka.hidden, kafka.counts = set(), {"orders": 3}
    await existence.look()
    assert existence.troubles == []
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR", "INFO"]


async def test_without_topics_nobody_is_asked() -> None:
    kafka = Kafka()
    assert await Existence([], kafka.ask, 1.0).look() == {}
    assert kafka.asked == 0
