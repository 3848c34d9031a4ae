"""A source record that became a dead letter as a whole is read again from its topic, so its ids stay the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from streamhooks.errors import BrokenRecord
from streamhooks.hooks.matching import Ask
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.reader import Record, coordinates
from streamhooks.records.registry import SchemaRegistry
from streamhooks.sources.origin import Origins
from streamhooks.sources.rules import UserRecord, asks, delivery_of, fan_out_of, read_source
from streamhooks.sources.topics import Sources
from streamhooks.tasks.task import Delivery
from streamhooks.tasks.task import registry as tasks

ReadOne = Callable[[str, int, int], Awaitable[Record | None]]


class ReadAgain:
    """Takes up source records. `read_one` gives the record at a place; `registry` knows schemas."""

    def __init__(
        self,
        hooks: HooksTable,
        read_one: ReadOne,
        *,
        sources: Sources,
        origins: Origins,
        registry: SchemaRegistry | None,
    ) -> None:
        self._hooks = hooks
        self._read_one = read_one
        self._sources = sources
        self._origins = origins
        self._registry = registry

    async def deliveries_of(self, source: str) -> list[Delivery]:
        """Return one delivery for each hook of the record.

        Raises:
            BrokenRecord: it is still unreadable, in a loop of webhooks, or gone.
            TimeoutError: Kafka does not answer.
            RegistryAway: the schema registry does not respond.

        """
        topic, partition, offset = coordinates(source)
        record = await self._read_one(topic, partition, offset)
        if record is None or record.value is None:
            raise BrokenRecord("Kafka does not hold its record any more")
        self._origins.of(record)
        if self._registry is not None:
            await asyncio.to_thread(self._registry.learn, record.value)
        found = read_source(self._sources.of(topic), record, self._registry)
        if found is None:
            return []
        fan_out, deliveries = fan_out_of(found), list[Delivery]()
        if is_whole := fan_out is not None and fan_out.finds_all:
            deliveries += await tasks[fan_out.task](*fan_out.args)
        for ask in asks(found):
            if not is_whole or ask.hook_kind != "app":
                deliveries += self._of(found, ask, record)
        return deliveries

    def _of(self, source: UserRecord, ask: Ask, record: Record) -> list[Delivery]:
        if (delivery := delivery_of(source, ask, record)) is None:
            return []
        task, args = delivery
        return [Delivery(task, hook.id, [hook.id, *args], ask.event) for hook in self._hooks.matching(ask)]
