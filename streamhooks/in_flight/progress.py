"""How far one partition is settled, for the time of one assignment."""

from __future__ import annotations

import sys
from collections import deque
from typing import NamedTuple

from streamhooks.in_flight.ranges import Ranges, joined, within


class Settled(NamedTuple):
    """What of a partition is settled."""

    floor: int
    """All offsets below it are."""
    above: Ranges = ()
    """Those above it that are; empty if they are not told."""


class Progress:
    """One partition, for the time of one assignment, which has a number."""

    __slots__ = (
        "_done",
        "_skips",
        "committed",
        "floor",
        "former",
        "is_over",
        "next",
        "number",
        "reached",
        "revoked",
        "size",
    )

    def __init__(self, start: int, committed: Settled | None, number: int, former: Ranges) -> None:
        self.number = number
        #: everything below is settled: what may be committed
        self.floor = start
        #: the offset that comes next
        self.next = start
        #: what was committed last
        self.committed = committed
        #: whether the partition has another assignment, or none
        self.is_over = False
        self.revoked = False
        #: bytes of what is in flight
        self.size = 0
        #: all that was ever taken up lies below, by a former owner too
        self.reached = former[-1][1] if former else start
        self._done: dict[int, int] = {}  # start of a settled range -> its end
        self._skips: dict[int, int] = {}  # start of what Kafka does not have any more -> its end
        #: what was settled before the assignment, and comes again
        self.former = deque(former)

    @property
    def unsettled(self) -> int:
        """How far the next offset is ahead of the floor: the window that a crash would read again."""
        return self.next - self.floor

    @property
    def in_flight(self) -> int:
        """How many records are taken up and not settled."""
        return self.unsettled - sum(end - start for start, end in self._done.items())

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

    def was_settled(self, offset: int) -> bool:
        """Whether this offset, which comes now, was settled before the assignment."""
        former = self.former
        while former and former[0][1] <= offset:
            former.popleft()
        return bool(former) and former[0][0] <= offset

    def cut(self, end: int) -> None:
        """What was settled at or above this offset before the assignment was another log."""
        self.former = deque(within(self.former, 0, end))
        self.reached = min(self.reached, end)

    def settled(self) -> Settled:
        """What is settled."""
        done = joined(self._done)
        self._done = dict(done)  # as few ranges as there are records in flight, at most
        if self.former:
            done = joined(self._done | dict(within(self.former, self.next, sys.maxsize)))
        return Settled(self.floor, done)

    def _skip_on(self) -> None:
        while (end := self._skips.pop(self.next, self.next)) > self.next:
            self.settle(self.next, end)
            self.next = end
