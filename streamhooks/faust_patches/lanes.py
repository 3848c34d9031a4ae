"""Records from the consumer to an agent, without what Faust does for each on the way: events, acks, sensors.

The queue is the one of Faust's own channel, and a rebalance clears it, as for any other stream. Faust bounds it by the
number of records alone, and 4,096 of them can be 4 GB: `Waiting` knows their bytes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any

from streamhooks.kafka.reader import Record

#: after so many records in a row everything else gets its turn
TURN = 50


class Waiting:
    """The bytes that wait in a queue, known batch by batch: so a record costs no more than an addition."""

    def __init__(self) -> None:
        self._batches: deque[tuple[int, int]] = deque()  # how many records had come with it, its bytes
        self._came = 0
        self._size = 0

    def come(self, records: Sequence[Record]) -> None:
        """A batch comes."""
        size = sum([record.size for record in records])
        self._came += len(records)
        self._size += size
        self._batches.append((self._came, size))

    def size(self, waiting: int) -> int:
        """The bytes of the batches of which some are among so many records that wait; a queue may be cleared."""
        while self._batches and self._batches[0][0] <= self._came - waiting:
            self._size -= self._batches.popleft()[1]
        return self._size


async def records_of(stream: Any) -> AsyncIterator[Record]:
    """The records of an agent's stream; its topic must be one of the app's `plain_topics`.

    In place of Faust's `Stream._py_aiter`: it begins and ends as that one does.
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
        return  # thrown into the queue by who stops the stream
    finally:
        stream._channel_stop_iteration(stream.channel)
        if started:
            await stream.stop()
            stream.service_reset()
