"""Clients that have lost all brokers: librdkafka then stops asking for any, and the client waits forever.

Brokers that have all just started answer that there are no brokers. librdkafka then forgets those that it knows, and
asks the bootstrap servers again. But if an earlier answer came while the last broker went down, it never asks again
(seen with 2.16.0; librdkafka#5301). Other clients of the same process are not affected.

While Kafka is away, librdkafka keeps its brokers and tries to connect to them. That never counts as lost brokers,
however long it lasts, nor do too few replicas or a missing permission.
"""

from __future__ import annotations

from typing import Any

import orjson
from confluent_kafka import Consumer, Producer

#: interval of librdkafka's statistics, in seconds, and how many in a row must show no broker
INTERVAL, TIMES = 5.0, 6


class KnownBrokers:
    """Whether a client knows any broker, judged by its statistics."""

    def __init__(self) -> None:
        self._without = 0
        #: number of records that the client holds and no broker has confirmed
        self.records = 0

    def heard(self, statistics: str) -> None:
        """Take a report of librdkafka, in JSON."""
        report = orjson.loads(statistics)
        self.records = report["msg_cnt"]
        # The group's coordinator is an extra entry, with whatever address is known.
        knows = any(broker["source"] != "logical" for broker in report["brokers"].values())
        # Counted, not timed: a process that was paused got no reports meanwhile.
        self._without = 0 if knows else self._without + 1

    @property
    def are_lost(self) -> bool:
        """Tell whether the client has known no broker for long."""
        return self._without >= TIMES


class WatchedProducer(Producer):  # type: ignore[misc] # it has no types
    """A producer that tracks which brokers it knows."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.brokers = KnownBrokers()
        super().__init__(config | _statistics(self.brokers))


class WatchedConsumer(Consumer):  # type: ignore[misc] # it has no types
    """A consumer that tracks which brokers it knows."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.brokers = KnownBrokers()
        super().__init__(config | _statistics(self.brokers))


def _statistics(brokers: KnownBrokers) -> dict[str, Any]:
    return {"statistics.interval.ms": int(INTERVAL * 1000), "stats_cb": brokers.heard}
