"""Deadlines by key; expired ones have no effect."""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")

#: above this many keys, expired ones are removed
MANY = 10_000


class Deadlines(dict[K, float]):
    """Until when something holds, in seconds. Keys that are not used again are removed eventually."""

    _many = MANY

    def put(self, key: K, until: float, now: float) -> None:
        """Set until when it holds."""
        if len(self) >= self._many:
            self.forget_past(now)
            # Else each new key would check all of them, if that many have not expired.
            self._many = max(MANY, 2 * len(self))
        self[key] = until

    def forget_past(self, now: float) -> None:
        """Remove the expired keys."""
        for key in [key for key, until in self.items() if until <= now]:
            del self[key]
