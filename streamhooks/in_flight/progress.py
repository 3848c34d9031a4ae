"""How far one partition is settled during one assignment."""

from __future__ import annotations

import sys
from collections import deque
from typing import NamedTuple

from streamhooks.in_flight.ranges import Ranges, joined, within


class Settled(NamedTuple):
    """The settled offsets of a partition."""

    floor: int
    """All offsets below it are settled."""
    above: Ranges = ()
    """The settled ranges above the floor; empty if they are not committed."""


class Progress:
    """One partition during one assignment, identified by a number."""

    __slots__ = (
        "_done",
        "_skips",
        "committed",
        "floor",
        "is_over",
        "next",
        "number",
        "previous",
        "reached",
        "revoked",
        "size",
    )

    def __init__(self, start: int, committed: Settled | None, number: int, previous: Ranges) -> None:
        self.number = number
        #: everything below is settled: the offset to commit
        self.floor = start
        #: the next offset to be taken up
        self.next = start
        #: the last commit
        self.committed = committed
        #: the partition has a newer assignment, or none
        self.is_over = False
        self.revoked = False
        #: bytes of the records in flight
        self.size = 0
        #: everything ever taken up is below, by previous owners too
        self.reached = previous[-1][1] if previous else start
        self._done: dict[int, int] = {}  # settled ranges above the floor: start -> end
        self._skips: dict[int, int] = {}  # ranges that Kafka no longer has: start -> end
        #: settled before this assignment; these records arrive again
        self.previous = deque(previous)

    @property
    def unsettled(self) -> int:
        """Return the distance from the floor to the next offset: what a crash would read again."""
        return self.next - self.floor

    @property
    def in_flight(self) -> int:
        """Return the number of records taken up and not settled."""
        return self.unsettled - sum(end - start for start, end in self._done.items())

    @property
    def may_have_news(self) -> bool:
        """Tell whether `settled` may be something else than what was committed, without making it."""
        return bool(self._done or self.previous) or self.committed != (self.floor, ())

    def settle(self, start: int, end: int) -> None:
        """Mark the offsets [start, end) as settled."""
        if start != self.floor:
            self._done[start] = end
            return
        done = self._done
        while end in done:
            end = done.pop(end)
        self.floor = end

    def skip(self, start: int, end: int) -> None:
        """Skip the offsets [start, end), which hold nothing, once everything before them is taken up."""
        self._skips[start] = end
        self._skip_on()

    def advance(self, offset: int) -> None:
        """Make this the next offset, or the one after a skipped range that starts here."""
        self.next = offset
        if self._skips:
            self._skip_on()

    def was_settled(self, offset: int) -> bool:
        """Tell whether this offset was settled before the assignment. Offsets must ascend from call to call."""
        previous = self.previous
        while previous and previous[0][1] <= offset:
            previous.popleft()
        return bool(previous) and previous[0][0] <= offset

    def cut(self, end: int) -> None:
        """Forget what was settled at or above this offset before the assignment: it belonged to another log."""
        self.previous = deque(within(self.previous, 0, end))
        self.reached = min(self.reached, end)

    def settled(self) -> Settled:
        """Return what is settled."""
        done = joined(self._done)
        self._done = dict(done)  # at most one range per record in flight
        if self.previous:
            done = joined(self._done | dict(within(self.previous, self.next, sys.maxsize)))
        return Settled(self.floor, done)

    def _skip_on(self) -> None:
        while (end := self._skips.pop(self.next, self.next)) > self.next:
            self.settle(self.next, end)
            self.next = end
