"""A rate limit: so many deliveries a second, evenly (the generic cell rate algorithm)."""

from __future__ import annotations

#: how late a start may come and still keep its place in the row, in seconds: timers are late, and nothing is lost by it
LATENESS = 0.05


class Rate:
    """Hands out starts at `limit` a second; never more than `limit` and a twentieth of it in any second."""

    __slots__ = ("_interval", "_next", "limit")

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._interval = 1.0 / limit
        self._next = 0.0

    def take(self, now: float) -> float:
        """Take a start; 0 if there is one now, else how many seconds to wait."""
        if now < self._next:
            return self._next - now
        self._next = max(self._next, now - LATENESS) + self._interval
        return 0.0
