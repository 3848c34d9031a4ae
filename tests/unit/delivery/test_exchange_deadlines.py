"""One timer for many deadlines."""

from __future__ import annotations

import random
from typing import Any, cast

from clocks import SetLoop

from streamhooks.delivery.deadlines import PRECISION, Deadlines


class One:
    def __init__(self, loop: SetLoop, deadline: float) -> None:
        self.loop = loop
        self.deadline = deadline
        self.expired: list[float] = []

    def expire(self) -> None:
        self.expired.append(self.loop.now)


async def test_each_expires_once_never_early_and_soon_after() -> None:
    loop = SetLoop()
    deadlines = Deadlines(cast("Any", loop), loop.time)
    made: list[tuple[One, bool]] = []
    chance = random.Random(7)
    for _ in range(500):
        loop.run_until(loop.now + chance.random() * 0.02)
        one = One(loop, loop.now + chance.choice([0.0, 0.03, 0.5, 1.0, 3.0]) * chance.random())
        tick = deadlines.add(one, one.deadline)
        is_gone = chance.random() < 0.5
        if is_gone:
            deadlines.discard(one, tick)
        made.append((one, is_gone))
    loop.run_until(loop.now + 10)
    for one, is_gone in made:
        assert len(one.expired) == (0 if is_gone else 1)
        assert all(one.deadline <= at <= one.deadline + 2 * PRECISION for at in one.expired)
    assert loop.waiting == 0


async def test_many_deadlines_have_one_timer() -> None:
    loop = SetLoop()
    deadlines = Deadlines(cast("Any", loop), loop.time)
    for number in range(1000):
        deadlines.add(One(loop, 0), 110 + number / 1000)
    assert loop.armed == 1


async def test_deadlines_whose_ones_have_all_ended_wake_nobody() -> None:
    loop = SetLoop()
    deadlines = Deadlines(cast("Any", loop), loop.time)
    for _ in range(2000):
        loop.run_until(loop.now + 0.01)
        one = One(loop, loop.now + 10)
        deadlines.discard(one, deadlines.add(one, one.deadline))
    # One timer for each ten seconds, and not for each tick of a deadline.
    assert loop.armed <= 3
