"""What the views ask about the past of this installation; whatever blocks runs in a thread, or a process."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from streamhooks.history.apart import Apart
from streamhooks.history.between import Ranges, ranges_between
from streamhooks.history.dead_letters import DeadLetters, Filter, Found
from streamhooks.history.explain import Explained, attempts_of, explain, find_event
from streamhooks.history.missed import Missed, missed_of
from streamhooks.history.redriving import Redriving
from streamhooks.history.replay import count_matches, sources_of, stretches_of
from streamhooks.kafka.logs import Logs
from streamhooks.kafka.offsets import Offsets
from streamhooks.kafka.reader import TP, Record, read_range
from streamhooks.records.hook import Hook
from streamhooks.records.stretch import Stretch
from streamhooks.settings import Settings
from streamhooks.tables.hooks import HooksTable
from streamhooks.tables.stretches import Stretches
from streamhooks.tasks.matching import Source
from streamhooks.tasks.missed import Write
from streamhooks.times import Between

#: hooks of which the attempts are looked up, at most
EXPLAINED = 100
TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Explanation:
    """A source record, each hook of its organization, and the attempts by `webhook-id`."""

    record: Record
    source: Source
    hooks: list[Explained]
    attempts: Mapping[str, list[dict[str, Any]]]


class History:
    """Answers questions about the past, and sends it again. One for the worker.

    Each method raises TimeoutError when Kafka does not answer.
    """

    def __init__(
        self,
        settings: Settings,
        offsets: Offsets,
        logs: Logs,
        hooks: HooksTable,
        stretches: Stretches,
        letters: DeadLetters,
        redriving: Redriving,
        *,
        write: Write,
        stop: Callable[[str, list[Stretch]], Awaitable[None]],
        partitions: int,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._offsets = offsets
        self._logs = logs
        self._hooks = hooks
        self._stretches = stretches
        self._redriving = redriving
        self._write = write
        self._stop = stop
        self._partitions = partitions
        self._clock = clock
        self._letters = letters
        self._apart = Apart()

    def close(self) -> None:
        """End the process that counts, if there is one."""
        self._apart.close()

    # --- what was missed, and replays

    async def missed_of(self, hook_id: str) -> Missed:
        """What a hook has still to get."""
        return await asyncio.to_thread(missed_of, self._stretches.of_hook(hook_id), self._offsets, self._read_one)

    async def ranges(self, hook: Hook, kinds: list[str] | None, between: Between) -> Ranges:
        """The offsets at which the source records of a time lie that can fire a hook.

        `kinds` are the topics without the prefix; None for those whose records can fire it.
        """
        topics = [self._settings.topic_prefix + kind for kind in kinds or sources_of(hook)]
        if between.until is None:
            return await asyncio.to_thread(ranges_between, self._settings, topics, between)
        return await self._apart.run(ranges_between, self._settings, topics, between)  # it has to read the topic's rest

    async def count(self, hook: Hook, ranges: Ranges, between: Between) -> int:
        """How many records of these ranges and this time fire the hook."""
        # A million records are a minute.
        return await self._apart.run(count_matches, self._settings, hook, ranges, between)

    async def replay(self, hook: Hook, ranges: Ranges, between: Between) -> str:
        """Have these records sent to the hook; returns the replay's id when that is confirmed."""
        replay_id = secrets.token_hex(8)
        ids = await asyncio.to_thread(self._logs.ids, [topic for topic, _ in ranges])
        stretches = stretches_of(hook, replay_id, ranges, between, self._clock(), ids)
        await asyncio.gather(*(self._write(stretch) for stretch in stretches))
        return replay_id

    async def stop_replay(self, hook_id: str, replay_id: str) -> bool:
        """Send no more of a replay of a hook whose home is here; False if there is none."""
        found = [
            stretch
            for stretch in self._stretches.of_hook(hook_id)
            if stretch.why == "replay" and stretch.id.partition(":")[0] == replay_id
        ]
        await self._stop(hook_id, found)
        return bool(found)

    # --- explaining

    async def record_at(self, tp: TP, offset: int) -> Record | None:
        """The record at an offset, if Kafka holds one."""
        return await asyncio.to_thread(self._read_one, tp, offset)

    async def record_of(self, event_id: str, between: Between) -> Record | None:
        """The record of an event, of this time."""
        return await asyncio.to_thread(find_event, self._settings, event_id, between)

    async def explain(self, record: Record) -> Explanation:
        """Why a record fired a hook, or did not, and what came of it.

        Raises:
            BrokenRecord: the record can't be read.

        """
        kind = record.topic.removeprefix(self._settings.topic_prefix)
        source, hooks = explain(record, kind, self._hooks)
        matched = [one for one in hooks if one.matched][:EXPLAINED]
        attempts = await asyncio.to_thread(
            attempts_of, self._settings, self._offsets, self._partitions, record, matched
        )
        return Explanation(record, source, hooks, attempts)

    # --- dead letters

    async def letters(
        self, wanted: Filter, before: Mapping[int, int], limit: int
    ) -> tuple[list[Found], dict[int, int] | None]:
        """A page of dead letters; see `DeadLetters.page`."""
        return await asyncio.to_thread(self._letters.page, wanted, before, limit)

    async def letter(self, partition: int, offset: int) -> Found | None:
        """One dead letter."""
        return await asyncio.to_thread(self._letters.one, partition, offset)

    async def redrive(self, wanted: Filter | list[tuple[int, int]], *, force: bool, dry_run: bool) -> tuple[int, int]:
        """Send dead letters again: those that fit and are there now, or those at these places.

        Returns: how many were sent (or would be), and how many not.
        """
        if isinstance(wanted, Filter):
            found = await asyncio.to_thread(lambda: list(self._letters.all(wanted)))
        else:
            found = [one for place in wanted if (one := await self.letter(*place)) is not None]
        chosen = [one for one in found if self._redriving.may_send(one.letter, force=force)]
        sent = len(chosen)
        if not dry_run:
            for start in range(0, len(chosen), 200):
                results = await asyncio.gather(
                    *(self._redriving.send(one.letter) for one in chosen[start : start + 200])
                )
                sent -= results.count(False)
        missing = 0 if isinstance(wanted, Filter) else len(wanted) - len(found)
        return sent, len(found) - sent + missing

    def _read_one(self, tp: TP, offset: int) -> Record | None:
        found = read_range(self._settings, *tp, offset, offset + 1, timeout=TIMEOUT)
        return found[0] if found else None
