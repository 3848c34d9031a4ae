"""Broken records on topics that are re-read at every start, perhaps by every worker: each is reported once.

The owner of the topic's partition (one worker, where every worker reads the topic) writes the dead letter. It then
stores its progress, so that neither a restart nor the next owner reports the record again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from confluent_kafka import KafkaException

from streamhooks.kafka.reader import TP, Record

log = logging.getLogger(__name__)

#: records per partition that are remembered until its owner is known
REMEMBERED = 10_000
#: total bytes of remembered records; beyond that, only coordinates are kept
REMEMBERED_BYTES = 16_000_000
#: polling interval, in seconds
INTERVAL = 0.5


class Marks(Protocol):
    """How far broken records were reported, per partition."""

    def read(self, tp: TP) -> int:
        """Return the offset before which all are reported; blocks."""

    def write(self, tp: TP, offset: int) -> None:
        """Store that all before this offset are reported; blocks."""


class BrokenRecords:
    """Collect broken records, and report those on partitions that this worker is responsible for."""

    def __init__(
        self, marks: Marks, bury: Callable[[Record, str, bool], Awaitable[None]], is_mine: Callable[[TP], bool]
    ) -> None:
        self._marks = marks
        self._bury = bury
        self._is_mine = is_mine
        self._found: dict[TP, dict[int, tuple[Record, str, bool]]] = {}
        self._bytes = 0

    def found(self, record: Record, reason: str) -> None:
        """Note a record that can't be read."""
        found = self._found.setdefault((record.topic, record.partition), {})
        if record.offset in found or len(found) >= REMEMBERED:
            return
        truncated = self._bytes + _size(record) > REMEMBERED_BYTES
        if truncated:
            record = record._replace(key=None, value=None, headers=())
        self._bytes += _size(record)
        found[record.offset] = (record, reason, truncated)

    async def run(self) -> None:
        """Report broken records, forever."""
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self.tell()
            except KafkaException as error:
                log.warning("the progress on broken records can't be read or stored, will be tried again: %s", error)

    async def tell(self) -> None:
        """Write the dead letters that are due, in order of offset."""
        for tp, found in sorted(self._found.items()):
            if not found or not self._is_mine(tp):
                continue
            reported = await asyncio.to_thread(self._marks.read, tp)
            for offset in sorted(found):
                record, reason, truncated = found[offset]
                if offset >= reported and self._is_mine(tp):
                    await self._bury(record, reason, truncated)
                    await asyncio.to_thread(self._marks.write, tp, offset + 1)
                del found[offset]
                self._bytes -= _size(record)


def _size(record: Record) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers
