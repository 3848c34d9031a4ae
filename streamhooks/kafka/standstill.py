"""Partitions that stand still although they have more records: whatever the cause, a new client takes over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from streamhooks.kafka.reader import TP
from streamhooks.times import steady

#: polling interval, and how long a partition may stand still, both in seconds
LOOK, LONGEST = 10.0, 30.0


class StandsStill(Exception):
    """A partition has records that its client does not read."""


class Standstill:
    """Compares the offsets reached with the ends of partitions. `ends` asks the brokers, and may raise TimeoutError."""

    def __init__(self, ends: Callable[[Iterable[TP]], Mapping[TP, int]], clock: Callable[[], float] = steady) -> None:
        self._ends = ends
        self._clock = clock
        self._looked = clock()
        self._still: dict[TP, tuple[int, float]] = {}  # the offset, and since when (steady seconds)

    def look(self, reached: Mapping[TP, int]) -> None:
        """Check that each partition with more records moves on from the offset reached.

        Raises:
            StandsStill: one has not moved for `LONGEST` seconds.

        """
        now = self._clock()
        if now - self._looked < LOOK or not reached:
            return
        self._looked = now
        try:
            ends = self._ends(reached)
        except TimeoutError:
            self._still.clear()  # nothing can be read while Kafka is away
            return
        before, self._still = self._still, {}
        for tp, offset in reached.items():
            if ends.get(tp, 0) <= offset:
                continue
            stands, since = before.get(tp, (offset, now))
            if stands == offset and now - since >= LONGEST:
                raise StandsStill(f"{tp[0]}:{tp[1]} stands still at offset {offset}, and ends at {ends[tp]}")
            self._still[tp] = (offset, since if stands == offset else now)
