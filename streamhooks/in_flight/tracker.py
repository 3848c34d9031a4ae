"""Records in flight per partition: only settled offsets are committed.

Faust commits past a record that is still in flight (its issue #606), so its own acks are not used at all.
A record is *settled* when each call that it caused has ended and each record that it caused is confirmed by the broker.
Offsets settled above an unsettled one are stored with the commit, so that nobody takes them up again.

Why: docs/decisions/0012-at-least-once.md.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from streamhooks.in_flight.progress import Progress, Settled
from streamhooks.in_flight.ranges import Ranges, within
from streamhooks.in_flight.room import Room

TP = tuple[str, int]


# Without garbage collection: what it refers to lives as long as the worker, or refers to nothing.
class Ticket(Struct, eq=False, gc=False):
    """A record in flight, or a run of them. It is settled when it was released as often as it was held."""

    _tracker: Tracker
    _progress: Progress
    _topic: str
    _start: int
    _end: int
    _size: int
    _holds: int = 1

    @property
    def is_void(self) -> bool:
        """Tell whether the partition was revoked: what has not started must not start."""
        return self._progress.revoked

    def hold(self) -> None:
        """Require one more release before the record is settled."""
        self._holds += 1

    def release(self) -> None:
        """Note that one thing the record waited for has ended."""
        self._holds -= 1
        if self._holds == 0:
            self._progress.settle(self._start, self._end)
            self._tracker.settled(self._progress, self._topic, self._size, self._end - self._start)


class Tracker:
    """All partitions of this worker.

    At most `most` records and `most_bytes` bytes are in flight (see `Room`), and the next offset of a partition is at
    most `window` ahead of its floor. With `commits_above`, offsets settled above the floors are committed as well.
    """

    def __init__(
        self,
        *,
        most: int = sys.maxsize,
        most_bytes: int = sys.maxsize,
        window: int = sys.maxsize,
        commits_above: bool = False,
    ) -> None:
        #: records in flight
        self.room: Final = Room(most, most_bytes)
        self._window: Final = window
        self._commits_above: Final = commits_above
        self._partitions: dict[TP, Progress] = {}
        self._changed = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Return the number of records taken up and not settled."""
        return self.room.records

    def assign(self, tp: TP, start: int, committed: Settled | None, number: int = 0, above: Ranges = ()) -> None:
        """Begin an assignment: `start` is the first unsettled offset, and `above` are settled ranges after it.

        If nothing was committed yet, the start itself is committed, since it was decided on. Records in flight of a
        previous assignment of the partition settle nothing here.
        """
        self._end(tp)
        previous = within(above, start, sys.maxsize) if self._commits_above else ()
        self._partitions[tp] = Progress(start, committed, number, previous)
        self._changed.set()

    def cut(self, tp: TP, end: int) -> None:
        """Note that from this offset on, which was not taken up yet, the partition has another log."""
        progress = self._partitions.get(tp)
        if progress is not None:
            progress.cut(end)

    def skip(self, tp: TP, start: int, end: int) -> None:
        """Skip the offsets [start, end), which Kafka no longer has; `start` was to be fetched next."""
        progress = self._partitions.get(tp)
        if progress is not None:
            progress.skip(start, end)
            self._changed.set()

    def revoke(self, tps: Iterable[TP]) -> None:
        """End the assignments of these partitions; what is still in flight there no longer counts."""
        for tp in tps:
            progress = self._end(tp)
            if progress is not None:
                progress.revoked = True
                del self._partitions[tp]
        self._changed.set()

    def _end(self, tp: TP) -> Progress | None:
        """End an assignment, if there is one; its records in flight may never be released."""
        progress = self._partitions.get(tp)
        if progress is not None:
            progress.is_over = True
            self.room.give_back(tp[0], progress.size, progress.in_flight)
        return progress

    def expected(self, tp: TP) -> int | None:
        """Return the next offset, or None for a partition that is not ours."""
        progress = self._partitions.get(tp)
        return None if progress is None else progress.next

    def next_of(self, tp: TP, number: int) -> int | None:
        """Return the next offset of the assignment with this number, or None if it is over."""
        progress = self._partitions.get(tp)
        return None if progress is None or progress.number != number else progress.next

    def reached(self, tp: TP) -> int | None:
        """Return the offset below which everything ever taken up is, or None for a partition that is not ours."""
        progress = self._partitions.get(tp)
        return None if progress is None else max(progress.next, progress.reached)

    def number(self, tp: TP) -> int | None:
        """Return the number of the partition's assignment, or None for a partition that is not ours."""
        progress = self._partitions.get(tp)
        return None if progress is None else progress.number

    def floor(self, tp: TP) -> int | None:
        """Return the offset below which everything is settled, or None for a partition that is not ours."""
        progress = self._partitions.get(tp)
        return None if progress is None else progress.floor

    def floors(self) -> dict[TP, int]:
        """Return our partitions, each with the offset below which everything is settled."""
        return {tp: progress.floor for tp, progress in self._partitions.items()}

    def start(self, tp: TP, offset: int, number: int = 0, size: int = 0) -> Ticket | None:
        """Take up a record of `size` bytes that was fetched under the assignment with this number; return its ticket.

        Return None if it was already taken up or settled, or is not ours. The caller has checked the gap before it.
        """
        progress = self._partitions.get(tp)
        if progress is None or progress.number != number or offset < progress.next:
            return None
        if offset > progress.next:  # a gap in Kafka's own log
            progress.settle(progress.next, offset)
        progress.advance(offset + 1)
        if progress.previous and progress.was_settled(offset):
            progress.settle(offset, offset + 1)
            return None
        progress.size += size
        self.room.take(tp[0], size)
        return Ticket(self, progress, tp[0], offset, offset + 1, size)

    def start_run(self, tp: TP, start: int, end: int, number: int = 0) -> Ticket | None:
        """Take up the records [start, end), without a gap among them, as one: return their ticket.

        All else is as for `start`. For a tracker that does not commit above the floors.
        """
        progress = self._partitions.get(tp)
        if progress is None or progress.number != number or start < progress.next:
            return None
        if start > progress.next:
            progress.settle(progress.next, start)
        progress.advance(end)
        self.room.take(tp[0], 0, end - start)
        return Ticket(self, progress, tp[0], start, end, 0)

    def settled(self, progress: Progress, topic: str, size: int, records: int) -> None:
        """Give back the room of settled records; `size` is their total in bytes."""
        if not progress.is_over:
            progress.size -= size
            self.room.give_back(topic, size, records)
        self._changed.set()

    def is_full(self, tp: TP) -> bool:
        """Tell whether the partition may take up no more records now."""
        progress = self._partitions.get(tp)
        if progress is None:
            return False
        return self.room.is_full(tp[0]) or progress.next - progress.floor >= self._window

    async def wait_for_room(self, tp: TP) -> None:
        """Wait until the partition may take up more records, or is revoked."""
        while self.is_full(tp):
            await self._next_change()

    async def drain(self, timeout: float) -> bool:
        """Wait until nothing is in flight, for at most `timeout` seconds; return whether that was reached."""
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
        """Give the partitions with more settled than committed, each with what is settled."""
        for tp, progress in self._partitions.items():
            if not progress.may_have_news:
                continue
            settled = progress.settled() if self._commits_above else Settled(progress.floor)
            if settled != progress.committed:
                yield tp, settled

    def committed(self, tp: TP, settled: Settled, number: int = 0) -> None:
        """Note a commit that the broker has confirmed, of the assignment with this number."""
        progress = self._partitions.get(tp)
        if progress is not None and progress.number == number:
            progress.committed = settled
