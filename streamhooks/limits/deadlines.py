"""Times by key, of which those that are past say nothing any more."""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")

#: with so many keys it is looked for those that are past
MANY = 10_000


class Deadlines(dict[K, float]):
    """Until when something holds, in seconds; keys that never come again are forgotten in time."""

    _many = MANY

    def put(self, key: K, until: float, now: float) -> None:
        """Note until when it holds."""
        if len(self) >= self._many:
            self.forget_past(now)
            # Else each new one would look at all of them, if they are that many.
            self._many = max(MANY, 2 * len(self))
        self[key] = until

    def forget_past(self, now: float) -> None:
        """Forget what does not hold any more."""
        for key in [key for key, until in self.items() if until <= now]:
            del self[key]
