"""What a worker's clock does: it jumps, goes on from there, and some seconds later is right again."""

from __future__ import annotations

import asyncio
import random

from chaos.stage import Fault, Faults, Stage

#: how far a clock jumps, in seconds; Kafka refuses timestamps that are more than an hour ahead
_JUMPS = (20.0, 600.0, 3600.0, 3600.0, 7200.0)


def _jump(kind: str, sign: int) -> Fault:
    """Make a fault of one worker's clock, now and then of all."""

    async def fault(stage: Stage, draw: random.Random) -> None:
        seconds = sign * draw.choice(_JUMPS)
        names = sorted(stage.fleet.clocks)
        chosen = names if draw.random() < 0.25 else [draw.choice(names)]
        with stage.noted(kind, f"{seconds:+.0f} s {' '.join(chosen)}"):
            stage.shifts.add(seconds)
            for name in chosen:
                stage.fleet.clocks[name].shift(seconds)
            await asyncio.sleep(draw.uniform(4, 25))
            for name in chosen:
                stage.fleet.clocks[name].shift(0.0)

    return fault


ALL: Faults = {"clock ahead": _jump("clock ahead", 1), "clock back": _jump("clock back", -1)}
