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

#: how many are remembered until their owner is known
REMEMBERED = 10_000
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
        self, marks: Marks, bury: Callable[[Record, str], Awaitable[None]], is_mine: Callable[[TP], bool]
    ) -> None:
        self._marks = marks
        self._bury = bury
        self._is_mine = is_mine
        self._found: dict[tuple[str, int, int], tuple[Record, str]] = {}

    def found(self, record: Record, reason: str) -> None:
        """A record can't be read."""
        if len(self._found) < REMEMBERED:
            self._found[record.topic, record.partition, record.offset] = (record, reason)

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
        for tp in sorted({(topic, partition) for topic, partition, _ in self._found}):
            if not self._is_mine(tp):
                continue
            told = await asyncio.to_thread(self._marks.read, tp)
            for key in sorted(key for key in self._found if key[:2] == tp):
                record, reason = self._found[key]
                if record.offset >= told and self._is_mine(tp):
                    await self._bury(record, reason)
                    await asyncio.to_thread(self._marks.write, tp, record.offset + 1)
                self._found.pop(key, None)
