"""When Python looks for garbage, in a process that may hold a million hooks or pending calls."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from typing import Final

from streamhooks.times import steady

#: how many more objects than before start a look at the youngest, how many of these looks one at the next generation,
#: and how many of those one at all
THRESHOLDS: Final = (2_000, 10, 40)
#: a look at all that takes longer is not repeated for what it has seen, in seconds
LONG: Final = 0.02


class Leaving:
    """Leaves alone what has survived a long look at all objects: it stays, so later looks need not visit it again.

    Otherwise a worker with a million pending calls would stop for half a second each time.
    """

    def __init__(self, clock: Callable[[], float] = steady, freeze: Callable[[], None] = gc.freeze) -> None:
        self._clock = clock
        self._freeze = freeze
        self._began = 0.0

    def __call__(self, phase: str, info: Mapping[str, int]) -> None:
        """Take note of a look; `phase` and `info` are those of `gc.callbacks`."""
        if info["generation"] < 2:
            return
        if phase == "start":
            self._began = self._clock()
        elif self._clock() - self._began > LONG:
            self._freeze()


def collect_rarely() -> None:
    """Let Python look for garbage seldom and briefly.

    By default it looks whenever 700 more objects exist: with a thousand deliveries in flight, it would never stop doing
    so. Few objects refer to each other in a circle, and they are still found. With 2,000, a look at the youngest takes
    a third of a millisecond (10 ms with 20,000). The next generation is looked at before it has many objects.
    """
    gc.set_threshold(*THRESHOLDS)
    if not any(isinstance(one, Leaving) for one in gc.callbacks):
        gc.callbacks.append(Leaving())
