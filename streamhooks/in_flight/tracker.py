"""What is in flight, partition by partition: only what is settled is committed, in order of offset.

Faust commits past a record that is still in flight (its issue #606), so its own acks are not used at all.
A record is *settled* when each call that it caused ended and each record that it caused is confirmed by the broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Final

from streamhooks.in_flight.room import Room

TP = tuple[str, int]


class Progress:
    """One partition, for the time of one assignment, which has a number."""

    __slots__ = ("_done", "_skips", "committed", "floor", "is_over", "next", "number", "records", "revoked", "size")

    def __init__(self, start: int, committed: int, number: int) -> None:
        self.number = number
        #: everything below is settled: what may be committed
        self.floor = start
        #: the offset that comes next
        self.next = start
        #: what was committed last
        self.committed = committed
        self.revoked = False
        #: another assignment holds: what is in flight of this one counts no more
        self.is_over = False
        #: what is in flight, and its bytes
        self.records = 0
        self.size = 0
        self._done: dict[int, int] = {}  # start of a settled stretch -> its end
        self._skips: dict[int, int] = {}  # start of what Kafka does not have any more -> its end

    @property
    def unsettled(self) -> int:
        """How far the next offset is ahead of the floor: the window that a crash would read again."""
        return self.next - self.floor

    def settle(self, start: int, end: int) -> None:
        """The offsets [start, end) are settled."""
        if start != self.floor:
            self._done[start] = end
            return
        done = self._done
        while end in done:
            end = done.pop(end)
        self.floor = end

    def skip(self, start: int, end: int) -> None:
        """There is nothing at the offsets [start, end), which come when all before them was taken up."""
        self._skips[start] = end
        self._skip_on()

    def advance(self, offset: int) -> None:
        """The next offset is this one, or the one behind what is skipped there."""
        self.next = offset
        if self._skips:
            self._skip_on()

    def _skip_on(self) -> None:
        while (end := self._skips.pop(self.next, self.next)) > self.next:
            self.settle(self.next, end)
            self.next = end


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
    """All partitions of this worker. `room` bounds what is in flight of all of them together."""

    def __init__(self, window: int = 200_000, room: Room | None = None) -> None:
        #: how many offsets a partition may be ahead of what is settled
        self.window: Final = window
        self.room = room or Room()
        self._partitions: dict[TP, Progress] = {}
        self._changed = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """How many records are in flight."""
        return self.room.records

    def assign(self, tp: TP, start: int, committed: int | None, number: int = 0) -> None:
        """The partition is ours, and `start` is the first offset that is not settled.

        Where nothing was committed yet, the start itself is worth a commit: it was decided on. What is still in flight
        of a former assignment of the partition ends there: it settles nothing here.
        """
        self._end(tp)
        self._partitions[tp] = Progress(start, -1 if committed is None else committed, number)
        self._changed.set()

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
        self._changed.set()

    def _end(self, tp: TP) -> Progress | None:
        """End the assignment of a partition: whether all that is in flight of it is released one day, nobody knows."""
        progress = self._partitions.pop(tp, None)
        if progress is not None:
            progress.is_over = True
            self.room.give_back(tp[0], progress.size, progress.records)
        return progress

    def expected(self, tp: TP) -> int | None:
        """The offset that comes next, or None for a partition that is not ours."""
        progress = self._partitions.get(tp)
        return None if progress is None else progress.next

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

        None if it was already, or is not ours. The caller has looked for a hole before it.
        """
        progress = self._partitions.get(tp)
        if progress is None or progress.number != number or offset < progress.next:
            return None
        if offset > progress.next:  # a hole that Kafka itself has
            progress.settle(progress.next, offset)
        progress.advance(offset + 1)
        progress.records += 1
        progress.size += size
        self.room.take(tp[0], size)
        return Ticket(self, progress, tp[0], offset, size)

    def settled(self, progress: Progress, topic: str, size: int) -> None:
        """A record was settled."""
        if not progress.is_over:
            progress.records -= 1
            progress.size -= size
            self.room.give_back(topic, size)
        self._changed.set()

    def is_full(self, tp: TP) -> bool:
        """The window of unsettled offsets of this partition is used up, or the room for all of them."""
        progress = self._partitions.get(tp)
        return progress is not None and (progress.unsettled >= self.window or self.room.is_full(tp[0]))

    async def wait_for_room(self, tp: TP) -> None:
        """Wait until there is room for another record of the partition, or the partition is gone."""
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

    def committable(self) -> Iterator[tuple[TP, int]]:
        """The partitions whose floor is above what was committed, each with its floor."""
        for tp, progress in self._partitions.items():
            if progress.floor > progress.committed:
                yield tp, progress.floor

    def committed(self, tp: TP, offset: int, number: int = 0) -> None:
        """The broker has taken a commit of the assignment of this number."""
        progress = self._partitions.get(tp)
        if progress is not None and progress.number == number and offset > progress.committed:
            progress.committed = offset
