"""Records that a producer wrote twice: the same event at other coordinates, within a window (off by default).

The first record is remembered. So what is repeated for that one, after a crash, as a retry or as a replay, never
counts as a duplicate. The owner of a partition keeps this in memory: it is exact while the partition stays, and best
effort when it moves.
"""

from __future__ import annotations

from collections.abc import Callable

from streamhooks.times import steady

#: at least this many keys are remembered before the oldest are forgotten
MOST = 500_000


class Duplicates:
    """Remembers the first record of each key for `window` to twice `window` seconds; 0 remembers nothing.

    With very many keys the time is shorter: the last `MOST` to twice as many are remembered.
    """

    def __init__(self, window: float, clock: Callable[[], float] = steady) -> None:
        self._window = window
        self.are_sought = window > 0
        self._clock = clock
        self._turned = clock()
        self._young: dict[int, str] = {}
        self._old: dict[int, str] = {}

    def is_duplicate(self, source_id: str, *key: str) -> bool:
        """Tell whether another record had this key before; `source_id` identifies this record."""
        if not self._window:
            return False
        now = self._clock()
        if now - self._turned > self._window or len(self._young) >= MOST:
            self._old = self._young if now - self._turned <= 2 * self._window else {}
            self._young, self._turned = {}, now
        place = hash(key)  # a key may be of any length
        first = self._young.get(place) or self._old.get(place)
        if first is None:
            self._young[place] = source_id
        return first is not None and first != source_id
