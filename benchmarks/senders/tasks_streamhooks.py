"""Tasks and calls as a user of streamhooks writes them: a plain function, and a coroutine function."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import streamhooks
from benchmarks.noting import note
from streamhooks import instrumented_task


@instrumented_task(name="bench.plain")
def plain(number: int, made: float) -> None:
    note(number, made)


@instrumented_task(name="bench.coroutine")
async def coroutine(number: int, made: float) -> None:
    note(number, made)


TASKS = {"def": plain, "async def": coroutine}


async def started() -> None:
    """Do nothing: the first call connects."""


async def call(kind: str, calls: Iterable[tuple[int, float]], countdown: float | None) -> None:
    task = TASKS[kind]
    for arguments in calls:
        task.apply_async(arguments, countdown=countdown)


async def confirmed() -> None:
    await asyncio.to_thread(streamhooks.flush, 60)
