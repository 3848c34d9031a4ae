"""Which log a partition is, and what became of it: the broker's answer decides, never a client by itself.

A topic that is deleted and made anew has another id. A log that lost its last records (a leader was elected that did
not have them, a disk was replaced) goes on in a later epoch of its leader, below offsets that were read already.
Offsets alone tell neither once the log has grown again.

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

#: what a broker says that does not know topic ids
NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"

#: an odd number: partitions of one topic get numbers that lie far apart
_SPREAD = 0x9E3779B1

Moved = Literal["anew", "shorter", "overtaken"]
"""The topic was made anew, the log lost records that had been read, or retention removed some that had not."""


@dataclass(frozen=True, slots=True)
class Log:
    """The log of a partition, as its broker has it now."""

    topic_id: str
    """Empty, if the broker does not know ids."""
    epoch: int
    """Of its leader."""
    first: int
    end: int
    """The offset after the last record that all in-sync replicas have."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a log was read."""

    offset: int
    """The next one."""
    topic_id: str = ""
    """Empty, if it is not known which log it was."""
    epoch: int = -1
    """One in which all that was read was written, or a later one that began with all of it; -1 if not known."""
    above: Ranges = ()
    """What else was read and settled, above the offset."""


def moved(reading: Reading, log: Log, kept: int | None) -> Moved | None:
    """What became of a log since it was read so far; None, if it only grew.

    `kept` is where the reading's epoch ends in the log that there is now; None, if that is not known.
    """
    if reading.topic_id and log.topic_id and reading.topic_id != log.topic_id:
        return "anew"
    # The end may lag behind the records for a moment, after a leader was elected: what the epochs tell is sure.
    if (log.end if kept is None else kept) < reading.offset:
        return "shorter"
    return "overtaken" if reading.offset < log.first else None


def above_in(log: Log, reading: Reading, kept: int | None) -> Ranges:
    """What is settled above the offset of a reading in the log that there is now; see `moved`."""
    if kept is None or not log.topic_id or log.topic_id != reading.topic_id:
        return ()  # it may be there, and be something else
    return within(reading.above, reading.offset, kept)


@cache
def log_number(topic_id: str, partition: int) -> int:
    """Which log a partition is, as a number of four bytes, for where there are many; 0 if the topic is not known."""
    if not topic_id:
        return 0
    first = int.from_bytes(base64.urlsafe_b64decode(topic_id + "==")[:4])
    return (first + partition * _SPREAD) % 2**32 or 1


class Logs:
    """Asks the brokers; each call blocks for a few seconds at most."""

    def __init__(self, settings: Settings, timeout: float = 3.0) -> None:
        self._timeout = timeout
        self._admin = KeptAdmin(settings)
        self._asking = threading.Lock()  # one forgets the client that another one asks

    def ids(self, topics: Iterable[str]) -> dict[str, str]:
        """The ids of these topics, as far as they are there."""
        with self._asking:
            return self._ids(topics)

    def ask(self, tps: Collection[TP]) -> dict[TP, Log]:
        """The logs of these partitions; one that is not there, or of which nobody answers, is missing."""
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
        # One that was made anew in between gets no answer made of two.
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
