"""The task and its calls as a user of taskiq writes them; of a stream, so that a call is acknowledged after its end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice

from taskiq_redis import ListRedisScheduleSource, RedisStreamBroker

from benchmarks.noting import note

# Without a timeout for Redis: its 5 s pass while the worker is paused. Then the worker drops the answer that waits for
# it, and ends; Redis would hand out the call of that answer again only after 10 minutes.
broker = RedisStreamBroker(os.environ["BENCH_REDIS"], socket_timeout=None)
#: pending calls: a scheduler, a process of its own, would send them when they are due
schedules = ListRedisScheduleSource(os.environ["BENCH_REDIS"])
#: calls at once, so that they don't wait for Redis one after the other
_AT_ONCE = 100


@broker.task(task_name="bench.coroutine")
async def coroutine(number: int, made: float) -> None:
    note(number, made)


async def started() -> None:
    await broker.startup()
    await schedules.startup()


async def call(_kind: str, calls: Iterable[tuple[int, float]], countdown: float | None) -> None:
    left = iter(calls)
    while some := list(islice(left, _AT_ONCE)):
        await asyncio.gather(*(_call(arguments, countdown) for arguments in some))


async def _call(arguments: tuple[int, float], countdown: float | None) -> None:
    if countdown is None:
        await coroutine.kiq(*arguments)
    else:
        due = datetime.now(UTC) + timedelta(seconds=countdown)
        await coroutine.schedule_by_time(schedules, due, *arguments)


async def confirmed() -> None:
    """Do nothing: each call has waited for Redis."""
