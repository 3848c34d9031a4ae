"""Broken records on the topics that are read whole, at every start and perhaps by every worker: each is told once.

The owner of the topic's partition (for what every worker reads, one of them) writes the dead letter, and marks how far
it has told, so that neither a restart nor another owner tells it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from confluent_kafka import KafkaException

from streamhooks.kafka.reader import TP, Record

log = logging.getLogger(__name__)

#: how many of a partition are remembered until its owner is known
REMEMBERED = 10_000
#: how many bytes of all of them together: beyond that only where they lie
REMEMBERED_BYTES = 16_000_000
#: how often is looked for what to tell, in seconds
INTERVAL = 0.5


class Marks(Protocol):
    """How far was told, by partition."""

    def read(self, tp: TP) -> int:
        """The offset before which all is told; blocks."""

    def write(self, tp: TP, offset: int) -> None:
        """All before this offset is told; blocks."""


class BrokenRecords:
    """Collects broken records, and tells those that are this worker's to tell."""

    def __init__(
        self, marks: Marks, bury: Callable[[Record, str, bool], Awaitable[None]], is_mine: Callable[[TP], bool]
    ) -> None:
        self._marks = marks
        self._bury = bury
        self._is_mine = is_mine
        self._found: dict[TP, dict[int, tuple[Record, str, bool]]] = {}
        self._bytes = 0

    def found(self, record: Record, reason: str) -> None:
        """A record can't be read."""
        found = self._found.setdefault((record.topic, record.partition), {})
        if record.offset in found or len(found) >= REMEMBERED:
            return
        truncated = self._bytes + _size(record) > REMEMBERED_BYTES
        if truncated:
            record = record._replace(key=None, value=None, headers=())
        self._bytes += _size(record)
        found[record.offset] = (record, reason, truncated)

    async def run(self) -> None:
        """Tell, for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self.tell()
            except KafkaException as error:
                log.warning("how far broken records were told can't be read or marked, will be tried again: %s", error)

    async def tell(self) -> None:
        """Write the dead letters that are due, in order of offset."""
        for tp, found in sorted(self._found.items()):
            if not found or not self._is_mine(tp):
                continue
            told = await asyncio.to_thread(self._marks.read, tp)
            for offset in sorted(found):
                record, reason, truncated = found[offset]
                if offset >= told and self._is_mine(tp):
                    await self._bury(record, reason, truncated)
                    await asyncio.to_thread(self._marks.write, tp, offset + 1)
                del found[offset]
                self._bytes -= _size(record)


def _size(record: Record) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers
