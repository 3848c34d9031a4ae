"""Hooks are disabled and enabled again, in a storm, through all workers, with every `resume`."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
from support import Api

from chaos.answers import Told
from chaos.changing import call, client
from chaos.fleet import Fleet
from chaos.scene import Hook
from chaos.toggles import Toggle

#: seconds in which some worker must take a change: more than all faults together last
_TAKEN = 400.0


async def toggle(fleet: Fleet, hooks: Iterable[Hook], seconds: float, draw: random.Random, done: list[Toggle]) -> None:
    """Disable and enable these hooks for this time, each at its own pace, and add to `done` what was done.

    In the end all are enabled.
    """
    end = time.monotonic() + seconds
    async with client() as session, asyncio.TaskGroup() as group:
        for hook in hooks:
            group.create_task(_toggle(session, fleet, hook, end, random.Random(draw.random()), done))


async def _toggle(
    session: aiohttp.ClientSession, fleet: Fleet, hook: Hook, end: float, draw: random.Random, done: list[Toggle]
) -> None:
    while time.monotonic() < end:
        disabling = (await _put(session, fleet, hook, draw, {"status": "disabled"})).time
        # Sometimes at once: records are passed over while a decision is made.
        await asyncio.sleep(draw.choice((0.0, 0.0, draw.uniform(0, 1), draw.uniform(0, 5))))
        cutoff, resume = 0.0, str(hook.resume)
        if hook.resume == "time":
            cutoff = round(draw.uniform(disabling[0], time.time()), 3)
            resume = datetime.fromtimestamp(cutoff, UTC).isoformat()
        enabled = await _put(session, fleet, hook, draw, {"status": "active", "resume": resume})
        cutoff = enabled.time[1] if hook.resume == "skip" else cutoff
        told = Told.of(enabled.body["missed"], fleet.prefix)
        done.append(Toggle(hook.id, disabling, enabled.time, cutoff, told, enabled.is_repeated))
        await asyncio.sleep(draw.choice((0.0, draw.uniform(0, 1), draw.uniform(0, 5))))


@dataclass(frozen=True)
class _Done:
    """A change that some worker has made."""

    time: tuple[float, float]
    """From when it was asked for to when it was answered, epoch seconds."""
    body: Any
    is_repeated: bool
    """It may have been made before, by a call whose answer did not arrive."""


async def _put(session: aiohttp.ClientSession, fleet: Fleet, hook: Hook, draw: random.Random, body: object) -> _Done:
    """Ask until some worker has done it."""
    begun, refused, is_repeated = time.time(), None, False
    while time.time() < begun + _TAKEN:
        if running := [worker for worker in fleet.all if worker.running]:
            came = await call(session, draw.choice(running), "PUT", f"/api/hooks/{hook.id}", body)
            if came is not None and came.status == 200:
                return _Done((begun, time.time()), came.body, is_repeated)
            is_repeated |= came is not None and (came.status is None or came.maybe)
            refused = came or refused
        await asyncio.sleep(0.2)
    raise AssertionError(f"no worker takes {body} for {hook.id}: {refused}")


def left_to_send(api: Api, hooks: Iterable[Hook]) -> str:
    """Return which of the hooks have still to get what they missed, or an empty text."""
    for hook in hooks:
        answer = api.get(f"/api/hooks/{hook.id}/missed")
        if answer.status != 200:
            return f"{hook.id} does not say what it missed: {answer.status}"
        if answer.json["stretches"]:
            return f"{hook.id} has still to get what it missed: {answer.json['stretches'][:2]}"
    return ""
