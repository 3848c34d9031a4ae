"""The identity of a partition's log, and what happened to it: the broker's answer decides, never a client.

A topic that is deleted and recreated has another id. A log that lost its last records (the new leader did not have
them, a disk was replaced) continues in a later leader epoch, below offsets that were already read. Once the log has
grown again, offsets alone show neither.

Why: docs/decisions/0007-identity-of-a-log.md.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import OffsetSpec

from streamhooks.in_flight.ranges import Ranges, within
from streamhooks.kafka.asking import KeptAdmin, answers
from streamhooks.kafka.reader import TP
from streamhooks.settings import Settings

#: the id reported by a broker that does not support topic ids
NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"

#: an odd number, so that the partitions of a topic get numbers far from each other
_SPREAD = 0x9E3779B1

RECREATED = "the topic was recreated"

Moved = Literal["anew", "shorter", "overtaken"]
"""The topic was recreated, the log lost records that had been read, or retention removed some that had not."""


@dataclass(frozen=True, slots=True)
class Log:
    """The log of a partition, as its leader has it now."""

    topic_id: str
    """Empty if the broker does not support ids."""
    epoch: int
    """The leader's epoch."""
    first: int
    end: int
    """The offset after the last record that all in-sync replicas have."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a log was read."""

    offset: int
    """The next offset to read."""
    topic_id: str = ""
    """Empty if the log is not known."""
    epoch: int = -1
    """The leader epoch in which the records read were written, or a later one that began with them; -1 if unknown."""
    above: Ranges = ()
    """Ranges above the offset that are settled too."""


def moved(reading: Reading, log: Log, kept: int | None) -> Moved | None:
    """Return what happened to a log since this reading; None if it only grew.

    `kept` is the offset at which the reading's epoch ends in the current log; None if unknown.
    """
    if reading.topic_id and log.topic_id and reading.topic_id != log.topic_id:
        return "anew"
    # Just after a leader election, the end may lag behind the records. The end of the epoch is reliable.
    if (log.end if kept is None else kept) < reading.offset:
        return "shorter"
    return "overtaken" if reading.offset < log.first else None


def above_in(log: Log, reading: Reading, kept: int | None) -> Ranges:
    """Return what is settled above a reading's offset in the current log; see `moved`."""
    if kept is None or not log.topic_id or log.topic_id != reading.topic_id:
        return ()  # these offsets may hold other records now
    return within(reading.above, reading.offset, kept)


@cache
def log_number(topic_id: str, partition: int) -> int:
    """Return a 4-byte number that identifies a log, for cells that are many; 0 if the topic is not known."""
    if not topic_id:
        return 0
    first = int.from_bytes(base64.urlsafe_b64decode(topic_id + "==")[:4])
    return (first + partition * _SPREAD) % 2**32 or 1


class Logs:
    """Asks the brokers about logs; each call blocks for a few seconds at most."""

    def __init__(self, settings: Settings, timeout: float = 3.0) -> None:
        self._timeout = timeout
        self._admin = KeptAdmin(settings)
        self._asking = threading.Lock()  # one call may forget the client that another call is using

    def ids(self, topics: Iterable[str]) -> dict[str, str]:
        """Return the ids of those topics that exist."""
        with self._asking:
            return self._ids(topics)

    def ask(self, tps: Collection[TP]) -> dict[TP, Log]:
        """Return the logs of these partitions; one that does not exist or gets no answer is missing."""
        with self._asking:
            return self._ask(tps) if tps else {}

    def _ids(self, topics: Iterable[str]) -> dict[str, str]:
        try:
            wanted = TopicCollection(sorted(set(topics)))
            asked = self._admin.get().describe_topics(wanted, request_timeout=self._timeout)
        except KafkaException:
            return {}
        found = {topic: str(one.topic_id) for topic, one in answers(asked, self._timeout).items()}
        if not found:
            self._admin.forget()
        return {topic: "" if topic_id == NO_ID else topic_id for topic, topic_id in found.items()}

    def _ask(self, tps: Collection[TP]) -> dict[TP, Log]:
        before = self._ids(topic for topic, _ in tps)
        known = [TopicPartition(*tp) for tp in tps if tp[0] in before]
        try:
            first, end = (self._offsets(known, spec) for spec in (OffsetSpec.earliest(), OffsetSpec.latest()))
        except KafkaException:
            return {}
        # If a topic was recreated in between, its answer would mix two logs.
        after = self._ids(before)
        logs = {
            tp: Log(before[tp[0]], _epoch(end[tp]), first[tp].offset, end[tp].offset)
            for tp in tps
            if tp in first and tp in end and before[tp[0]] == after.get(tp[0])
        }
        if len(logs) < len(tps):
            self._admin.forget()
        return logs

    def _offsets(self, tps: list[TopicPartition], spec: OffsetSpec) -> dict[TP, Any]:
        if not tps:
            return {}
        asked = self._admin.get().list_offsets(dict.fromkeys(tps, spec), request_timeout=self._timeout)
        return {(tp.topic, tp.partition): found for tp, found in answers(asked, self._timeout).items()}


def _epoch(found: Any) -> int:
    return -1 if found.leader_epoch is None else int(found.leader_epoch)
