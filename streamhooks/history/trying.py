"""Trying a filter on the latest messages of an organization."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from streamhooks.errors import BrokenRecord
from streamhooks.filters.judging import Verdict, subject_of
from streamhooks.kafka.backwards import page
from streamhooks.kafka.between import certain_ranges
from streamhooks.kafka.offsets import Offsets
from streamhooks.kafka.reader import Record, Stop, scanning
from streamhooks.records.message import Message
from streamhooks.settings import Settings
from streamhooks.times import ALWAYS

TIMEOUT = 30.0
#: records of each topic that are looked through
LOOKED_THROUGH = 5_000


@dataclass(frozen=True, slots=True)
class Trial:
    """A filter, and the messages that a hook would get without it."""

    filter: str
    organization_id: str
    project_ids: tuple[str, ...] = ()
    types: tuple[str, ...] = ("*",)
    """Types of messages, `<prefix>.*`, or `*`."""

    def asks_for(self, message: Message) -> bool:
        """Tell whether such a hook would get the message without its filter."""
        if message.organization_id != self.organization_id:
            return False
        if self.project_ids and message.project_id not in self.project_ids:
            return False
        return any(_covers(one, message.type) for one in self.types)


@dataclass(frozen=True, slots=True)
class Tried:
    """How a filter judges a message; `source` and `timestamp` (epoch milliseconds) are None for a sample."""

    source: str | None
    timestamp: int | None
    type: str
    verdict: Verdict


def _covers(pattern: str, name: str) -> bool:
    return pattern in ("*", name) or (pattern.endswith(".*") and name.startswith(pattern[:-1]))


MessageOf = Callable[[Record], Message]
"""Returns a source record as a message; raises BrokenRecord for one that can't be read."""


def try_on_latest(
    settings: Settings,
    offsets: Offsets,
    topics: Iterable[str],
    message_of: MessageOf,
    trial: Trial,
    limit: int,
    *,
    stop: Stop,
) -> list[Tried]:
    """Return how a filter judges the latest messages of an organization in these topics, newest first; blocks.

    Raises:
        TimeoutError: Kafka does not answer, or `stop` was set.

    """

    def look(record: Record) -> list[Tried]:
        if stop.is_set():
            raise TimeoutError("the caller has gone")
        try:
            message = message_of(record)
        except BrokenRecord:
            return []
        if not trial.asks_for(message):
            return []
        return [Tried(record.source, record.timestamp, message.type, subject_of(message).judge(trial.filter))]

    found = list[Tried]()
    with scanning(settings, timeout=TIMEOUT, stop=stop) as read:
        for topic in topics:
            ranges, _ = certain_ranges(offsets, [(topic, number) for number in offsets.partitions(topic)], ALWAYS)
            bounds = {number: range_ for (_, number), range_ in ranges.items()}
            found += page(read, look, topic, bounds, {}, limit=limit, most=LOOKED_THROUGH).found
    return sorted(found, key=lambda one: -(one.timestamp or 0))[:limit]
