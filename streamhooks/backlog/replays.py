"""What callers of the views ask about what a hook has still to get, and replays: counted, begun and stopped."""

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
from streamhooks.kafka.topics import Topics
from streamhooks.records.hook import Hook
from streamhooks.records.stretch import Stretch
from streamhooks.settings import Settings
from streamhooks.sources.kinds import OF_USERS, SourceKind
from streamhooks.times import Between

#: how long reading a record may take, in seconds
TIMEOUT = 10.0


class Replays:
    """Answers for one worker. `stop` sends no more of some stretches of a hook; `clock` gives epoch seconds.

    Each method raises TimeoutError when Kafka does not answer.
    """

    def __init__(
        self,
        settings: Settings,
        looks: Looks,
        logs: Logs,
        backlog: Backlog,
        *,
        stop: Callable[[str, list[Stretch]], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._looks = looks
        self._logs = logs
        self._backlog = backlog
        self._stop_sending = stop
        self._clock = clock
        self._offsets = Offsets(settings)

    async def missed_of(self, hook_id: str) -> Missed:
        """Return what a hook has still to get."""
        stretches = self._backlog.stretches.of_hook(hook_id)
        return await self._looks.short(
            missed_of, stretches, self._offsets, partial(read_one, self._settings, timeout=TIMEOUT)
        )

    async def ranges(self, hook: Hook, kinds: Collection[SourceKind] | None, between: Between) -> Ranges:
        """Return the offsets at which the source records of a time lie that can fire the hook.

        With `kinds`, only theirs.
        """
        topics = [kind.topic(Topics(self._settings.topic_prefix)) for kind in kinds or firing_kinds(hook)]
        if not topics:
            return {}
        if between.until is None:
            return await self._looks.short(ranges_between, self._settings, topics, between)
        # It has to read the topic's rest.
        return await self._looks.in_child_process(ranges_between, self._settings, topics, between)

    async def count(self, hook: Hook, ranges: Ranges, between: Between) -> int:
        """Return how many records of these ranges and this time fire the hook."""
        if not ranges:
            return 0
        # A million records are a minute.
        return await self._looks.in_child_process(count_matches, self._settings, hook, ranges, between)

    async def begin(self, hook: Hook, ranges: Ranges, between: Between) -> str:
        """Have these records sent to the hook; return the replay's id when that is confirmed."""
        replay_id = secrets.token_hex(8)
        topics = [topic for topic, _ in ranges]
        ids = await self._looks.short(lambda *, stop: self._logs.ids(topics))
        stretches = stretches_of(hook, replay_id, ranges, between, self._clock(), ids)
        await asyncio.gather(*map(self._backlog.write, stretches))
        return replay_id

    async def stop(self, hook_id: str, replay_id: str) -> bool:
        """Send no more of a replay of a hook of ours; return False if there is none."""
        found = [
            stretch
            for stretch in self._backlog.stretches.of_hook(hook_id)
            if stretch.why == "replay" and stretch.id.partition(":")[0] == replay_id
        ]
        await self._stop_sending(hook_id, found)
        return bool(found)


def firing_kinds(hook: Hook) -> list[SourceKind]:
    """Return the kinds of source records that can fire a hook."""
    return [kind for kind in OF_USERS if kind.can_fire(hook)]
