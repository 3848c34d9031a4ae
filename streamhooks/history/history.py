"""Answers questions about the past: the record of an event, why it fired a hook or not, and attempts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streamhooks.errors import BrokenRecord
from streamhooks.history.attempts import Wanted, search
from streamhooks.history.explain import Explained, attempts_of, explain, find_event
from streamhooks.history.trying import Trial, Tried, try_on_latest
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.backwards import Page, Place
from streamhooks.kafka.looks import Looks
from streamhooks.kafka.offsets import Offsets
from streamhooks.kafka.reader import TP, Record, Stop, read_one
from streamhooks.records.message import Message
from streamhooks.records.registry import SchemaRegistry
from streamhooks.settings import Settings
from streamhooks.sources.filtering import known_message
from streamhooks.sources.rules import UserRecord, read_source
from streamhooks.sources.topics import Sources
from streamhooks.times import Between

#: the most hooks whose attempts are searched
EXPLAINED = 100


@dataclass(frozen=True, slots=True)
class Explanation:
    """A source record, each hook of its organization, and the attempts by `webhook-id`."""

    record: Record
    source: UserRecord | None
    """None if its topic's `when` is false."""
    hooks: list[Explained]
    attempts: Mapping[str, list[dict[str, Any]]]


class History:
    """Answers for one worker; `partitions` is the partition count of `firings`.

    Each method raises TimeoutError when Kafka does not answer.
    """

    def __init__(
        self,
        settings: Settings,
        looks: Looks,
        hooks: HooksTable,
        sources: Sources,
        registry: SchemaRegistry | None,
        partitions: int,
    ) -> None:
        self._settings = settings
        self._sources = sources
        self._looks = looks
        self._hooks = hooks
        self._registry = registry
        self._partitions = partitions
        self._offsets = Offsets(settings)

    async def record_at(self, tp: TP, offset: int) -> Record | None:
        """Return the record at an offset; None if Kafka does not hold it."""
        return await self._looks.short(self._record_at, tp, offset)

    def _record_at(self, tp: TP, offset: int, *, stop: Stop) -> Record | None:
        if tp[1] not in self._offsets.partitions(tp[0]):
            return None  # Kafka gives no answer about a missing partition
        return read_one(self._settings, tp, offset, stop=stop)

    async def record_of(self, event_id: str, between: Between) -> Record | None:
        """Return the record of an event that was written in this period; None if there is none."""
        return await self._looks.long(find_event, self._settings, event_id, between, self._registry)

    async def explain(self, record: Record) -> Explanation:
        """Return why a record fired each hook or not, and the attempts.

        Raises:
            BrokenRecord: the record can't be read.

        """
        source, hooks = explain(record, self._sources.of(record.topic), self._hooks, self._registry)
        some = [one for one in hooks if one.matched or one.is_late][:EXPLAINED]
        attempts = await self._looks.long(attempts_of, self._settings, self._offsets, self._partitions, record, some)
        return Explanation(record, source, hooks, attempts)

    async def try_filter(self, trial: Trial, limit: int) -> list[Tried]:
        """Return how a filter judges the latest messages of an organization, newest first; at most `limit`."""
        return await self._looks.long(
            try_on_latest, self._settings, self._offsets, self._sources.of_users, self._message_of, trial, limit
        )

    def _message_of(self, record: Record) -> Message:
        source = read_source(self._sources.of(record.topic), record, self._registry)
        if source is None:
            raise BrokenRecord("its topic's `when` is false")
        return known_message(source, record)

    async def attempts(self, wanted: Wanted, before: Mapping[int, Place], limit: int) -> Page[dict[str, Any]]:
        """Return a page of the attempts that `firings` holds; see `attempts.search`."""
        return await self._looks.long(search, self._settings, self._offsets, self._partitions, wanted, before, limit)
