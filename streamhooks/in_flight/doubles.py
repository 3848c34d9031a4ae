"""Records that a producer wrote twice: the same event under other coordinates, within a window (off by default).

What is remembered is who was first. So whatever is done again for the first one, after a crash, as a retry or as a
replay, is never taken for a double. It is kept in memory by the owner of a partition: exact while the partition stays,
best effort when it moves.
"""

from __future__ import annotations

from collections.abc import Callable


class Doubles:
    """Remembers the first record of each key for `window` to twice `window` seconds; 0 remembers nothing."""

    def __init__(self, window: float, clock: Callable[[], float]) -> None:
        self._window = window
        self._clock = clock
        self._turned = clock()
        self._young: dict[tuple[str, ...], str] = {}
        self._old: dict[tuple[str, ...], str] = {}

    def is_double(self, source_id: str, *key: str) -> bool:
        """Whether another record had this key before; `source_id` tells which record asks."""
        if not self._window:
            return False
        now = self._clock()
        if now - self._turned > self._window:
            self._old = self._young if now - self._turned <= 2 * self._window else {}
            self._young, self._turned = {}, now
        first = self._young.get(key) or self._old.get(key)
        if first is None:
            self._young[key] = source_id
        return first is not None and first != source_id
