"""What was given up gets one more chance: a dead letter as the call, or the record, that it was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from streamhooks.errors import BrokenRecord
from streamhooks.history.dead_letters import REDRIVEN
from streamhooks.kafka.reader import Record
from streamhooks.records.dead_letter import DeadLetter
from streamhooks.records.hook import Hook
from streamhooks.records.ids import derived_id
from streamhooks.tasks.call import Call, as_of
from streamhooks.tasks.matching import SOURCES, call_for, read_source
from streamhooks.tasks.origin import origin_of


class Kept(Protocol):
    """What keeps calls and records: Kafka."""

    async def store(self, call: Call, *, attempt: int, due: int, reason: str) -> None:
        """Put a call into `delayed`."""

    async def write_again(self, record: Record, redriven: int) -> None:
        """Write a source record to its topic once more."""


class Redriving:
    """Sends dead letters again. `source` reads the record that a letter comes from."""

    def __init__(
        self,
        kept: Kept,
        *,
        get_hook: Callable[[str], Hook | None],
        source: Callable[[DeadLetter], Awaitable[Record | None]],
        partition_of: Callable[[str], int],
        partitions: int,
        topic_prefix: str,
        clock: Callable[[], float],
    ) -> None:
        self._kept = kept
        self._get_hook = get_hook
        self._source = source
        self._partition_of = partition_of
        self._partitions = partitions
        self._prefix = topic_prefix
        self._clock = clock

    def may_send(self, letter: DeadLetter, *, force: bool) -> bool:
        """Whether a letter can be sent again, and was not in vain too often."""
        if letter.redriven >= REDRIVEN and not force:
            return False
        return letter.hook_id is None or self._get_hook(letter.hook_id) is not None

    async def send(self, letter: DeadLetter) -> bool:
        """Send a letter again; returns when that is confirmed, False if its source is gone.

        Raises:
            TimeoutError: Kafka does not answer.

        """
        if letter.task is not None:
            await self._store(self._call_of(letter))
            return True
        record = await self._source(letter)
        if record is None or record.value is None or record.topic.removeprefix(self._prefix) not in SOURCES:
            return False  # what lies in our own topics may be newer by now
        if letter.hook_id is None:
            await self._kept.write_again(record, letter.redriven + 1)
            return True
        call = self._call_of_source(letter, record)
        if call is None:
            return False
        await self._store(call)
        return True

    async def _store(self, call: Call) -> None:
        as_of(call, self._get_hook(call.hook_id or ""))
        await self._kept.store(call, attempt=1, due=call.created, reason="resend")

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _call_of(self, letter: DeadLetter) -> Call:
        task, now = letter.task or {}, self._now_ms()
        return Call(
            derived_id(letter.id, "redriven", now),
            task["name"],
            self._partition_of(letter.hook_id or letter.id),
            now,
            task["args"],
            task["kwargs"],
            hook_id=letter.hook_id,
            source=letter.source,
            event=letter.event,
            webhook_id=letter.webhook_id or letter.id,
            hops=letter.hops,
            redriven=letter.redriven + 1,
            cause="redrive",
        )

    def _call_of_source(self, letter: DeadLetter, record: Record) -> Call | None:
        """The call of a letter that was too large to be kept whole."""
        hook = self._get_hook(letter.hook_id or "")
        if hook is None:
            return None
        try:
            source = read_source(record.topic.removeprefix(self._prefix), record.value)
        except BrokenRecord:
            return None
        now = self._now_ms()
        partitions = (self._partition_of(hook.id), self._partitions)
        call = call_for(hook, source, origin_of(record, now), "redrive", f"redriven:{now}", partitions)
        if call is not None:
            call.redriven = letter.redriven + 1
        return call
