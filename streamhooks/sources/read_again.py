"""A source record that became a dead letter as a whole is taken up again, where it lies: its ids are those it has."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from streamhooks.errors import BrokenRecord
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.reader import Record, coordinates
from streamhooks.records.call import HOPS_HEADER
from streamhooks.records.event import ResourceChange
from streamhooks.sources.origin import origin_of
from streamhooks.sources.resource_changes import calls_of_resource_changes
from streamhooks.sources.rules import Asked, asked_by, read_source
from streamhooks.tasks.task import Delivery
from streamhooks.webhooks.tasks import process_resource_change

ReadOne = Callable[[str, int, int], Awaitable[Record | None]]


class ReadAgain:
    """Takes up source records. `read_one` gives the record at a place; `learn` asks a schema registry, and blocks."""

    def __init__(
        self,
        hooks: HooksTable,
        read_one: ReadOne,
        *,
        topic_prefix: str,
        max_hops: int,
        learn: Callable[[bytes | None], None] | None,
    ) -> None:
        self._hooks = hooks
        self._read_one = read_one
        self._prefix = topic_prefix
        self._max_hops = max_hops
        self._learn = learn

    async def deliveries_of(self, source: str) -> list[Delivery]:
        """One delivery for each hook of the record.

        Raises:
            BrokenRecord: it is still not readable, in a loop of webhooks, or gone.
            TimeoutError: Kafka does not answer.
            RegistryAway: the schema registry does not.

        """
        topic, partition, offset = coordinates(source)
        record = await self._read_one(topic, partition, offset)
        if record is None or record.value is None:
            raise BrokenRecord("Kafka does not hold its record any more")
        origin = origin_of(record, 0)
        if origin.hops >= self._max_hops:
            raise BrokenRecord(f"{HOPS_HEADER}: {origin.hops} deliveries led to it, a loop of webhooks")
        if self._learn is not None:
            await asyncio.to_thread(self._learn, record.value)
        found = read_source(topic.removeprefix(self._prefix), record.value)
        if isinstance(found, ResourceChange):
            (call,) = calls_of_resource_changes(1)(record, origin)
            deliveries: list[Delivery] = await process_resource_change(*call.args)
            return deliveries
        return [one for asked in asked_by(found) for one in self._of(asked)]

    def _of(self, asked: Asked) -> list[Delivery]:
        if asked.app:
            hooks = self._hooks.app_hooks(asked.organization_id, asked.event, asked.project_id, asked.app_id)
        else:
            hooks = self._hooks.service_hooks(asked.organization_id, asked.project_id or "", asked.event)
        calls = [(hook.id, *asked.call(hook.id)) for hook in hooks]
        return [Delivery(task, hook_id, args, asked.event) for hook_id, task, args in calls]
