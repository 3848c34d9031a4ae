"""Where to start reading a source partition, and what to report about it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import wait
from dataclasses import dataclass
from typing import Literal

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streamhooks.errors import Refusal
from streamhooks.kafka.logs import RECREATED, Log, Moved, Reading, moved
from streamhooks.kafka.reader import TP, new_consumer
from streamhooks.kafka.topics import admin_client
from streamhooks.settings import Settings
from streamhooks.times import steady

TIMEOUT = 10.0

#: what Kafka answers for a moment about a topic that was created just now
BEING_MADE = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)

#: topics that only workers write: if one ever held a record, this is not a new installation
WRITTEN_BY_WORKERS = ("firings", "dead-letters", "hook-states", "notices", "counting-fired-1d-changelog")

Wish = Literal["earliest", "latest", "fail"]
Without = Literal["new", "added", "expired"]
"""Why a partition has no committed offset: no worker has ever read the topic, the partition was added, or the offset of
an installation that was in use has expired."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where to start, and what to report about it."""

    offset: int
    why: str | None = None
    """What to report; None for nothing."""
    lost: int = 0
    """The number of offsets that retention removed unread."""
    skipped: int = 0
    """The number of existing offsets that are not read."""
    level: int = logging.ERROR
    """The level of the log line."""
    moved: Moved | None = None
    """What happened to the log."""


def where_to_start(read: Reading | None, log: Log, kept: int | None, *, wish: Wish, without: Without) -> Start:
    """Return where to start on a partition with this log, given how far it was read.

    `kept` is the offset at which the reading's epoch ends in the log, None if unknown. `wish` and `without` apply to a
    partition without a committed offset.

    Raises:
        Refusal: there is no committed offset, and `wish` is "fail".

    """
    if read is None:
        return _without_offset(log.first, log.end, wish, without)
    match moved(read, log, kept):
        case "overtaken":
            why = f"retention removed the offsets {read.offset} to {log.first - 1} unread"
            return Start(log.first, why, lost=log.first - read.offset, moved="overtaken")
        case "anew":
            why = f"{RECREATED}, and its previous log was read to {read.offset}"
            return Start(log.first, f"{why}: the new log is read from {log.first} on", moved="anew")
        case "shorter":
            # Below the end of the reading's epoch the log is unchanged; without it, everything may be new.
            start = log.first if kept is None else max(log.first, kept)
            end = log.end if kept is None else kept
            why = f"the log was read to {read.offset}, but has lost its records from {end} on"
            return Start(start, f"{why}: it is read from {start} on", moved="shorter")
        case None:
            return Start(read.offset)


def _without_offset(first: int, end: int, wish: Wish, without: Without) -> Start:
    if without == "added":
        # Nobody has read it, so STREAMHOOKS_START does not apply.
        text = f"the partition was added, or its offset expired: it is read from its first offset {first} on"
        return Start(first, text if first < end else None, level=logging.WARNING)
    if wish == "fail":
        raise Refusal("has no committed offset, and STREAMHOOKS_START is fail")
    if without == "new" or first == end:
        return Start(end if wish == "latest" else first)
    expired = "the committed offset has expired (offsets.retention.minutes of the brokers)"
    if wish == "latest":
        text = f"{expired}: the offsets {first} to {end - 1} are skipped, because STREAMHOOKS_START is latest"
        return Start(end, text, skipped=end - first)
    return Start(first, f"{expired}: everything that Kafka holds, {first} to {end - 1}, is sent again, with equal ids")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an installation before this worker writes anything."""

    partitions: Mapping[str, int]
    """The partition count of each source topic."""
    committed: frozenset[str]
    """The source topics with a committed offset on any partition."""
    is_used: bool
    """Workers have run before: they have written something."""
    own: frozenset[str] = frozenset()
    """Those of the topics that are topics of one's own."""

    def without_offset(self, tp: TP) -> Without:
        """Return why a partition has no committed offset."""
        topic, partition = tp
        if topic in self.committed or partition >= self.partitions.get(topic, 0):
            return "added"
        if topic in self.own and self.committed:
            return "new"  # the group is alive, and Kafka keeps the offsets of what it reads: the file has a new entry
        return "expired" if self.is_used or self.committed else "new"


def look_around(
    settings: Settings, ours: Mapping[str, int], own: Mapping[str, int], partitions: Mapping[str, int]
) -> Known:
    """Find out what is known of an installation; blocks.

    `ours` and `own` have the partition counts of the source topics: ours, and topics of one's own. `partitions` has
    those of all our topics by name without the prefix.

    Raises:
        TimeoutError: Kafka does not answer.

    """
    sources = {**ours, **own}
    try:
        committed = _committed(settings, sources)
        # An offset on each topic is evidence enough.
        is_used = committed == frozenset(sources) or _is_used(settings, partitions)
    except KafkaException as error:
        raise TimeoutError(f"Kafka does not answer: {error.args[0].str()}") from None
    return Known(sources, committed, is_used, frozenset(own))


def _committed(settings: Settings, sources: Mapping[str, int]) -> frozenset[str]:
    consumer = new_consumer(settings, **{"group.id": settings.app_id})
    try:
        tps = [TopicPartition(topic, number) for topic, count in sources.items() for number in range(count)]
        return frozenset(tp.topic for tp in consumer.committed(tps, timeout=TIMEOUT) if tp.offset >= 0)
    finally:
        consumer.close()


def _is_used(settings: Settings, partitions: Mapping[str, int]) -> bool:
    """Tell whether any of our topics ever held a record, which moves its end off 0."""
    admin = admin_client(settings)  # its futures resolve only while it exists
    tps = [
        TopicPartition(settings.topic_prefix + name, number)
        for name in WRITTEN_BY_WORKERS
        for number in range(partitions[name])
    ]
    deadline = steady() + TIMEOUT
    while True:
        try:
            return any(end > 0 for end in _ends(admin, tps))
        except KafkaException as error:
            if error.args[0].code() not in BEING_MADE or steady() > deadline:
                raise
            time.sleep(0.05)


def _ends(admin: AdminClient, tps: Iterable[TopicPartition]) -> list[int]:
    asked = admin.list_offsets({tp: OffsetSpec.latest() for tp in tps}, request_timeout=TIMEOUT)
    done, left = wait(asked.values(), TIMEOUT)
    if left:
        raise TimeoutError("Kafka does not answer")
    return [one.result().offset for one in done]
