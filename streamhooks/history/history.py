"""What the views ask about the past of this installation; whatever blocks runs in a thread, or a process."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Any

from streamhooks.backlog.passing import Write
from streamhooks.backlog.replay import count_matches, stretches_of
from streamhooks.backlog.stretches import Stretches
from streamhooks.backlog.summary import Missed, missed_of
from streamhooks.dead_letters.listing import DeadLetters, Filter, Found
from streamhooks.dead_letters.redriving import Redriving
from streamhooks.history.attempts import Wanted as WantedAttempts
from streamhooks.history.attempts import search
from streamhooks.history.explain import Explained, attempts_of, explain, find_event
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.apart import Apart
from streamhooks.kafka.backwards import Page, Place
from streamhooks.kafka.between import Ranges, ranges_between
from streamhooks.kafka.logs import Logs
from streamhooks.kafka.offsets import Offsets
from streamhooks.kafka.reader import TP, Record, Stop, read_range
from streamhooks.kafka.threads import Places, Threads
from streamhooks.kafka.topics import Topics
from streamhooks.records.hook import Hook
from streamhooks.records.stretch import Stretch
from streamhooks.settings import Settings
from streamhooks.sources.kinds import OF_USERS, SourceKind
from streamhooks.sources.rules import UserRecord
from streamhooks.times import Between

Wanted = Filter | list[tuple[int, int]]
"""Dead letters: those that fit, or those at these partitions and offsets."""

#: hooks of which the attempts are looked up, at most
EXPLAINED = 100
#: long looks at once; threads for short ones, and how many calls take one or wait for one
LONG, SHORT, SHORT_CALLS = 4, 4, 100
TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Explanation:
    """A source record, each hook of its organization, and the attempts by `webhook-id`."""

    record: Record
    source: UserRecord
    hooks: list[Explained]
    attempts: Mapping[str, list[dict[str, Any]]]


class History:
    """Answers questions about the past, and sends it again. One for the worker.

    Each method raises TimeoutError when Kafka does not answer. A look ends soon after its caller is cancelled.
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
        threads: Threads,
        *,
        write: Write,
        stop: Callable[[str, list[Stretch]], Awaitable[None]],
        partitions: int,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._topics = Topics(settings.topic_prefix)
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
        self._short, self._long = threads, Threads(LONG)
        self._long_places = Places(LONG, f"{LONG} long looks into the topics are taken at this moment")
        self._short_places = Places(SHORT_CALLS, f"{SHORT_CALLS} looks into the topics are taken at this moment")

    def close(self) -> None:
        """End what still looks, and the process that counts, if there is one."""
        self._apart.close()
        self._short.close()
        self._long.close()
        self._letters.close()

    def long_look(self) -> AbstractContextManager[None]:
        """A place among the long looks: for explaining, counting and searching.

        Raises:
            Busy: all are taken.

        """
        return self._long_places.place()

    def short_look(self) -> AbstractContextManager[None]:
        """A place among the other looks.

        Raises:
            Busy: all are taken.

        """
        return self._short_places.place()

    # --- what was missed, and replays

    async def missed_of(self, hook_id: str) -> Missed:
        """What a hook has still to get."""
        return await self._short.run(missed_of, self._stretches.of_hook(hook_id), self._offsets, self._read_one)

    async def ranges(self, hook: Hook, kinds: Collection[SourceKind] | None, between: Between) -> Ranges:
        """The offsets at which the source records of a time lie that can fire a hook.

        Without `kinds` they are those that can fire it.
        """
        kinds = kinds or [kind for kind in OF_USERS if kind.can_fire(hook)]
        topics = [kind.topic(self._topics) for kind in kinds]
        if not topics:
            return {}
        if between.until is None:
            return await self._short.run(ranges_between, self._settings, topics, between)
        return await self._apart.run(ranges_between, self._settings, topics, between)  # it has to read the topic's rest

    async def count(self, hook: Hook, ranges: Ranges, between: Between) -> int:
        """How many records of these ranges and this time fire the hook."""
        if not ranges:
            return 0
        # A million records are a minute.
        return await self._apart.run(count_matches, self._settings, hook, ranges, between)

    async def replay(self, hook: Hook, ranges: Ranges, between: Between) -> str:
        """Have these records sent to the hook; returns the replay's id when that is confirmed."""
        replay_id = secrets.token_hex(8)
        ids = await self._short.run(lambda *, stop: self._logs.ids([topic for topic, _ in ranges]))
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
        if tp[1] not in await self._partitions_of(tp[0]):
            return None
        return await self._short.run(self._read_one, tp, offset)

    async def record_of(self, event_id: str, between: Between) -> Record | None:
        """The record of an event, of this time."""
        return await self._long.run(find_event, self._settings, event_id, between)

    async def explain(self, record: Record) -> Explanation:
        """Why a record fired a hook, or did not, and what came of it.

        Raises:
            BrokenRecord: the record can't be read.

        """
        source, hooks = explain(record, SourceKind.of(record.topic, self._topics), self._hooks)
        matched = [one for one in hooks if one.matched][:EXPLAINED]
        attempts = await self._long.run(attempts_of, self._settings, self._offsets, self._partitions, record, matched)
        return Explanation(record, source, hooks, attempts)

    async def attempts(self, wanted: WantedAttempts, before: Mapping[int, Place], limit: int) -> Page[dict[str, Any]]:
        """A page of the attempts that `firings` holds; see `attempts.search`."""
        return await self._long.run(search, self._settings, self._offsets, self._partitions, wanted, before, limit)

    # --- dead letters

    async def letters(self, wanted: Filter, before: Mapping[int, Place], limit: int) -> Page[Found]:
        """A page of dead letters; see `DeadLetters.page`."""
        return await self._short.run(self._letters.page, wanted, before, limit)

    async def letter(self, partition: int, offset: int) -> Found | None:
        """One dead letter."""
        if partition not in await self._partitions_of(self._topics.dead_letters):
            return None
        return await self._short.run(self._letters.one, partition, offset)

    async def redrive(self, wanted: Wanted, *, force: bool, dry_run: bool) -> tuple[int, int]:
        """Send open dead letters again: those that fit and are there now, or those at these places.

        Returns: how many were sent (or would be), and how many not.

        Raises:
            Busy: too many long looks are taken.

        """
        send = _count if dry_run else self._redriving.send
        with self.long_look():
            return await self._long.run(
                self._each, wanted, lambda one: self._redriving.may_send(one, force=force), send
            )

    async def drop(self, wanted: Wanted, *, dry_run: bool) -> tuple[int, int]:
        """Drop open dead letters, as `redrive` sends them again; returns how many, and how many not.

        Raises:
            Busy: too many long looks are taken.

        """
        drop = _count if dry_run else self._redriving.drop
        with self.long_look():
            return await self._long.run(self._each, wanted, lambda one: one.state == "open", drop)

    def _each(
        self, wanted: Wanted, may: Callable[[Found], bool], do: Callable[..., int], *, stop: Stop
    ) -> tuple[int, int]:
        """Do something with the letters with which it may be done; returns with how many, and with how many not."""
        seen = named = 0
        if isinstance(wanted, Filter):
            letters = self._letters.all(wanted, stop=stop)
        else:
            places = list(dict.fromkeys(wanted))
            known = set(self._offsets.partitions(self._topics.dead_letters))
            there = [place for place in places if place[0] in known]
            letters, named = self._letters.at(there, stop=stop), len(places)

        def chosen() -> Iterator[Found]:
            nonlocal seen
            for one in letters:
                if stop.is_set():
                    raise TimeoutError("nobody waits for it any more")
                seen += 1
                if may(one):
                    yield one

        with closing(letters):
            done = do(chosen(), stop=stop)
        return done, max(seen, named) - done

    async def _partitions_of(self, topic: str) -> list[int]:
        """The partitions that there are: Kafka gives no answer about others."""
        return await self._short.run(lambda *, stop: self._offsets.partitions(topic))

    def _read_one(self, tp: TP, offset: int, *, stop: Stop) -> Record | None:
        found = read_range(self._settings, *tp, offset, offset + 1, timeout=TIMEOUT, stop=stop)
        return found[0] if found else None


def _count(letters: Iterable[Found], *, stop: Stop) -> int:
    return sum(1 for _ in letters)
