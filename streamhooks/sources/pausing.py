"""A topic of one's own whose records fail one after the other is paused: the next ones wait, and nothing is lost.

Most likely its entry is wrong, or its producer has changed; then dead letters of a whole topic would help nobody.

Why: docs/decisions/0021-own-topics.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, Protocol

from streamhooks.errors import BrokenRecord, RegistryAway
from streamhooks.in_flight.tracker import TP
from streamhooks.kafka.reader import Batch, Record
from streamhooks.masking import LONGEST_TEXT, shown
from streamhooks.metrics import LEFT_OUT, PAUSED
from streamhooks.records.formats import Registry
from streamhooks.records.message import Message
from streamhooks.records.registry import SchemaRegistry
from streamhooks.sources.own import OwnTopic
from streamhooks.times import steady

log = logging.getLogger(__name__)

#: failures in a row after which a topic is paused
MOST: Final = 100
#: how often a paused topic looks whether the next record can be read, in seconds
LOOK: Final = 30.0


class Partitions(Protocol):
    """The partitions of this worker; see `in_flight.tracker`."""

    def next_of(self, tp: TP, number: int) -> int | None:
        """Return the next offset of the assignment with this number, or None if it is over."""


class Pausing:
    """Reads the records of a topic of one's own, and pauses it after `MOST` failures in a row. One per topic.

    `registry` knows schemas. `tell` is called with the topic and the reason when a pause begins. `owns` tells whether
    this worker owns a partition of the topic: else it keeps nothing waiting.

    It is over as soon as a record can be read. A record that `when` leaves out is no failure, and no success either.
    """

    def __init__(
        self,
        source: OwnTopic,
        partitions: Partitions,
        registry: SchemaRegistry | None,
        tell: Callable[[str, str], None],
        *,
        owns: Callable[[str], bool],
        clock: Callable[[], float] = steady,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._partitions = partitions
        self._registry = registry
        self._tell = tell
        self._owns = owns
        self._clock = clock
        self._sleep = sleep
        self._in_row = 0
        self._looks_at = 0.0
        PAUSED.labels(source.topic).set_function(lambda: self.trouble is not None)

    @property
    def trouble(self) -> str | None:
        """Return why this worker should not be ready; None if the topic is not paused."""
        if not self._is_paused or not self._owns(self._source.topic):
            return None
        return f"the topic {self._source.topic} is paused: {MOST} records in a row can't be read, see the dead letters"

    @property
    def _is_paused(self) -> bool:
        return self._in_row >= MOST

    def read(self, record: Record, registry: Registry | None) -> Message | None:
        """Return what a record becomes, as `OwnTopic.read` does, and count failures."""
        try:
            message = self._source.read(record, registry)
        except BrokenRecord as broken:
            self._in_row += 1
            if self._in_row == MOST:
                self._begin(str(broken))
            raise
        if message is None:
            LEFT_OUT.labels(record.topic).inc()
        elif self._in_row:
            self._end()
        return message

    async def let_through(self, batches: AsyncIterator[Batch]) -> AsyncIterator[Batch]:
        """Give the records one by one; during a pause, wait until the next one can be read."""
        async for batch in batches:
            while batch:
                record = batch.popleft()
                if self._is_paused:
                    await self._wait(record)
                yield deque((record,))

    async def _wait(self, record: Record) -> None:
        """Wait until a record can be read, or is not ours any more."""
        while self._is_ours(record):
            if (left := self._looks_at - self._clock()) > 0:
                await self._sleep(left)
            elif await self._can_be_read(record):
                return
            else:
                self._looks_at = self._clock() + LOOK

    def _is_ours(self, record: Record) -> bool:
        expected = self._partitions.next_of((record.topic, record.partition), record.assignment)
        return expected is not None and record.offset >= expected

    async def _can_be_read(self, record: Record) -> bool:
        if record.value is None:
            return True
        try:
            if self._registry is not None:
                await asyncio.to_thread(self._registry.learn, record.value)
            self._source.read(record, self._registry)
        except (BrokenRecord, RegistryAway):
            return False
        return True

    def _begin(self, reason: str) -> None:
        self._looks_at = self._clock() + LOOK
        text = "%s is paused, too many records in a row can't be read, the last one: %s"
        log.error(text, shown(self._source.topic), shown(reason, LONGEST_TEXT))
        self._tell(self._source.topic, f"{MOST} records in a row can't be read, the last one: {reason}"[:1000])

    def _end(self) -> None:
        if self._is_paused:
            log.info("%s goes on: its next record can be read", shown(self._source.topic))
        self._in_row = 0
