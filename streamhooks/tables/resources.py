"""Where the resources lie that users wrote to `resources`: an index, by which one is read when it is needed."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from streamhooks.kafka.reader import Record

log = logging.getLogger(__name__)

ReadRange = Callable[[str, int, int, int], Awaitable[list[Record]]]


class Resources:
    """Key to coordinates: resources may be many and large, and are needed for changes without instance only."""

    def __init__(self, topic: str, read_range: ReadRange) -> None:
        self._topic = topic
        self._read_range = read_range
        self._coordinates: dict[bytes, tuple[int, int]] = {}

    def apply(self, records: list[Record]) -> None:
        """Take in records of the topic; a tombstone deletes."""
        for record in records:
            if record.key is None:
                continue
            if record.value is None:
                self._coordinates.pop(record.key, None)
            else:
                self._coordinates[record.key] = (record.partition, record.offset)

    async def find(self, sender: str, instance_id: str) -> dict[str, Any] | None:
        """The resource, or None while it is not there, or is no JSON object."""
        key = f"{sender}:{instance_id}".encode()
        found = self._coordinates.get(key)
        if found is None:
            return None
        partition, offset = found
        for record in await self._read_range(self._topic, partition, offset, offset + 1):
            if record.key == key and record.value is not None:
                return _object(record)
        return None


def _object(record: Record) -> dict[str, Any] | None:
    try:
        value = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError:
        log.warning("the resource at %s is no JSON", record.source)
        return None
    return value if isinstance(value, dict) else None
