"""When a worker is asked to end: with Kafka away or frozen, while it starts, while partitions move."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Callable

from support import Worker, eventually

from chaos.stage import Faults, Stage

#: what ends a worker; where SIGHUP is ignored, as under nohup, workers ignore it, too
_SIGNALS = [signal.SIGTERM, signal.SIGTERM, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT] + (
    [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
)


async def _stop_with(
    stage: Stage, draw: random.Random, kind: str, leave: Callable[[], None], come_back: Callable[[], None]
) -> None:
    """Stop a worker, now and then all that may be ended, while Kafka is not there."""
    taken = stage.take_all(ends=True) if draw.random() < 0.3 else [await stage.take(draw, ends=True)]
    with stage.noted(kind):
        try:
            await asyncio.to_thread(leave)
            await asyncio.sleep(draw.choice((0.0, draw.uniform(0, 8))))
            await asyncio.gather(*(stage.fleet.stop(worker, draw.choice(_SIGNALS)) for worker in taken))
        finally:
            await asyncio.to_thread(come_back)
        for worker in taken:
            await stage.fleet.launch(worker)


async def _without_kafka(stage: Stage, draw: random.Random) -> None:
    await _stop_with(stage, draw, "stop without Kafka", stage.kafka.kill, stage.kafka.restart)


async def _frozen_kafka(stage: Stage, draw: random.Random) -> None:
    await _stop_with(stage, draw, "stop with frozen Kafka", stage.kafka.pause, stage.kafka.resume)


async def _at_start(stage: Stage, draw: random.Random) -> None:
    """Stop a worker within seconds of its first line, some times over."""
    worker = await stage.take(draw, ends=True)
    with stage.noted("stop at start", worker.data_dir.name):
        await stage.fleet.stop(worker)
        for _ in range(draw.randint(1, 3)):
            await stage.fleet.start(worker)
            await asyncio.to_thread(eventually, lambda: stage.fleet.has_spoken(worker) or not worker.running)
            await asyncio.sleep(draw.choice((0.0, draw.uniform(0, 1.5), draw.uniform(0, 6))))
            await stage.fleet.stop(worker, draw.choice(_SIGNALS))
        await stage.fleet.launch(worker)


async def _in_rebalance(stage: Stage, draw: random.Random) -> None:
    """Stop a worker while partitions move, since another one comes or goes."""
    taken = [await stage.take(draw, ends=True)]
    if draw.random() < 0.5:
        taken += stage.take_all(ends=True)[:1]
    with stage.noted("stop in rebalance", " ".join(worker.data_dir.name for worker in taken)):
        if len(taken) == 1:
            await _restart(stage, taken[0])
            await asyncio.sleep(draw.uniform(1.5, 6))
            await stage.fleet.stop(taken[0], draw.choice(_SIGNALS))
        else:
            await asyncio.gather(*(_stop_soon(stage, draw, worker) for worker in taken))
        for worker in taken:
            await stage.fleet.launch(worker)


async def _restart(stage: Stage, worker: Worker) -> None:
    await stage.fleet.stop(worker)
    await stage.fleet.start(worker)


async def _stop_soon(stage: Stage, draw: random.Random, worker: Worker) -> None:
    await asyncio.sleep(draw.uniform(0, 1.5))
    await stage.fleet.stop(worker, draw.choice(_SIGNALS))


ALL: Faults = {
    "stop without Kafka": _without_kafka,
    "stop with frozen Kafka": _frozen_kafka,
    "stop at start": _at_start,
    "stop in rebalance": _in_rebalance,
}
