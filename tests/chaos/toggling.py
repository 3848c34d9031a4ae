"""Hooks are disabled and enabled again, in a storm, through all workers, with every `resume`."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable
from datetime import UTC, datetime

import aiohttp
from support import Api

from chaos.changing import call, client
from chaos.fleet import Fleet
from chaos.scene import Hook
from chaos.toggles import Toggle

#: seconds in which some worker must take a change, whatever happens
_TAKEN = 120.0


async def toggle(fleet: Fleet, hooks: Iterable[Hook], seconds: float, draw: random.Random) -> list[Toggle]:
    """Disable and enable these hooks for so long, each at its own pace; in the end all are enabled."""
    end = time.monotonic() + seconds
    async with client() as session, asyncio.TaskGroup() as group:
        tasks = [group.create_task(_toggle(session, fleet, hook, end, random.Random(draw.random()))) for hook in hooks]
    return [one for task in tasks for one in task.result()]


async def _toggle(
    session: aiohttp.ClientSession, fleet: Fleet, hook: Hook, end: float, draw: random.Random
) -> list[Toggle]:
    found = []
    while time.monotonic() < end:
        disabling = await _put(session, fleet, hook, draw, {"status": "disabled"})
        # At once, too: what was missed is noted while somebody decides about it.
        await asyncio.sleep(draw.choice((0.0, 0.0, draw.uniform(0, 1), draw.uniform(0, 5))))
        cutoff, resume = 0.0, str(hook.resume)
        if hook.resume == "time":
            cutoff = round(draw.uniform(disabling[0], time.time()), 3)
            resume = datetime.fromtimestamp(cutoff, UTC).isoformat()
        enabling = await _put(session, fleet, hook, draw, {"status": "active", "resume": resume})
        found.append(Toggle(hook.id, disabling, enabling, enabling[1] if hook.resume == "skip" else cutoff))
        await asyncio.sleep(draw.choice((0.0, draw.uniform(0, 1), draw.uniform(0, 5))))
    return found


async def _put(
    session: aiohttp.ClientSession, fleet: Fleet, hook: Hook, draw: random.Random, body: object
) -> tuple[float, float]:
    """Ask until some worker has done it; return from when to when that was, in epoch seconds."""
    begun, refused = time.time(), None
    while time.time() < begun + _TAKEN:
        if running := [worker for worker in fleet.all if worker.running]:
            came = await call(session, draw.choice(running), "PUT", f"/api/hooks/{hook.id}", body)
            if came is not None and came.status == 200:
                return begun, time.time()
            refused = came or refused
        await asyncio.sleep(0.2)
    raise AssertionError(f"no worker takes {body} for {hook.id}: {refused}")


def left_to_send(api: Api, hooks: Iterable[Hook]) -> str:
    """Return which of the hooks have still to get what they missed, or an empty text."""
    for hook in hooks:
        answer = api.get(f"/api/hooks/{hook.id}/missed")
        if answer.status != 200:
            return f"{hook.id} does not tell what it missed: {answer.status}"
        if answer.json["stretches"]:
            return f"{hook.id} has still to get what it missed: {answer.json['stretches'][:2]}"
    return ""
