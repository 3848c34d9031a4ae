"""Pages of a topic, newest first. Kafka reads forwards only, so the topic is read in chunks, the last chunk first."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from streamhooks.kafka.reader import Ranges, Record

R = TypeVar("R")

#: records per partition in the first chunk at least, and in any chunk at most
FIRST, CHUNK = 4, 1000
#: maximum bytes of a chunk; a single record may be larger
CHUNK_BYTES = 1_000_000
#: factor by which the next chunk may grow
GROWS = 4
#: approximate bytes that one page reads
READ = 50_000_000
#: a timestamp later than any record's
_NOW = 2**63


class Place(NamedTuple):
    """Where a page ended in a partition."""

    offset: int
    """The next page continues before this offset."""
    taken: int = 0
    """How many results of the record just before it are on earlier pages."""


class Page(NamedTuple, Generic[R]):
    """The results, newest first, and where the next page continues."""

    found: list[R]
    reached: dict[int, Place] | None
    """Per partition; None if there are no more pages."""
    since: int | None
    """The timestamp of the last record examined, in epoch milliseconds."""


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
    """Search a topic backwards for at most `limit` results, in at most `most` records.

    `read` reads records; `look` returns the results of a record, newest first; `bounds` has the first and the next
    offset of each partition; `before` is `reached` of the previous page.

    Raises: what `read` raises.
    """
    ends = {number: Place(end) for number, (_, end) in bounds.items()}
    reached = ends | {n: place for n, place in before.items() if n in ends and place.offset <= ends[n].offset}
    found, since = list[R](), None
    # About twice the limit over all partitions: in most cases that is all that is read.
    size = max(FIRST, 2 * limit // max(1, len(bounds)))
    latest_first = _Backwards(read, topic, {n: (first, reached[n].offset) for n, (first, _) in bounds.items()}, size)
    for looked, record in enumerate(latest_first):
        if isinstance(record, _Unread):  # also where there were no records: the next page begins there
            return Page(found, reached | {record.partition: Place(record.offset)}, since)
        if looked == most or len(found) == limit:
            return Page(found, reached, since)
        since, place = record.timestamp, reached[record.partition]
        taken = place.taken if record.offset == place.offset - 1 else 0
        wanted = look(record)[taken:]
        room = limit - len(found)
        found += wanted[:room]
        if len(wanted) > room:
            reached[record.partition] = Place(record.offset + 1, taken + room)
            return Page(found, reached, since)
        reached[record.partition] = Place(record.offset)
    return Page(found, None, since)


class _Unread(NamedTuple):
    """The records before this offset are next, but the page has read its bytes."""

    partition: int
    offset: int


class _Backwards:
    """The records of some ranges of a topic, latest first."""

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
        """Give the partition's records, each after its sort key; `chunk` has the last `size` of them."""
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
        """Read the last `size` records of each range, or fewer if they are large; return how many, and the records."""
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
