"""The deadlines of all exchanges, with one timer: a timer for each exchange costs more than all else about it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Protocol

#: how late an exchange may expire, in seconds; never early
PRECISION = 0.05
#: timers may fire a little early
_LEAST = 0.001


class Expiring(Protocol):
    """Something that has a deadline."""

    def expire(self) -> None:
        """Note that the deadline has passed. It may have been discarded just before."""


class Deadlines:
    """Tells the ones that expire. `clock` gives the seconds in which deadlines are given."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float]) -> None:
        self._loop = loop
        self._clock = clock
        # By the number of the tick at which they expire. A dict, since it keeps the order.
        self._due: dict[int, dict[Expiring, None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_tick = 0

    def add(self, one: Expiring, deadline: float) -> int:
        """Let one expire at its deadline; return the tick to give to `discard`."""
        tick = math.ceil(deadline / PRECISION)
        due = self._due.get(tick)
        if due is None:
            due = self._due[tick] = {}
            if self._timer is None or tick < self._timer_tick:
                self._wait_for(tick)
        due[one] = None
        return tick

    def discard(self, one: Expiring, tick: int) -> None:
        """Forget one that has ended."""
        due = self._due.get(tick)
        if due is not None:
            due.pop(one, None)

    def _wait_for(self, tick: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_tick = tick
        self._timer = self._loop.call_later(max(_LEAST, tick * PRECISION - self._clock()), self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        last = math.floor(self._clock() / PRECISION)
        for tick in sorted(tick for tick in self._due if tick <= last):
            for one in self._due.pop(tick):
                self._loop.call_soon(one.expire)
        # Of most ticks all have ended, and each wake-up costs more than this.
        self._due = {tick: due for tick, due in self._due.items() if due}
        if self._due:
            self._wait_for(min(self._due))
