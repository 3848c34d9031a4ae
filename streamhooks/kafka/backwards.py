"""A page of what a topic holds, newest first. A topic is read forwards: so it is read in chunks, the last one first."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from streamhooks.kafka.reader import Ranges, Record

R = TypeVar("R")

#: records that are read of each partition at first at least, and of one in one go at most
FIRST, CHUNK = 4, 1000
#: bytes of those, at most; a single record may have more
CHUNK_BYTES = 1_000_000
#: how many times as many are read in the next go
GROWS = 4
#: what one page reads, in bytes, about
READ = 50_000_000
#: later than any record
_NOW = 2**63


class Place(NamedTuple):
    """Where a page ended in a partition."""

    offset: int
    """It goes on before this one."""
    told: int = 0
    """How many things that are wanted were told already of the record just before it."""


class Page(NamedTuple, Generic[R]):
    """What was found, newest first, and where the next page goes on."""

    found: list[R]
    reached: dict[int, Place] | None
    """By partition; None if there is no more."""
    since: int | None
    """The timestamp of the last record that was looked at, epoch milliseconds."""


def page(
    read: Callable[[Ranges], Iterator[Record]],
    look: Callable[[Record], Sequence[R]],
    topic: str,
    bounds: Mapping[int, tuple[int, int]],
    before: Mapping[int, Place],
    *,
    limit: int,
    most: int,
) -> Page[R]:
    """Look through a topic backwards for at most `limit` things, in at most `most` records.

    `read` reads records; `look` gives what is wanted of one, newest first; `bounds` are the first offset of each
    partition, and the one behind its last; `before` is what a former page returned as reached.

    Raises: what `read` does.
    """
    ends = {number: Place(end) for number, (_, end) in bounds.items()}
    reached = ends | {n: place for n, place in before.items() if n in ends and place.offset <= ends[n].offset}
    found, since = list[R](), None
    # Of all partitions together about twice as many as are wanted: in most cases that is all that is read.
    size = max(FIRST, 2 * limit // max(1, len(bounds)))
    latest_first = _Backwards(read, topic, {n: (first, reached[n].offset) for n, (first, _) in bounds.items()}, size)
    for looked, record in enumerate(latest_first):
        if isinstance(record, _Unread):  # also where nothing lay: the next page begins there
            return Page(found, reached | {record.partition: Place(record.offset)}, since)
        if looked == most or len(found) == limit:
            return Page(found, reached, since)
        since, place = record.timestamp, reached[record.partition]
        told = place.told if record.offset == place.offset - 1 else 0
        wanted = look(record)[told:]
        room = limit - len(found)
        found += wanted[:room]
        if len(wanted) > room:
            reached[record.partition] = Place(record.offset + 1, told + room)
            return Page(found, reached, since)
        reached[record.partition] = Place(record.offset)
    return Page(found, None, since)


class _Unread(NamedTuple):
    """What lies before this offset would have to be read next, but so much was read already."""

    partition: int
    offset: int


class _Backwards:
    """The records of some ranges of a topic, the latest first."""

    def __init__(
        self, read: Callable[[Ranges], Iterator[Record]], topic: str, ranges: Mapping[int, tuple[int, int]], size: int
    ) -> None:
        self._read = read
        self._topic = topic
        self._ranges = {number: (first, end) for number, (first, end) in ranges.items() if first < end}
        self._size = size
        self._bytes = 0

    def __iter__(self) -> Iterator[Record | _Unread]:
        size, chunk = self._chunk(self._ranges, self._size)
        of_partitions = (
            self._of_partition(number, bounds, size, [one for one in chunk if one.partition == number])
            for number, bounds in self._ranges.items()
        )
        for _, _, record in heapq.merge(*of_partitions):
            yield record

    def _of_partition(
        self, number: int, bounds: tuple[int, int], size: int, chunk: list[Record]
    ) -> Iterator[tuple[int, int, Record | _Unread]]:
        """Its records, each behind what sorts it; `chunk` has the last `size` of them."""
        first, end = bounds
        while True:
            for record in reversed(chunk):
                yield -record.timestamp, number, record
            end -= size
            if end <= first:
                return
            if self._bytes >= READ:
                yield -_NOW, number, _Unread(number, end)
            if sum(record.size for record in chunk) * GROWS <= CHUNK_BYTES:
                size = min(size * GROWS, CHUNK)
            size, chunk = self._chunk({number: (first, end)}, size)

    def _chunk(self, ranges: Mapping[int, tuple[int, int]], size: int) -> tuple[int, list[Record]]:
        """The last `size` records of each of these ranges; of fewer, if those are large. Returns of how many."""
        most = CHUNK_BYTES * len(ranges)
        while True:
            chunk, weight = list[Record](), 0
            wanted = {(self._topic, n): (max(first, end - size), end) for n, (first, end) in ranges.items()}
            for record in self._read(wanted):
                chunk.append(record)
                weight += record.size
                if weight > most and size > 1:
                    break
            self._bytes += weight
            if weight <= most or size == 1:
                return size, chunk
            size = max(1, min(size // GROWS, CHUNK_BYTES * len(chunk) // weight))
