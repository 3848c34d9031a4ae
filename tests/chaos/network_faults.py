"""What happens between a worker and the brokers; its connections pass proxies."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from chaos.proxy import Wire
from chaos.stage import Fault, Faults, Stage

#: seconds for which a wire is disturbed: some shorter than a session, some longer
_SHORTEST, _LONGEST = 2.0, 12.0


def _on_wires(kind: str, disturb: Callable[[Wire, random.Random], Awaitable[None]]) -> Fault:
    """Make a fault of one wire, now and then of all."""

    async def fault(stage: Stage, draw: random.Random) -> None:
        chosen = list(stage.wires) if draw.random() < 0.25 else [draw.choice(stage.wires)]
        with stage.noted(kind, f"{len(chosen)} wires"):
            await asyncio.gather(*(disturb(wire, draw) for wire in chosen))

    return fault


async def _slow(wire: Wire, draw: random.Random) -> None:
    wire.delay = draw.uniform(0.1, 0.8)
    await _over(wire, draw)


async def _deaf(wire: Wire, draw: random.Random) -> None:
    draw.choice((wire.to_broker, wire.to_worker)).clear()
    await _over(wire, draw)


async def _silent(wire: Wire, draw: random.Random) -> None:
    wire.to_broker.clear()
    wire.to_worker.clear()
    await _over(wire, draw)


async def _over(wire: Wire, draw: random.Random) -> None:
    await asyncio.sleep(draw.uniform(_SHORTEST, _LONGEST))
    if draw.random() < 0.3:  # the connections have not outlived it
        wire.reset()
    wire.repair()


async def _reset(wire: Wire, draw: random.Random) -> None:
    for _ in range(draw.randint(1, 8)):
        wire.reset()
        await asyncio.sleep(draw.uniform(0.2, 1.5))


ALL: Faults = {
    "slow network": _on_wires("slow network", _slow),
    "deaf network": _on_wires("deaf network", _deaf),
    "silent network": _on_wires("silent network", _silent),
    "reset network": _on_wires("reset network", _reset),
}
