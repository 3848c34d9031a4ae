"""The parts of a worker: begun in order, ended in reverse, and the worker with them when one of them fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from streamhooks.masking import LONGEST_TEXT, shown

log = logging.getLogger(__name__)

Step = Callable[[], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a worker, as far as the worker's life concerns it.

    Attributes:
        name: what the log calls it.
        start: what comes before the next part starts.
        run: what goes on until the worker ends; if it ends before, the worker does.
        stop: what comes when all that was added later has stopped.

    """

    name: str
    start: Step | None = None
    run: Callable[[], Awaitable[None]] | None = None
    stop: Step | None = None


class Supervisor:
    """Keeps the parts of a worker. `end` ends the worker, for this error; it is called once."""

    def __init__(self, end: Callable[[BaseException], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = end
        self._parts: list[Part] = []
        self._running: list[asyncio.Task[None]] = []
        self._is_stopping = self._is_ending = False

    def add(self, *parts: Part) -> None:
        """Take up parts, each of which needs only those before it."""
        self._parts += parts

    async def start(self) -> None:
        """Start all parts, one after the other; what runs begins when all have started."""
        for part in self._parts:
            await _do(part.start)
        for part in self._parts:
            if part.run is not None:
                task = asyncio.ensure_future(part.run())
                task.add_done_callback(self._watched(part.name))
                self._running.append(task)

    async def stop(self) -> None:
        """End what runs, then stop all parts, the last one first. What fails here keeps no other from stopping."""
        self._is_stopping = True
        for task in self._running:
            task.cancel()
        for part in reversed(self._parts):
            try:
                await _do(part.stop)
            except Exception:
                log.exception("could not stop %s", part.name)

    def fail(self, name: str, error: BaseException) -> None:
        """End the worker, since this part can't go on: what is not settled is done again by the next owner."""
        if self._is_ending:
            return
        self._is_ending = True
        reason = f"{type(error).__name__}: {error}"
        log.critical("the worker ends, since a part of it can't go on: %s: %s", name, shown(reason, LONGEST_TEXT))
        log.info("where %s failed", name, exc_info=error)
        self._end(error)

    def fail_soon(self, name: str, error: BaseException) -> None:
        """Do the same, from any thread."""
        self._loop.call_soon_threadsafe(self.fail, name, error)

    def _watched(self, name: str) -> Callable[[asyncio.Future[None]], None]:
        def ended(task: asyncio.Future[None]) -> None:
            if not self._is_stopping:
                error = None if task.cancelled() else task.exception()
                self.fail(name, error or RuntimeError("it ended by itself"))

        return ended


async def _do(step: Step | None) -> None:
    waits = step() if step is not None else None
    if waits is not None:
        await waits
