"""How long a run may take: its time limit ends it as a failure, and one without a limit is told of when it is long."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from streamhooks.masking import shown
from streamhooks.metrics import LONG_RUNS, OVER_TIME_LIMIT
from streamhooks.tasks import context
from streamhooks.tasks.threads import in_thread

log = logging.getLogger(__name__)

#: a run without a time limit that takes this long is told of, in seconds
LONG = 600.0


class TimeLimitExceeded(TimeoutError):
    """How a run fails that takes longer than the `time_limit` of its task, in seconds."""


async def run_function(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    task: str,
    is_async: bool,
    limit: float | None,
) -> Any:
    """Call the function of a task, a plain one in a thread; await what it returns, if that can be awaited.

    After `limit` seconds, a coroutine is cancelled, and waited for if it goes on all the same. A thread can't be ended:
    its end is waited for. So a run keeps its place as long as it takes, and its retry begins only then.

    Raises:
        TimeLimitExceeded: it was over its limit, whatever came of it.
        TypeError: it returned a generator, so its body never ran.

    """
    allowed = _Allowed(task, limit)
    with allowed.told():
        if is_async:
            return await allowed.cancelled_after(function(*args, **kwargs))
        result = await allowed.outlasted(in_thread(function, *args, **kwargs))
        if inspect.isgenerator(result) or inspect.isasyncgen(result):
            raise TypeError("the function returned a generator: nobody iterates it, so its body did not run")
        # Such as a coroutine function below a plain decorator: until it is awaited, nothing of it has run.
        return await allowed.cancelled_after(result) if inspect.isawaitable(result) else result


class _Allowed:
    """The time that a run may take, from now."""

    def __init__(self, task: str, limit: float | None) -> None:
        self._task = task
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._until = None if limit is None else self._loop.time() + limit

    async def cancelled_after(self, run: Awaitable[Any]) -> Any:
        """Await a run; cancel it when the time is over."""
        try:
            async with asyncio.timeout_at(self._until) as timeout:
                result = await run
        except BaseException as error:
            if timeout.expired():
                raise self._exceeded() from error
            raise
        if timeout.expired():
            raise self._exceeded()
        return result

    async def outlasted(self, ended: asyncio.Future[Any]) -> Any:
        """Wait for the end of a thread, even if it comes when the time is over."""
        left = None if self._until is None else self._until - self._loop.time()
        try:
            done, _ = await asyncio.wait({ended}, timeout=left)
            if not done:
                await asyncio.wait({ended})
                raise self._exceeded() from ended.exception()
        finally:
            ended.cancel()  # if this run is let go, nobody asks for its result
        return ended.result()

    def _exceeded(self) -> TimeLimitExceeded:
        return TimeLimitExceeded(f"the run took longer than its time limit of {self._limit:g} s")

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell of the run as soon as it is over its limit, or long."""
        timer = self._loop.call_later(LONG if self._limit is None else self._limit, self._tell)
        try:
            yield
        finally:
            timer.cancel()

    def _tell(self) -> None:
        run = context.running()
        name = shown(run.call.label) if run is not None else "-"
        if self._limit is None:
            LONG_RUNS.labels(self._task).inc()
            text = "a run takes long, and its task has no time_limit: task=%s %s"
            log.warning(text, shown(self._task), name)
        else:
            OVER_TIME_LIMIT.labels(self._task).inc()
            text = "a run is over its time limit, and keeps its place until it ends: task=%s %s seconds=%s"
            log.warning(text, shown(self._task), name, shown(f"{self._limit:g}"))
