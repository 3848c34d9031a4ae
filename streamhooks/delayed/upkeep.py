"""Writes about pending calls that do not run: settles them, and heals their log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from streamhooks.delayed.entries import Entry, Heal
from streamhooks.delayed.pending import Pending
from streamhooks.in_flight.backoff import FIRST
from streamhooks.kafka.outbox import Outbox
from streamhooks.masking import LONGEST_TEXT, shown
from streamhooks.records.call import tombstone_headers
from streamhooks.records.letter_state import State
from streamhooks.tasks.call import Call
from streamhooks.tasks.outputs import Outputs
from streamhooks.tasks.runs import GONE, ReadArguments

log = logging.getLogger(__name__)

#: large calls that are written again at the same time
HEALED_AT_ONCE = 4
#: the wait before Kafka is asked again for the arguments of a large call, in seconds
PAUSE = 0.5


class Upkeep:
    """Writes to `delayed`; `topic` is its name. One per worker; `clock` gives epoch seconds."""

    def __init__(
        self,
        pending: Pending,
        outputs: Outputs,
        outbox: Outbox,
        topic: str,
        read_arguments: ReadArguments,
        clock: Callable[[], float],
    ) -> None:
        self._pending = pending
        self._outputs = outputs
        self._outbox = outbox
        self._topic = topic
        self._read_arguments = read_arguments
        self._clock = clock
        self._healing = asyncio.Semaphore(HEALED_AT_ONCE)
        self._writing: set[asyncio.Task[None]] = set()

    async def settle(self, entry: Entry, ended: tuple[State, str] | None = None) -> None:
        """Settle a call that does not run; `ended` is the new state of the dead letter that it sends again, and why."""
        entry.state = "running"  # nothing starts it while its tombstone is being written
        call = call_of(entry)
        try:
            if ended is not None and call.letter is not None:
                await self._outputs.end_letter(call, *ended, ran=False)
            await self._outputs.settle(call)
        except BaseException:  # also if the caller waits no longer
            if entry.state == "running":
                self._pending.run_at(entry, max(entry.due, int((self._clock() + FIRST) * 1000)), at_once=False)
            raise
        self._pending.settle(entry)  # views must no longer show it

    def settle_soon(self, entry: Entry, ended: tuple[State, str] | None = None) -> None:
        """Settle a call that does not run, without waiting for the confirmation."""
        self._spawn(self.settle(entry, ended))

    def heal(self, is_ready: Callable[[int], bool]) -> None:
        """Write what the log of the ready partitions lacks, so that its last records say what holds."""
        for partition in self._pending.partitions():
            if is_ready(partition):
                for heal in self._pending.heals(partition):
                    log.info("healing the log of %s: %s", self._topic, shown(heal.id))
                    self._spawn(self._heal(heal))

    async def _heal(self, heal: Heal) -> None:
        if heal.large is None:
            headers = tombstone_headers(heal.attempt, heal.moved) if heal.value is None else None
            await self._outbox.publish(self._topic, heal.value, key=heal.id, partition=heal.partition, headers=headers)
            return
        async with self._healing:
            while not await self._write_again(heal.large):  # noqa: ASYNC110 - Kafka is away
                await asyncio.sleep(PAUSE)

    async def _write_again(self, entry: Entry) -> bool:
        """Write a large call again, or a dead letter if its arguments are gone; False if Kafka does not answer."""
        call = call_of(entry)
        try:
            is_whole = await self._read_arguments(call)
        except TimeoutError:
            return False
        if entry.state == "gone":
            return True
        if is_whole:
            known = entry.call()
            await self._outputs.store(call, attempt=entry.attempt, due=known.due, reason=known.reason, last=known.last)
        elif entry.state != "running":  # a run dead-letters it by itself
            entry.state = "running"
            await self._outputs.give_up(call, GONE, None)
            await self.settle(entry)
        return True

    def _spawn(self, write: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(write)
        self._writing.add(task)
        task.add_done_callback(self._written)

    def _written(self, task: asyncio.Task[None]) -> None:
        self._writing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a record of %s can't be written: %s", self._topic, shown(error, LONGEST_TEXT))


def call_of(entry: Entry) -> Call:
    """Return the call of an entry; the arguments of a large one are still to be read."""
    return Call.from_record(entry.call(), entry.partition, entry.size, entry.offset)
