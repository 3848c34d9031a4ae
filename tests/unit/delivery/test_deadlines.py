"""One timer for many deadlines."""

from __future__ import annotations

import asyncio
import random

from streamhooks.delivery.deadlines import PRECISION, Deadlines


class Clock:
    """A loop whose timers fire when the time is set."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[asyncio.TimerHandle] = []
        self.armed = 0
        self._real = asyncio.get_running_loop()

    def call_later(self, delay: float, call, *arguments):  # type: ignore[no-untyped-def]
        self.armed += 1
        handle = asyncio.TimerHandle(self.now + delay, call, arguments, self._real)
        self.timers.append(handle)
        return handle

    def call_soon(self, call, *arguments) -> None:  # type: ignore[no-untyped-def]
        call(*arguments)

    def run_until(self, moment: float) -> None:
        while True:
            self.timers = [timer for timer in self.timers if not timer.cancelled()]
            due = [timer for timer in self.timers if timer.when() <= moment]
            if not due:
                break
            first = min(due, key=asyncio.TimerHandle.when)
            self.timers.remove(first)
            self.now = max(self.now, first.when())
            first._run()
        self.now = moment


class One:
    def __init__(self, clock: Clock, deadline: float) -> None:
        self.clock = clock
        self.deadline = deadline
        self.expired: list[float] = []

    def expire(self) -> None:
        self.expired.append(self.clock.now)


async def test_each_expires_once_never_early_and_soon_after() -> None:
    clock = Clock()
    deadlines = Deadlines(clock, lambda: clock.now)  # type: ignore[arg-type]
    made: list[tuple[One, bool]] = []
    chance = random.Random(7)
    for _ in range(500):
        clock.run_until(clock.now + chance.random() * 0.02)
        one = One(clock, clock.now + chance.choice([0.0, 0.03, 0.5, 1.0, 3.0]) * chance.random())
        tick = deadlines.add(one, one.deadline)
        is_gone = chance.random() < 0.5
        if is_gone:
            deadlines.discard(one, tick)
        made.append((one, is_gone))
    clock.run_until(clock.now + 10)
    for one, is_gone in made:
        assert len(one.expired) == (0 if is_gone else 1)
        assert all(one.deadline <= at <= one.deadline + 2 * PRECISION for at in one.expired)
    assert not any(not timer.cancelled() for timer in clock.timers)


async def test_many_deadlines_have_one_timer() -> None:
    clock = Clock()
    deadlines = Deadlines(clock, lambda: clock.now)  # type: ignore[arg-type]
    for number in range(1000):
        deadlines.add(One(clock, 0), 110 + number / 1000)
    assert clock.armed == 1
