"""What happens to workers, to Kafka as a whole and to endpoints; each fault ends when its damage is undone."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
import traceback
from collections.abc import Mapping

from chaos import broker_faults, change_faults, clock_faults, log_faults, network_faults, output_faults, stopping_faults
from chaos.plan import BROKERS, LOG
from chaos.scene import BEHAVIOURS
from chaos.stage import Fault, Faults, Stage

_TROUBLES: Mapping[str, Mapping[str, object]] = {
    "hang": {"hang": True},
    "reset": {"reset": True},
    "fail": {"status": 503},
}


async def disturb(stage: Stage, seconds: float) -> None:
    """Let things happen for so long; return when all is repaired."""
    end = time.monotonic() + seconds
    draw = random.Random(f"choices:{stage.plan.seed}")
    async with asyncio.TaskGroup() as group:
        for wait, kind in stage.plan.deal():
            await asyncio.sleep(min(wait, max(0.0, end - time.monotonic())))
            if time.monotonic() >= end:
                break
            # Its own dice: what one fault draws must not depend on how long another took.
            group.create_task(_happen(stage, kind, random.Random(draw.random()), end))


async def _happen(stage: Stage, kind: str, draw: random.Random, end: float) -> None:
    """Do it, unless it has to wait for others until the end (monotonic seconds)."""
    async with stage.alone if kind in ALONE else contextlib.nullcontext():
        if time.monotonic() >= end:
            return
        try:
            await ALL[kind](stage, draw)
        except Exception as error:
            # The others go on: a run that can't be judged still shows why.
            traceback.print_exc()
            stage.fleet.problems.append(f"{kind} at {time.strftime('%H:%M:%S')} could not be done or undone: {error!r}")


# --- workers


async def _kill(stage: Stage, draw: random.Random) -> None:
    await stage.kill(draw, await stage.take(draw, ends=True))


async def _kill_all(stage: Stage, draw: random.Random) -> None:
    await asyncio.gather(*(stage.kill(draw, worker) for worker in stage.take_all(ends=True)))


async def _stop(stage: Stage, draw: random.Random) -> None:
    worker = await stage.take(draw, ends=True)
    await stage.fleet.stop(worker)
    await asyncio.sleep(draw.uniform(0, 2))
    await stage.fleet.launch(worker)


async def _join(stage: Stage, _draw: random.Random) -> None:
    if stage.fleet.size < stage.plan.most_workers:
        await stage.fleet.add()


async def _leave(stage: Stage, draw: random.Random) -> None:
    if stage.fleet.size - stage.plan.lasting == 1:
        await _stop(stage, draw)
        return
    worker = await stage.take(draw, ends=True)
    stage.fleet.size -= 1
    await stage.fleet.stop(worker)


async def _pause(stage: Stage, draw: random.Random) -> None:
    worker = await stage.take(draw)
    with stage.noted("pause", worker.data_dir.name):
        worker.pause()
        await asyncio.sleep(stage.plan.session_timeout + draw.uniform(1, 5))
        worker.resume()
    stage.fleet.idle.append(worker)


# --- what they talk to


async def _pause_broker(stage: Stage, draw: random.Random) -> None:
    with stage.noted("pause broker"):
        stage.kafka.pause()
        await asyncio.sleep(draw.uniform(2, 5))
        stage.kafka.resume()


async def _kill_broker(stage: Stage, draw: random.Random) -> None:
    with stage.noted("kill broker"):
        await asyncio.to_thread(stage.kafka.kill)
        await asyncio.sleep(draw.uniform(0, 3))
        await asyncio.to_thread(stage.kafka.restart)


async def _restart_broker(stage: Stage, _draw: random.Random) -> None:
    with stage.noted("restart broker"):
        await asyncio.to_thread(stage.kafka.restart)


def _trouble(kind: str) -> Fault:
    async def trouble(stage: Stage, draw: random.Random) -> None:
        chosen = [hook for hook in stage.hooks if draw.random() < 0.3]
        with stage.noted(kind, f"{len(chosen)} endpoints"):
            stage.troubled.update(hook.id for hook in chosen)
            for hook in chosen:
                await asyncio.to_thread(stage.receiver.behave, hook.path, _TROUBLES[kind])
            await asyncio.sleep(draw.uniform(3, 8))
            for hook in chosen:
                await asyncio.to_thread(stage.receiver.behave, hook.path, BEHAVIOURS[hook.behaviour])

    return trouble


#: one of these at a time
ALONE = {
    *("pause broker", "kill broker", "restart broker", *LOG, *BROKERS),
    *("missing topic", "under min ISR", "full disk", "stop without Kafka", "stop with frozen Kafka"),
}
ALL: Faults = {
    "kill": _kill,
    "kill all": _kill_all,
    "stop": _stop,
    "join": _join,
    "leave": _leave,
    "pause": _pause,
    "pause broker": _pause_broker,
    "kill broker": _kill_broker,
    "restart broker": _restart_broker,
    **{kind: _trouble(kind) for kind in _TROUBLES},
    **log_faults.ALL,
    **broker_faults.ALL,
    **network_faults.ALL,
    **output_faults.ALL,
    **clock_faults.ALL,
    **stopping_faults.ALL,
    **change_faults.ALL,
}
