"""A rate limit: deliveries per second, evenly spaced (the generic cell rate algorithm)."""

from __future__ import annotations

#: how late a start may come without delaying the next ones, in seconds: timers are late, and no start is lost
LATENESS = 0.05


class Rate:
    """Hands out `limit` starts per second; never more than `limit` plus a twentieth of it in any second."""

    __slots__ = ("_interval", "_next", "limit")

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._interval = 1.0 / limit
        self._next = 0.0

    def take(self, now: float) -> float:
        """Take a start; return 0 if there is one now, else how many seconds to wait."""
        if now < self._next:
            return self._next - now
        self._next = max(self._next, now - LATENESS) + self._interval
        return 0.0
