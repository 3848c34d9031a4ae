"""An index of the records that users wrote to `resources`; a resource is read when it is needed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from streamhooks.errors import BrokenRecord
from streamhooks.kafka.reader import TP, Record
from streamhooks.kafka.topic_reader import Table
from streamhooks.records.exact_json import loads
from streamhooks.records.packing import parse_json

ReadRange = Callable[[str, int, int, int], Awaitable[list[Record]]]


class Resources(Table):
    """Key to coordinates: resources may be many and large, and are needed for changes without instance only."""

    def __init__(self, topic: str, read_range: ReadRange) -> None:
        self._topic = topic
        self._read_range = read_range
        self._coordinates: dict[bytes, tuple[int, int]] = {}

    def apply(self, records: list[Record]) -> list[tuple[Record, str]]:
        """Apply records of the topic; a tombstone deletes.

        Returns: the broken records, each with the reason; a previous resource with the same key is gone.
        """
        broken = []
        for record in records:
            if record.key is None:
                broken.append((record, "a resource needs a key"))
            elif record.value is None:
                self._coordinates.pop(record.key, None)
            elif (reason := _why_broken(record.value)) is not None:
                self._coordinates.pop(record.key, None)
                broken.append((record, reason))
            else:
                self._coordinates[record.key] = (record.partition, record.offset)
        return broken

    def keys(self, tp: TP) -> list[bytes]:
        """Return the keys of the resources that lie in a partition."""
        return [key for key, (where, _) in self._coordinates.items() if where == tp[1]]

    async def find(self, sender: str, instance_id: str) -> dict[str, Any] | None:
        """Return the resource, or None if it is missing so far."""
        key = f"{sender}:{instance_id}".encode()
        found = self._coordinates.get(key)
        if found is None:
            return None
        partition, offset = found
        for record in await self._read_range(self._topic, partition, offset, offset + 1):
            if record.key == key and record.value is not None:
                resource: dict[str, Any] = loads(record.value)
                return resource
        return None


def _why_broken(value: bytes) -> str | None:
    try:
        resource = parse_json(value)
    except BrokenRecord as error:
        return str(error)
    return None if isinstance(resource, dict) else "a resource must be a JSON object"
