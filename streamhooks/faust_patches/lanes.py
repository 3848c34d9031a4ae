"""Records from the consumer to an agent, without Faust's work per record: events, acks, sensors.

The queue is that of Faust's own channel, and a rebalance clears it, as for any stream. Faust bounds it only by number,
and 4,096 records can be 4 GB. So `Waiting` tracks their bytes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any

from streamhooks.kafka.reader import Record

#: let other tasks run after this many records in a row
TURN = 50


class Waiting:
    """The bytes that wait in a queue, tracked per batch, so that a record costs no more than an addition."""

    def __init__(self) -> None:
        self._batches: deque[tuple[int, int]] = deque()  # total records including the batch, bytes of the batch
        self._came = 0
        self._size = 0

    def come(self, records: Sequence[Record]) -> None:
        """Add a batch."""
        size = sum([record.size for record in records])
        self._came += len(records)
        self._size += size
        self._batches.append((self._came, size))

    def size(self, waiting: int) -> int:
        """Return the bytes of the batches with records among the last `waiting` ones; a queue may be cleared."""
        while self._batches and self._batches[0][0] <= self._came - waiting:
            self._size -= self._batches.popleft()[1]
        return self._size


async def records_of(stream: Any) -> AsyncIterator[Record]:
    """Give the records of an agent's stream, whose topic must be one of the app's `plain_topics`.

    Replaces Faust's `Stream._py_aiter`, and begins and ends like it.
    """
    started = await stream.maybe_start()
    queue = aiter(stream.channel).queue
    taken = 0
    try:
        while not stream.should_stop:
            yield queue.get_nowait() if not queue.empty() else await queue.get()
            taken += 1
            if taken % TURN == 0:
                await asyncio.sleep(0)
    except StopAsyncIteration:
        return  # put into the queue when the stream is stopped
    finally:
        stream._channel_stop_iteration(stream.channel)
        if started:
            await stream.stop()
            stream.service_reset()
