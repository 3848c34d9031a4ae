"""Answers the API about the backlog of a hook; counts, begins and stops replays."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection
from functools import partial

from streamhooks.backlog.replay import count_matches, stretches_of
from streamhooks.backlog.stretches import Backlog
from streamhooks.backlog.summary import Missed, missed_of
from streamhooks.kafka.between import Ranges, ranges_between
from streamhooks.kafka.logs import Logs
from streamhooks.kafka.looks import Looks
from streamhooks.kafka.offsets import Offsets
from streamhooks.kafka.reader import read_one
from streamhooks.records.hook import Hook
from streamhooks.records.stretch import Stretch
from streamhooks.settings import Settings
from streamhooks.sources.topics import Sources
from streamhooks.times import Between


class Replays:
    """Answers for one worker. `stop` stops sending stretches of a hook; `clock` gives epoch seconds.

    Each method raises TimeoutError when Kafka does not answer.
    """

    def __init__(
        self,
        settings: Settings,
        looks: Looks,
        logs: Logs,
        sources: Sources,
        backlog: Backlog,
        *,
        stop: Callable[[str, list[Stretch]], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._looks = looks
        self._logs = logs
        self._sources = sources
        self._backlog = backlog
        self._stop_sending = stop
        self._clock = clock
        self._offsets = Offsets(settings)

    async def missed_of(self, hook_id: str) -> Missed:
        """Return a summary of what a hook has yet to get."""
        stretches = self._backlog.stretches.of_hook(hook_id)
        return await self._looks.short(
            missed_of, stretches, self._offsets, partial(read_one, self._settings), self._clock()
        )

    async def ranges(self, hook: Hook, wanted: Collection[str] | None, between: Between) -> Ranges:
        """Return the offset ranges, by partition, of source records of a period that can fire the hook.

        `wanted` limits them to these topics.
        """
        topics = list(wanted or self._sources.firing(hook))
        if not topics:
            return {}
        if between.until is None:
            return await self._looks.short(ranges_between, self._settings, topics, between)
        # Finding the end of a period reads the rest of the topic.
        return await self._looks.in_child_process(ranges_between, self._settings, topics, between)

    async def count(self, hook: Hook, ranges: Ranges, between: Between) -> int:
        """Return the number of records in these ranges and this period that fire the hook."""
        if not ranges:
            return 0
        # A million records take a minute.
        return await self._looks.in_child_process(count_matches, self._settings, self._sources, hook, ranges, between)

    async def begin(self, hook: Hook, ranges: Ranges, between: Between) -> str:
        """Begin to send these records to the hook; return the replay's id when its stretches are confirmed."""
        replay_id = secrets.token_hex(8)
        topics = [topic for topic, _ in ranges]
        ids = await self._looks.short(lambda *, stop: self._logs.ids(topics))
        stretches = stretches_of(hook, replay_id, ranges, between, self._clock(), ids)
        await asyncio.gather(*map(self._backlog.write, stretches))
        return replay_id

    async def stop(self, hook_id: str, replay_id: str) -> bool:
        """Stop a replay of a hook that this worker owns; return False if there is none."""
        found = [
            stretch
            for stretch in self._backlog.stretches.of_hook(hook_id)
            if stretch.why == "replay" and stretch.id.partition(":")[0] == replay_id
        ]
        await self._stop_sending(hook_id, found)
        return bool(found)
