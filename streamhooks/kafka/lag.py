"""The lag of this worker on its partitions, from the settled floor to the end, measured on request.

A record counts as behind until it is settled, whether it was taken up or not. Its age is that of its Kafka timestamp.
When Kafka does not answer, new records are unknown. A partition then counts as behind since it was last known to have
nothing unsettled, so the lag of a worker that can't read grows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from streamhooks.kafka.asking import KeptAdmin, answers
from streamhooks.kafka.clients import close_aside
from streamhooks.kafka.reader import NOT_THERE, TP, new_consumer, read_from_first
from streamhooks.settings import Settings
from streamhooks.times import steady


@dataclass(frozen=True, slots=True)
class Behind:
    """How far behind a partition is; `since` is the time of the oldest unsettled record in epoch seconds, if any."""

    records: int
    since: float | None


SETTLED = Behind(0, None)


class First(NamedTuple):
    """The first readable record and its time (epoch seconds); if there is none, the offset up to which was searched."""

    offset: int
    time: float | None


class Log(Protocol):
    """Requests to Kafka, each with a time limit; a partition without an answer is missing in the result."""

    def ends(self, tps: Collection[TP]) -> dict[TP, int]:
        """Return the end offset of each partition, including records of open transactions."""

    def first(self, floors: Mapping[TP, int]) -> dict[TP, First]:
        """Return the first record at or after each offset."""


class Lags:
    """Measures how far behind partitions are. Not thread-safe."""

    def __init__(self, log: Log, clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._settled_at: dict[TP, float] = {}  # when nothing was last known to be behind, or the first request
        self._oldest: dict[TP, tuple[int, First]] = {}  # the floor, and the record there
        self._previous: dict[TP, Behind] = {}
        self._recreated: set[TP] = set()

    def begin_anew(self, tp: TP) -> None:
        """Forget what is known of a partition, which has another log now. Thread-safe."""
        self._recreated.add(tp)

    def measure(self, floors: Mapping[TP, int]) -> dict[TP, Behind]:
        """Return how far behind each partition is, given its settled floor; blocks for a few seconds at most."""
        now = self._clock()
        while self._recreated:
            self._oldest.pop(self._recreated.pop(), None)
        for kept in (self._settled_at, self._oldest, self._previous):
            for gone in kept.keys() - floors.keys():
                del kept[gone]
        ends = self._log.ends(floors.keys()) if floors else {}
        behind = {tp: floor for tp, floor in floors.items() if tp in ends and ends[tp] > floor}
        # A stuck partition is stuck at the same record, which need not be read again.
        unread = {tp: floor for tp, floor in behind.items() if self._oldest.get(tp, (-1,))[0] != floor}
        found = self._log.first(unread) if unread else {}
        for tp, floor in floors.items():
            self._previous[tp] = self._of(tp, floor, ends, found, now)
        return dict(self._previous)

    def _of(
        self,
        tp: TP,
        floor: int,
        ends: Mapping[TP, int],
        found: Mapping[TP, First],
        now: float,
    ) -> Behind:
        settled_at = self._settled_at.setdefault(tp, now)
        end, first = ends.get(tp), found.get(tp)
        # After a floor there may be only transaction markers. Records of an open transaction, and records after them,
        # can't be read yet: they are behind since everything was last settled.
        if end is not None and (end <= floor or (first is not None and first.time is None and first.offset >= end)):
            self._settled_at[tp] = now
            return SETTLED
        if first is not None and first.time is not None:
            self._oldest[tp] = (floor, First(first.offset, first.time if first.time > 0 else settled_at))
        known_floor, known = self._oldest.get(tp, (-1, First(floor, None)))
        if end is not None and known_floor == floor:
            return Behind(end - known.offset, known.time)
        # Kafka did not answer: the last known age is an upper bound, since settled records were older.
        previous = self._previous.get(tp, SETTLED)
        records = previous.records if end is None else end - floor
        return Behind(records, settled_at if previous.since is None else previous.since)


class KafkaLog:
    """The same requests to a real Kafka; connects on first use. `timeout` is in seconds per request."""

    def __init__(self, settings: Settings, timeout: float = 2.0) -> None:
        self._settings = settings
        self._timeout = timeout
        self._admin = KeptAdmin(settings)
        self._consumer: Consumer | None = None

    def close(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            close_aside(self._consumer)
            self._consumer = None

    def ends(self, tps: Collection[TP]) -> dict[TP, int]:
        """Return the end offset of each partition, including records of open transactions."""
        admin = self._admin.get()
        try:
            asked = admin.list_offsets(
                {TopicPartition(*tp): OffsetSpec.latest() for tp in tps},
                isolation_level=IsolationLevel.READ_UNCOMMITTED,
                request_timeout=self._timeout,
            )
        except KafkaException:
            return {}
        ends = {(tp.topic, tp.partition): found.offset for tp, found in answers(asked, self._timeout).items()}
        if len(ends) < len(asked):
            self._admin.forget()
        return ends

    def first(self, floors: Mapping[TP, int]) -> dict[TP, First]:
        """Return the first record at or after each offset."""
        if self._consumer is None:
            # One record per partition is wanted, so little is fetched ahead.
            few = {"enable.partition.eof": True, "fetch.wait.max.ms": 10, "queued.max.messages.kbytes": 64}
            self._consumer = new_consumer(self._settings, **few, **{"fetch.message.max.bytes": 16384})
        consumer = self._consumer
        found: dict[TP, First] = {}
        deadline = steady() + self._timeout
        try:
            consumer.assign([TopicPartition(*tp, offset) for tp, offset in floors.items()])
            while len(found) < len(floors) and (left := deadline - steady()) > 0:
                for message in consumer.consume(num_messages=100, timeout=min(left, 0.05)):
                    error, tp = message.error(), (message.topic(), message.partition())
                    if error is None:
                        found.setdefault(tp, First(message.offset(), message.timestamp()[1] / 1000))
                    elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                        found.setdefault(tp, First(message.offset(), None))
                    elif error.code() in NOT_THERE and read_from_first(consumer, tp, floors[tp]) is None:
                        found[tp] = First(floors[tp], None)
        except KafkaException:
            pass
        finally:
            with contextlib.suppress(KafkaException):
                consumer.unassign()
        if len(found) < len(floors):
            # As in `KeptAdmin`: a client may know a leader, or a topic, that no longer exists.
            self._consumer = None
            consumer.close()
        return found
