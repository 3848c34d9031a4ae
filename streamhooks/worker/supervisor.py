"""Starts the parts of a worker in order, and stops them in reverse; ends the worker when one fails."""

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
    """A part of a worker with its lifecycle.

    Attributes:
        name: its name in the log.
        start: called before the next part starts.
        run: runs until the worker ends; if it ends earlier, the worker ends.
        stop: called when all parts added later have stopped.

    """

    name: str
    start: Step | None = None
    run: Callable[[], Awaitable[None]] | None = None
    stop: Step | None = None


class Supervisor:
    """Starts and stops the parts of a worker. `end` ends the worker because of an error; it is called once."""

    def __init__(self, end: Callable[[BaseException], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = end
        self._parts: list[Part] = []
        self._running: list[asyncio.Task[None]] = []
        self._is_stopping = self._is_ending = False

    def add(self, *parts: Part) -> None:
        """Add parts. Each may need only parts added before it."""
        self._parts += parts

    async def start(self) -> None:
        """Start all parts, one after another; begin to run them when all have started."""
        for part in self._parts:
            await _do(part.start)
        for part in self._parts:
            if part.run is not None:
                task = asyncio.ensure_future(part.run())
                task.add_done_callback(self._watched(part.name))
                self._running.append(task)

    async def stop(self) -> None:
        """Cancel the running parts, then stop all parts in reverse order. A failure does not prevent further stops."""
        self._is_stopping = True
        for task in self._running:
            task.cancel()
        for part in reversed(self._parts):
            try:
                await _do(part.stop)
            except Exception:
                log.exception("could not stop %s, the other parts are stopped", part.name)

    def fail(self, name: str, error: BaseException) -> None:
        """End the worker because this part failed: the next owner processes unsettled records again."""
        if self._is_ending:
            return
        self._is_ending = True
        reason = f"{type(error).__name__}: {error}"
        log.critical("the worker ends, since a part of it can't go on: %s: %s", name, shown(reason, LONGEST_TEXT))
        log.info("where %s failed", name, exc_info=error)
        self._end(error)

    def fail_soon(self, name: str, error: BaseException) -> None:
        """Do as `fail`, from any thread."""
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
