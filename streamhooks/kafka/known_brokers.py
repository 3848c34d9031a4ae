"""A client that knows no broker any more: librdkafka asks for none then, and the client waits for ever.

Brokers that were all started a moment ago say that there is none. librdkafka forgets those that it knows when it hears
that, and asks the bootstrap servers again - unless an earlier answer came while the last broker went down: that calls
the asking off for good (seen with 2.16.0; librdkafka#5301). Other clients of the same process go on.

Of a Kafka that is away it keeps the brokers, and tries to connect to them. That is never taken for it, however long it
lasts, nor are too few replicas or a permission that is missing.
"""

from __future__ import annotations

from typing import Any

import orjson
from confluent_kafka import Consumer, Producer

#: how often librdkafka tells how it is, in seconds, and how many times in a row it must have known no broker
INTERVAL, TIMES = 5.0, 6


class KnownBrokers:
    """Whether a client knows any, by its statistics."""

    def __init__(self) -> None:
        self._without = 0
        #: that the client has and no broker has confirmed
        self.records = 0

    def heard(self, statistics: str) -> None:
        """Take what librdkafka tells, in JSON."""
        told = orjson.loads(statistics)
        self.records = told["msg_cnt"]
        # The coordinator of a group is one more, with whatever address is known of it.
        knows = any(broker["source"] != "logical" for broker in told["brokers"].values())
        # Counted, not timed: a process that was stopped for long has told nothing meanwhile.
        self._without = 0 if knows else self._without + 1

    @property
    def are_lost(self) -> bool:
        """Whether it has had nobody to ask for long."""
        return self._without >= TIMES


class WatchedProducer(Producer):  # type: ignore[misc] # it has no types
    """A producer, and the brokers that it knows."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.brokers = KnownBrokers()
        super().__init__(config | _telling(self.brokers))


class WatchedConsumer(Consumer):  # type: ignore[misc] # it has no types
    """A consumer, and the brokers that it knows."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.brokers = KnownBrokers()
        super().__init__(config | _telling(self.brokers))


def _telling(brokers: KnownBrokers) -> dict[str, Any]:
    return {"statistics.interval.ms": int(INTERVAL * 1000), "stats_cb": brokers.heard}
