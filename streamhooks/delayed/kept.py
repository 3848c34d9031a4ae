"""The arguments of large pending calls. They are not kept in memory, but read when they are needed.

They are in the call's record in `delayed`. If that is gone (the topic was recreated, or lost its last records), they
are made again from the source record, as long as Kafka holds it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from streamhooks.errors import BrokenRecord
from streamhooks.kafka.reader import Record, coordinates
from streamhooks.records.call import DelayedCall
from streamhooks.records.formats import Registry, decode
from streamhooks.records.ids import derived_id, source_id
from streamhooks.sources.rules import asks, delivery_of, read_source
from streamhooks.sources.topics import Sources
from streamhooks.tasks.call import Call

Arguments = tuple[list[Any], dict[str, Any]]
ReadOne = Callable[[str, int, int], Awaitable[Record | None]]


class KeptArguments:
    """Reads arguments. `read_one` returns the record at a topic, partition and offset; None if it is gone."""

    def __init__(self, read_one: ReadOne, sources: Sources, registry: Registry | None = None) -> None:
        self._read_one = read_one
        self._sources = sources
        self._registry = registry

    async def read(self, call: Call) -> bool:
        """Give a call its arguments; return False if they are gone.

        Raises:
            TimeoutError: Kafka does not answer.

        """
        if call.kept_at is None:
            return True
        found = await self._of_record(call, call.kept_at) or await self._of_source(call)
        if found is None:
            return False
        call.args, call.kwargs = found
        call.kept_at = None
        return True

    async def _of_record(self, call: Call, offset: int) -> Arguments | None:
        record = await self._read_one(self._sources.topics.delayed, call.partition, offset)
        try:
            stored = decode(DelayedCall, record.value if record else None)
        except BrokenRecord:
            return None
        # All records of a call have the same arguments. In a recreated topic, another call may be at this offset.
        return (stored.args, stored.kwargs) if stored.id == call.id else None

    async def _of_source(self, call: Call) -> Arguments | None:
        if call.source is None or call.hook_id is None:
            return None
        topic, partition, offset = coordinates(call.source)
        of = self._sources.of_users.get(topic)
        if of is None or (record := await self._read_one(topic, partition, offset)) is None:
            return None
        if call.webhook_id != derived_id(source_id(topic, partition, offset, record.timestamp), call.hook_id):
            return None  # another record is there now
        try:
            source = read_source(of, record, self._registry)
        except BrokenRecord:
            return None
        if source is None:
            return None
        for ask in asks(source):
            task, args = delivery_of(source, ask, record) or (None, [])
            if task == call.task:
                return [call.hook_id, *args], {}
        return None
