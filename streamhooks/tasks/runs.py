"""The calls that are running; after an internal error a call runs again.

Most run as a task of the event loop. A *straight* one has none: it waits for nothing but a response.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Protocol

from streamhooks.in_flight.again import INTERNAL_ERROR, Again, Do
from streamhooks.in_flight.gate import Gate
from streamhooks.tasks.call import Call
from streamhooks.tasks.endings import log_given_up
from streamhooks.tasks.outputs import Outputs
from streamhooks.tasks.owners import Owner

log = logging.getLogger(__name__)

#: why a large pending call is dead-lettered when its arguments are gone
GONE = "its arguments are gone: neither its record in delayed nor its source record exists any more"

Run = Coroutine[Any, Any, None]
GiveBack = Callable[..., None]
ReadArguments = Callable[[Call], Awaitable[bool]]


class Straight(Protocol):
    """A run without a task."""

    def abandon(self) -> None:
        """Let go of it: nothing comes of it any more."""


async def has_them(_call: Call) -> bool:
    """Tell that a call already has its arguments."""
    return True


class Runs:
    """All that must end before the worker gives up its partitions. One per worker.

    Nothing starts while the gate is closed. `read_arguments` gives a large pending call its arguments, and returns
    False if they are gone.
    """

    def __init__(self, gate: Gate, outputs: Outputs, read_arguments: ReadArguments = has_them) -> None:
        self.gate = gate
        self.again = Again()
        self._outputs = outputs
        self._read_arguments = read_arguments
        self._tasks: set[asyncio.Task[None]] = set()
        self._straight: set[Straight] = set()
        self._no_straight = asyncio.Event()

    def start(
        self,
        call: Call,
        owner: Owner,
        run: Run,
        start: Callable[[Call, Owner], Awaitable[None]],
        give_back: GiveBack | None = None,
    ) -> None:
        """Run a call. After an internal error it is given back, if possible, or started again with `start`."""
        self.spawn(self._run_or_again(call, owner, run, start, give_back))

    async def _run_or_again(
        self,
        call: Call,
        owner: Owner,
        run: Run,
        start: Callable[[Call, Owner], Awaitable[None]],
        give_back: GiveBack | None,
    ) -> None:
        error = await self.again.attempt(call.id, run)
        while error is not None and not owner.is_void:
            pause = self.again.pause(call.id, error)
            if pause is None:
                give_up = partial(self._give_up, call, owner)
                return await self.again.insist(call.id, owner, give_up, give_up)
            if give_back is not None:
                return give_back(pause)
            await asyncio.sleep(pause)
            try:
                return await start(call, owner)
            except Exception as another:  # whatever it is
                error = another
        self.again.forget(call.id)
        return None

    async def _give_up(self, call: Call, owner: Owner, reason: str = INTERNAL_ERROR) -> None:
        await self._outputs.give_up(call, reason, None)
        await self._outputs.settle(call)
        owner.release()

    async def has_arguments(self, call: Call, owner: Owner, give_back: GiveBack) -> bool:
        """Read the arguments of a pending call if they are missing; return False if the call does not run now."""
        if call.kept_at is None:
            return True
        try:
            is_whole = await self._read_arguments(call)
        except TimeoutError:
            give_back()  # Kafka is away, which is reported elsewhere
            return False
        if owner.is_void:
            return False
        if not is_whole:
            log_given_up(call, GONE)
            await self._give_up(call, owner, GONE)
        return is_whole

    def insist(self, key: str, owner: Owner | None, do: Do, give_up: Do, after: BaseException | None = None) -> None:
        """Do the same as `again.insist`, before the worker gives up its partitions."""
        self.spawn(self.again.insist(key, owner, do, give_up, after))

    def spawn(self, run: Run) -> None:
        """Run something that must end before the worker gives up its partitions."""
        task = asyncio.get_running_loop().create_task(run)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Nobody awaits the task, so the error would go unnoticed.
            log.error("a run ended in an internal error", exc_info=error)

    def begin_straight(self, run: Straight) -> None:
        """Note a run that has begun without a task."""
        self._straight.add(run)
        self._no_straight.clear()

    def end_straight(self, run: Straight) -> bool:
        """Note that it has ended; return False if it was let go of, and must not change anything."""
        if run not in self._straight:
            return False
        self._straight.remove(run)
        if not self._straight:
            self._no_straight.set()
        return True

    @property
    def straight(self) -> int:
        """Return how many run without a task."""
        return len(self._straight)

    async def idle(self, timeout: float) -> bool:
        """Wait until nothing runs, for at most `timeout` seconds; return whether nothing runs."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self._straight or self._tasks:
                    if self._straight:
                        await self._no_straight.wait()
                    if self._tasks:
                        await asyncio.wait(set(self._tasks))
        return not (self._straight or self._tasks)

    def cancel(self) -> None:
        """Cancel all that is running: the next owner of its source will do it again."""
        loop = asyncio.get_running_loop()
        for task in self._tasks:
            # After its first turn: a task that is cancelled before never gives back its places.
            loop.call_soon(task.cancel)
        for run in list(self._straight):
            self.end_straight(run)
            run.abandon()
