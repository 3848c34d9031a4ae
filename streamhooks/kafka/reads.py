"""Reads single records, ranges and offsets outside of the consumer, without blocking the event loop."""

from __future__ import annotations

import asyncio
from functools import partial

from streamhooks.kafka.logs import Logs
from streamhooks.kafka.offsets import Offsets
from streamhooks.kafka.reader import TP, OneReader, Record, read_some
from streamhooks.kafka.threads import Threads
from streamhooks.settings import Settings

#: timeout of reading records, in seconds
WITHIN = 10.0
#: the most single records that are read at once
AT_ONCE = 4


class Reads:
    """Reads from Kafka. One per worker.

    Each method raises TimeoutError when Kafka does not answer.
    """

    def __init__(self, settings: Settings, logs: Logs) -> None:
        self._settings = settings
        self._logs = logs
        self._offsets = Offsets(settings)
        self._threads = Threads(AT_ONCE)
        self._one_reader = OneReader(settings)

    async def some(self, topic: str, partition: int, start: int, end: int) -> list[Record]:
        """Return the first records of [start, end) that Kafka still holds; see `kafka.reader.reached`."""
        return await asyncio.to_thread(read_some, self._settings, topic, partition, start, end, timeout=WITHIN)

    async def one(self, topic: str, partition: int, offset: int) -> Record | None:
        """Return the record at an offset; None if Kafka does not hold it."""
        return await self._threads.run(partial(self._one_reader.read, timeout=WITHIN), topic, partition, offset)

    async def ends(self, tp: TP) -> tuple[int, int]:
        """Return the first offset that Kafka still holds, and the next one to be written."""
        return (await asyncio.to_thread(self._offsets.ends, [tp]))[tp]

    async def offset_at(self, tp: TP, milliseconds: int) -> int:
        """Return the offset of the first record at or after a moment, in epoch milliseconds."""
        return (await asyncio.to_thread(self._offsets.at, [tp], milliseconds))[tp]

    async def topic_id(self, topic: str) -> str:
        """Return the current id of a topic; empty if unknown."""
        return (await asyncio.to_thread(self._logs.ids, [topic])).get(topic, "")

    async def close(self) -> None:
        """Accept no more work, and close the idle clients."""
        self._threads.close()
        await asyncio.to_thread(self._one_reader.close)
