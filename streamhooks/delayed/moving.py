"""Moves a pending call to a partition whose owner knows its task, or gives it up.

For a moment the call is in both partitions: the tombstone in the old one is written when the record in the new one is
confirmed. So no call is lost. After a crash in between, both owners may run it, with the same id and attempt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final

from msgspec.structs import replace

from streamhooks.delayed.entries import Entry
from streamhooks.delayed.pending import Pending
from streamhooks.delayed.upkeep import call_of
from streamhooks.metrics import MOVED_CALLS, tasks_of
from streamhooks.tasks.call import Call
from streamhooks.tasks.endings import EndingKind, log_given_up
from streamhooks.tasks.outputs import Outputs
from streamhooks.tasks.runs import GONE, ReadArguments

#: large calls whose arguments are in memory at the same time
LARGE_AT_ONCE: Final = 4


class Moving:
    """Writes what moves pending calls. One per worker; `clock` gives epoch seconds."""

    def __init__(
        self, pending: Pending, outputs: Outputs, read_arguments: ReadArguments, clock: Callable[[], float]
    ) -> None:
        self._pending = pending
        self._outputs = outputs
        self._read_arguments = read_arguments
        self._clock = clock
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    async def move(self, entry: Entry, partition: int) -> None:
        """Move a call to another partition, as the same attempt. It stays if Kafka does not answer."""
        former, entry.state = entry.state, "running"  # nothing runs or drops it meanwhile
        try:
            async with self._room(entry):
                call = await self._whole(entry)
                if call is not None:
                    await self._move(entry, call, partition)
        finally:
            _put_back(entry, former)

    async def _move(self, entry: Entry, call: Call, partition: int) -> None:
        kept = entry.call()
        moved = replace(call, partition=partition, moved=max(int(self._clock() * 1000), call.moved + 1))
        due = min(entry.due, kept.due)  # a person may have asked for it
        await self._outputs.store(moved, attempt=call.attempt, due=due, reason=kept.reason, last=kept.last)
        if call.letter is not None:
            # The state of a letter is where its call is: else the letter of a call that went away would be opened.
            await self._outputs.end_letter(moved, "sent", ran=False)
            await self._outputs.forget_letter(call.letter, call.partition)
        await self._outputs.settle_moved(call)
        self._pending.settle(entry, moved=True)
        MOVED_CALLS.inc()

    async def give_up(self, entry: Entry, reason: str) -> None:
        """Write a call to the dead letters unless it has expired, and settle it. It stays if Kafka does not answer."""
        former, entry.state = entry.state, "running"
        try:
            async with self._room(entry):
                call = await self._whole(entry)
                if call is not None and call.expires is not None and self._clock() * 1000 >= call.expires:
                    await self._settle(entry, call, EndingKind.EXPIRED)
                elif call is not None:
                    await self._end(entry, call, reason)
        finally:
            _put_back(entry, former)

    def _room(self, entry: Entry) -> AbstractAsyncContextManager[None]:
        return nullcontext() if entry.offset is None else self._large

    async def _whole(self, entry: Entry) -> Call | None:
        """Return the call with its arguments; None if it is not to be moved now, or ended since they are gone."""
        call = call_of(entry)
        try:
            is_whole = await self._read_arguments(call)
        except TimeoutError:
            return None
        if entry.state != "running":
            return None
        if not is_whole:
            await self._end(entry, call, GONE)
            return None
        return call

    async def _end(self, entry: Entry, call: Call, reason: str) -> None:
        log_given_up(call, reason)
        await self._outputs.give_up(call, reason, entry.call().last)
        await self._settle(entry, call, EndingKind.DEAD)

    async def _settle(self, entry: Entry, call: Call, ending: EndingKind) -> None:
        await self._outputs.settle(call)
        self._pending.settle(entry)
        tasks_of("unknown", ending).inc()


def _put_back(entry: Entry, former: str) -> None:
    if entry.state == "running":
        entry.state = former  # type: ignore[assignment]
