"""The task and its calls as a user of Celery writes them; a call is acknowledged after its end, as ours is."""

from __future__ import annotations

import os
from collections.abc import Iterable

from celery import Celery

from benchmarks.noting import note

app = Celery("benchmarks", broker=os.environ["BENCH_REDIS"])
app.conf.task_ignore_result = True
app.conf.broker_connection_retry_on_startup = True
app.conf.task_acks_late = True


@app.task(name="bench.plain")
def plain(number: int, made: float) -> None:
    note(number, made)


async def started() -> None:
    """Do nothing: the first call connects."""


async def call(_kind: str, calls: Iterable[tuple[int, float]], countdown: float | None) -> None:
    with app.producer_pool.acquire(block=True) as producer:
        for arguments in calls:
            plain.apply_async(arguments, countdown=countdown, producer=producer)


async def confirmed() -> None:
    """Do nothing: each call has waited for Redis."""
