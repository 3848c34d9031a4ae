"""Looking through `dead-letters`, newest first, and what sends one of them again."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from streamhooks.errors import BrokenRecord
from streamhooks.history.between import ranges_between
from streamhooks.kafka.reader import Record, coordinates, read_range, scan
from streamhooks.kafka.topics import Topics
from streamhooks.records.dead_letter import DeadLetter
from streamhooks.records.formats import decode
from streamhooks.settings import Settings
from streamhooks.times import ALWAYS, Between

TIMEOUT = 30.0
#: records of a partition that are read in one go, and that one page looks through at most
CHUNK = 500
LOOKED_THROUGH = 20_000
#: what was sent again so often in vain is not sent again without being forced
REDRIVEN = 3


@dataclass(frozen=True, slots=True)
class Filter:
    """Which dead letters are wanted; None is all."""

    hook_id: str | None = None
    reason: str | None = None
    """A part of the reason, in any case."""
    between: Between = ALWAYS
    """When it was written."""

    def fits(self, found: Found) -> bool:
        """Whether a letter is wanted."""
        letter = found.letter
        if self.hook_id is not None and letter.hook_id != self.hook_id:
            return False
        if not self.between.holds(found.timestamp):
            return False
        return self.reason is None or self.reason.lower() in letter.reason.lower()


@dataclass(frozen=True, slots=True)
class Found:
    """A dead letter and where it lies."""

    partition: int
    offset: int
    timestamp: int
    """When it was written, epoch milliseconds."""
    letter: DeadLetter

    @property
    def name(self) -> str:
        """`<partition>:<offset>`."""
        return f"{self.partition}:{self.offset}"


class DeadLetters:
    """Reads `dead-letters`; each call blocks, and raises TimeoutError when Kafka does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = Topics(settings.topic_prefix).dead_letters

    def page(self, wanted: Filter, before: Mapping[int, int], limit: int) -> tuple[list[Found], dict[int, int] | None]:
        """The newest letters that are wanted, at most `limit`.

        `before` is where a former page ended, by partition. Returns the letters, newest first, and where this page
        ends; None if there are no more.
        """
        # Where a former page ended there is no need to look for the end.
        bounds = self._bounds(Between(wanted.between.since) if before else wanted.between)
        ends = {number: min(end, before.get(number, end)) for number, (_, end) in bounds.items()}
        reached, found = dict(ends), list[Found]()
        backwards = (self._backwards(number, bounds[number][0], end) for number, end in ends.items())
        for looked, record in enumerate(heapq.merge(*backwards, key=lambda one: -one.timestamp)):
            if len(found) == limit or looked == LOOKED_THROUGH:
                return found, reached
            reached[record.partition] = record.offset
            if (one := _found(record)) is not None and wanted.fits(one):
                found.append(one)
        return found, None

    def one(self, partition: int, offset: int) -> Found | None:
        """The letter that lies there."""
        records = read_range(self._settings, self._topic, partition, offset, offset + 1, timeout=TIMEOUT)
        return _found(records[0]) if records else None

    def all(self, wanted: Filter) -> Iterator[Found]:
        """The letters that are wanted and there now, oldest first in each partition."""
        ranges = {(self._topic, number): bounds for number, bounds in self._bounds(wanted.between).items()}
        for record in scan(self._settings, ranges, timeout=600.0):
            if (one := _found(record)) is not None and wanted.fits(one):
                yield one

    def source(self, letter: DeadLetter) -> Record | None:
        """The record that a letter comes from, if Kafka still holds it."""
        if letter.source is None:
            return None
        topic, partition, offset = coordinates(letter.source)
        records = read_range(self._settings, topic, partition, offset, offset + 1, timeout=TIMEOUT)
        return records[0] if records else None

    def _bounds(self, between: Between) -> dict[int, tuple[int, int]]:
        found = ranges_between(self._settings, [self._topic], between)
        return {number: bounds for (_, number), bounds in found.items()}

    def _backwards(self, partition: int, first: int, end: int) -> Iterator[Record]:
        while end > first:
            start = max(first, end - CHUNK)
            yield from reversed(read_range(self._settings, self._topic, partition, start, end, timeout=TIMEOUT))
            end = start


def _found(record: Record) -> Found | None:
    try:
        return Found(record.partition, record.offset, record.timestamp, decode(DeadLetter, record.value))
    except BrokenRecord:
        return None
