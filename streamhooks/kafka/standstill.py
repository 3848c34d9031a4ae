"""A partition that is not read on although it has more: whatever the cause, a new client reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from streamhooks.kafka.reader import TP
from streamhooks.times import steady

#: how often is looked, and how long a partition may stand still, in seconds
LOOK, LONGEST = 10.0, 30.0


class StandsStill(Exception):
    """A partition has records that are not read."""


class Standstill:
    """Compares what was reached with where partitions end. `ends` asks the brokers, and raises TimeoutError."""

    def __init__(self, ends: Callable[[Iterable[TP]], Mapping[TP, int]], clock: Callable[[], float] = steady) -> None:
        self._ends = ends
        self._clock = clock
        self._looked = clock()
        self._still: dict[TP, tuple[int, float]] = {}  # where it stands, and since when

    def look(self, reached: Mapping[TP, int]) -> None:
        """See whether each partition goes on from the offset that was reached.

        Raises:
            StandsStill: one has not for `LONGEST`, and has more.

        """
        now = self._clock()
        if now - self._looked < LOOK or not reached:
            return
        self._looked = now
        try:
            ends = self._ends(reached)
        except TimeoutError:
            self._still.clear()  # then nobody reads on
            return
        before, self._still = self._still, {}
        for tp, offset in reached.items():
            if ends.get(tp, 0) <= offset:
                continue
            stands, since = before.get(tp, (offset, now))
            if stands == offset and now - since >= LONGEST:
                raise StandsStill(f"{tp[0]}:{tp[1]} was not read on from offset {offset}, and ends at {ends[tp]}")
            self._still[tp] = (offset, since if stands == offset else now)
