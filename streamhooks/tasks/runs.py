"""What is running: each run a task of the event loop, run again when it ended in an error of streamhooks itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from streamhooks.in_flight.again import INTERNAL_ERROR, Again, Do
from streamhooks.in_flight.gate import Gate
from streamhooks.tasks.call import Call
from streamhooks.tasks.outputs import Outputs
from streamhooks.tasks.owners import Owner

log = logging.getLogger(__name__)

#: why a large pending call is given up whose arguments nobody has any more
GONE = "its arguments are gone: neither its record in delayed nor its source record exists any more"

Run = Coroutine[Any, Any, None]
GiveBack = Callable[..., None]
ReadArguments = Callable[[Call], Awaitable[bool]]


async def has_them(_call: Call) -> bool:
    """Take a call's arguments for read."""
    return True


class Runs:
    """What must end before the worker lets go of its partitions. One for the worker.

    Nothing starts while the gate is closed; `read_arguments` gives a large pending call its arguments, False if nobody
    has them any more.
    """

    def __init__(self, gate: Gate, outputs: Outputs, read_arguments: ReadArguments = has_them) -> None:
        self.gate = gate
        self.again = Again()
        self._outputs = outputs
        self._read_arguments = read_arguments
        self._tasks: set[asyncio.Task[None]] = set()

    def start(
        self,
        call: Call,
        owner: Owner,
        run: Run,
        start: Callable[[Call, Owner], Awaitable[None]],
        give_back: GiveBack | None = None,
    ) -> None:
        """Run a call. After an error of ours it is given back, if it can be, or started again by `start`."""
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
        """Read the arguments of a pending call, where that is still to be done; False if it does not run now."""
        if call.kept_at is None:
            return True
        try:
            is_whole = await self._read_arguments(call)
        except TimeoutError:
            give_back()  # Kafka is away, which others tell
            return False
        if owner.is_void:
            return False
        if not is_whole:
            await self._give_up(call, owner, GONE)
        return is_whole

    def insist(self, key: str, owner: Owner | None, do: Do, give_up: Do, after: BaseException | None = None) -> None:
        """Do something as `again.insist` does, before the worker lets go of its partitions."""
        self.spawn(self.again.insist(key, owner, do, give_up, after))

    def spawn(self, run: Run) -> None:
        """Run something that must end before the worker lets go of its partitions."""
        task = asyncio.get_running_loop().create_task(run)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Silence would hide a defect of ours.
            log.error("a run ended in an error of streamhooks itself", exc_info=error)

    async def idle(self, timeout: float) -> bool:
        """Wait until nothing runs, for at most `timeout` seconds; whether nothing does."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout)
        return not self._tasks

    def cancel(self) -> None:
        """Let go of what is running: the next owner of its source will do it again."""
        loop = asyncio.get_running_loop()
        for task in self._tasks:
            # Behind its first turn: one that is cancelled before it never gives its places back.
            loop.call_soon(task.cancel)
