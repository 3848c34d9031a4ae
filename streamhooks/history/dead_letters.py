"""Looking through `dead-letters`, newest first, and what sends one of them again."""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from streamhooks.errors import BrokenRecord
from streamhooks.history.between import ranges_between
from streamhooks.kafka.reader import Record, Stop, coordinates, read_range, scan
from streamhooks.kafka.topics import Topics
from streamhooks.records.dead_letter import DeadLetter
from streamhooks.records.formats import decode
from streamhooks.settings import Settings
from streamhooks.times import ALWAYS, Between

TIMEOUT = 30.0
#: records of a partition that are read in one go, and that one page looks through at most
CHUNK = 500
LOOKED_THROUGH = 20_000
#: letters that are sent again in one go, and their bytes, about
BATCH, BATCH_BYTES = 50, 4_000_000
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
    size: int
    """Its bytes."""

    @property
    def name(self) -> str:
        """`<partition>:<offset>`."""
        return f"{self.partition}:{self.offset}"


class DeadLetters:
    """Reads `dead-letters`; each call blocks, and raises TimeoutError when Kafka does not answer or `stop` is set."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = Topics(settings.topic_prefix).dead_letters

    def page(
        self, wanted: Filter, before: Mapping[int, int], limit: int, *, stop: Stop
    ) -> tuple[list[Found], dict[int, int] | None]:
        """The newest letters that are wanted, at most `limit`, without what they would send again.

        `before` is where a former page ended, by partition. Returns the letters, newest first, and where this page
        ends; None if there are no more.
        """
        # Where a former page ended there is no need to look for the end.
        bounds = self._bounds(Between(wanted.between.since) if before else wanted.between, stop)
        ends = {number: min(end, before.get(number, end)) for number, (_, end) in bounds.items()}
        reached, found = dict(ends), list[Found]()
        backwards = (self._backwards(wanted, number, bounds[number][0], end, stop) for number, end in ends.items())
        for looked, one in enumerate(heapq.merge(*backwards, key=lambda one: -one.timestamp)):
            if len(found) == limit or looked == LOOKED_THROUGH:
                return found, reached
            reached[one.partition] = one.offset
            if one.found is not None:
                found.append(one.found)
        return found, None

    def one(self, partition: int, offset: int, *, stop: Stop) -> Found | None:
        """The letter that lies there."""
        records = read_range(self._settings, self._topic, partition, offset, offset + 1, timeout=TIMEOUT, stop=stop)
        return _found(records[0]) if records else None

    def at(self, places: Iterable[tuple[int, int]], *, stop: Stop) -> Generator[Found]:
        """The letters that lie at these places."""
        for partition, offset in places:
            if (one := self.one(partition, offset, stop=stop)) is not None:
                yield one

    def all(self, wanted: Filter, *, stop: Stop) -> Generator[Found]:
        """The letters that are wanted and there now, oldest first in each partition."""
        ranges = {(self._topic, number): bounds for number, bounds in self._bounds(wanted.between, stop).items()}
        for record in scan(self._settings, ranges, timeout=600.0, stop=stop):
            if (one := _found(record)) is not None and wanted.fits(one):
                yield one

    def source(self, letter: DeadLetter, *, stop: Stop) -> Record | None:
        """The record that a letter comes from, if Kafka still holds it."""
        if letter.source is None:
            return None
        topic, partition, offset = coordinates(letter.source)
        records = read_range(self._settings, topic, partition, offset, offset + 1, timeout=TIMEOUT, stop=stop)
        return records[0] if records else None

    def _bounds(self, between: Between, stop: Stop) -> dict[int, tuple[int, int]]:
        found = ranges_between(self._settings, [self._topic], between, stop=stop)
        return {number: bounds for (_, number), bounds in found.items()}

    def _backwards(self, wanted: Filter, partition: int, first: int, end: int, stop: Stop) -> Iterator[_Looked]:
        while end > first:
            start = max(first, end - CHUNK)
            ranges = {(self._topic, partition): (start, end)}
            # A letter may have a megabyte: of a chunk only what is shown is kept.
            yield from reversed(
                [_looked(record, wanted) for record in scan(self._settings, ranges, timeout=TIMEOUT, stop=stop)]
            )
            end = start


class _Looked(NamedTuple):
    """A record that was looked at."""

    partition: int
    offset: int
    timestamp: int
    found: Found | None
    """What of it is shown, if it is wanted."""


def batch_of(letters: Iterator[Found], *, stop: Stop) -> list[Found]:
    """The next letters, a few: `BATCH` of them, or `BATCH_BYTES`; none at the end. Raises TimeoutError for `stop`."""
    batch, size = list[Found](), 0
    for one in letters:
        if stop.is_set():
            raise TimeoutError("nobody waits for it any more")
        batch.append(one)
        size += one.size
        if len(batch) == BATCH or size >= BATCH_BYTES:
            break
    return batch


def _looked(record: Record, wanted: Filter) -> _Looked:
    found = _found(record)
    if found is None or not wanted.fits(found):
        return _Looked(record.partition, record.offset, record.timestamp, None)
    letter = found.letter
    task = None if letter.task is None else {"name": letter.task["name"], "args": [], "kwargs": {}}
    shown = replace(found, letter=replace(letter, raw=None, task=task))
    return _Looked(record.partition, record.offset, record.timestamp, shown)


def _found(record: Record) -> Found | None:
    try:
        letter = decode(DeadLetter, record.value)
    except BrokenRecord:
        return None
    return Found(record.partition, record.offset, record.timestamp, letter, len(record.value or b""))
