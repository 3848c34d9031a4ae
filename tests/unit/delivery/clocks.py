"""A loop whose time is set, for what has timers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class SetLoop:
    """Runs timers when the time is set to theirs. `armed` counts the timers that were set."""

    def __init__(self) -> None:
        self.now = 100.0
        self.armed = 0
        self._timers: list[asyncio.TimerHandle] = []
        self._real = asyncio.get_running_loop()

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[..., Any], *arguments: Any) -> asyncio.TimerHandle:
        self.armed += 1
        handle = asyncio.TimerHandle(self.now + delay, call, arguments, self._real)
        self._timers.append(handle)
        return handle

    def call_soon(self, call: Callable[..., Any], *arguments: Any) -> None:
        call(*arguments)

    @property
    def waiting(self) -> int:
        return sum(not timer.cancelled() for timer in self._timers)

    def run_until(self, moment: float) -> None:
        while due := [timer for timer in self._timers if not timer.cancelled() and timer.when() <= moment]:
            first = min(due, key=asyncio.TimerHandle.when)
            self._timers.remove(first)
            self.now = max(self.now, first.when())
            first._run()
        self.now = moment
