"""What is in flight, partition by partition: only what is settled is committed, in order of offset.

Faust commits past a record that is still in flight (its issue #606), so its own acks are not used at all.
A record is *settled* when each call that it caused ended and each record that it caused is confirmed by the broker.
What is settled above one that is not is told with the commit, so that nobody takes it up again.

Why: docs/decisions/0012-at-least-once.md.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator
from typing import Final

from streamhooks.in_flight.progress import Progress, Settled
from streamhooks.in_flight.ranges import Ranges, within
from streamhooks.in_flight.room import Room

TP = tuple[str, int]


class Ticket:
    """A record that is in flight; it is settled when it was released as often as it was held."""

    __slots__ = ("_holds", "_offset", "_progress", "_size", "_topic", "_tracker")

    def __init__(self, tracker: Tracker, progress: Progress, topic: str, offset: int, size: int) -> None:
        self._tracker = tracker
        self._progress = progress
        self._topic = topic
        self._offset = offset
        self._size = size
        self._holds = 1

    @property
    def is_void(self) -> bool:
        """The partition went away: what is not started yet must not start."""
        return self._progress.revoked

    def hold(self) -> None:
        """One more thing must end before the record is settled."""
        self._holds += 1

    def release(self) -> None:
        """One thing that the record waited for has ended."""
        self._holds -= 1
        if self._holds == 0:
            self._progress.settle(self._offset, self._offset + 1)
            self._tracker.settled(self._progress, self._topic, self._size)


class Tracker:
    """All partitions of this worker.

    At most `most` records and `most_bytes` are in flight (see `Room`), and the next offset of a partition is at most
    `window` ahead of its floor. With `tells_above`, what is settled above the floors is told as well.
    """

    def __init__(
        self,
        *,
        most: int = sys.maxsize,
        most_bytes: int = sys.maxsize,
        window: int = sys.maxsize,
        tells_above: bool = False,
    ) -> None:
        #: what is in flight
        self.room: Final = Room(most, most_bytes)
        self._window: Final = window
        self._tells_above: Final = tells_above
        self._partitions: dict[TP, Progress] = {}
        self._changed = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """How many records are taken up and not settled."""
        return self.room.records

    def assign(self, tp: TP, start: int, committed: Settled | None, number: int = 0, above: Ranges = ()) -> None:
        """The partition is ours, and `start` is the first offset that is not settled; `above` it, these are.

        Where nothing was committed yet, the start itself is worth a commit: it was decided on. What is still in flight
        of a former assignment of the partition ends there: it settles nothing here.
        """
        self._end(tp)
        former = within(above, start, sys.maxsize) if self._tells_above else ()
        self._partitions[tp] = Progress(start, committed, number, former)
        self._changed.set()

    def cut(self, tp: TP, end: int) -> None:
        """The log of a partition is another one from this offset on, which was not taken up yet."""
        progress = self._partitions.get(tp)
        if progress is not None:
            progress.cut(end)

    def skip(self, tp: TP, start: int, end: int) -> None:
        """Kafka does not have the offsets [start, end) of a partition any more; `start` was to be fetched next."""
        progress = self._partitions.get(tp)
        if progress is not None:
            progress.skip(start, end)
            self._changed.set()

    def revoke(self, tps: Iterable[TP]) -> None:
        """The partitions went away; what is still in flight there counts no more."""
        for tp in tps:
            progress = self._end(tp)
            if progress is not None:
                progress.revoked = True
                del self._partitions[tp]
        self._changed.set()

    def _end(self, tp: TP) -> Progress | None:
        """End an assignment, if there is one: what is in flight of it may never be released."""
        progress = self._partitions.get(tp)
        if progress is not None:
            progress.is_over = True
            self.room.give_back(tp[0], progress.size, progress.in_flight)
        return progress

    def expected(self, tp: TP) -> int | None:
        """The offset that comes next, or None for a partition that is not ours."""
        progress = self._partitions.get(tp)
        return None if progress is None else progress.next

    def reached(self, tp: TP) -> int | None:
        """The offset below which all lies that was ever taken up, or None for a partition that is not ours."""
        progress = self._partitions.get(tp)
        return None if progress is None else max(progress.next, progress.reached)

    def number(self, tp: TP) -> int | None:
        """The number of the partition's assignment, or None for a partition that is not ours."""
        progress = self._partitions.get(tp)
        return None if progress is None else progress.number

    def floor(self, tp: TP) -> int | None:
        """The offset below which all is settled, or None for a partition that is not ours."""
        progress = self._partitions.get(tp)
        return None if progress is None else progress.floor

    def floors(self) -> dict[TP, int]:
        """Our partitions, each with the offset below which all is settled."""
        return {tp: progress.floor for tp, progress in self._partitions.items()}

    def start(self, tp: TP, offset: int, number: int = 0, size: int = 0) -> Ticket | None:
        """A record of so many bytes that was fetched under the assignment of this number is taken up.

        None if it was already, or was settled before, or is not ours. The caller has looked for a hole before it.
        """
        progress = self._partitions.get(tp)
        if progress is None or progress.number != number or offset < progress.next:
            return None
        if offset > progress.next:  # a hole that Kafka itself has
            progress.settle(progress.next, offset)
        progress.advance(offset + 1)
        if progress.former and progress.was_settled(offset):
            progress.settle(offset, offset + 1)
            return None
        progress.size += size
        self.room.take(tp[0], size)
        return Ticket(self, progress, tp[0], offset, size)

    def settled(self, progress: Progress, topic: str, size: int) -> None:
        """A record was settled."""
        if not progress.is_over:
            progress.size -= size
            self.room.give_back(topic, size)
        self._changed.set()

    def is_full(self, tp: TP) -> bool:
        """Whether as much is in flight as may be."""
        progress = self._partitions.get(tp)
        return progress is not None and (self.room.is_full(tp[0]) or progress.unsettled >= self._window)

    async def wait_for_room(self, tp: TP) -> None:
        """Wait until more may be taken up of the partition, or it is gone."""
        while self.is_full(tp):
            await self._next_change()

    async def drain(self, timeout: float) -> bool:
        """Wait until nothing is in flight, for at most `timeout` seconds; whether nothing is."""
        try:
            async with asyncio.timeout(timeout):
                while any(p.unsettled for p in self._partitions.values()):
                    await self._next_change()
        except TimeoutError:
            return False
        return True

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def committable(self) -> Iterator[tuple[TP, Settled]]:
        """The partitions of which more is settled than was committed, each with what is."""
        for tp, progress in self._partitions.items():
            settled = progress.settled() if self._tells_above else Settled(progress.floor)
            if settled != progress.committed:
                yield tp, settled

    def committed(self, tp: TP, settled: Settled, number: int = 0) -> None:
        """The broker has taken a commit of the assignment of this number."""
        progress = self._partitions.get(tp)
        if progress is not None and progress.number == number:
            progress.committed = settled
