"""Batches of records from the consumer to an agent, without Faust's work per record: events, acks, sensors.

The queue is that of Faust's own channel. A rebalance clears it, as for any stream, and takes back the rest of the batch
that the agent has begun. Faust bounds the queue only by its number of entries, and 4,096 records can be 4 GB. So `Lane`
tracks what waits, in records and in bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any

from streamhooks.kafka.reader import Batch, Record


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


class Lane:
    """The batches of a topic on their way to its agent, which takes record by record from each."""

    def __init__(self) -> None:
        self._batches: deque[Batch] = deque()
        self._waiting = Waiting()
        #: fetched records that wait for the end of a rebalance, to be handed over first
        self.held: list[Record] = []

    def add(self, records: Sequence[Record]) -> Batch:
        """Return a batch of these records for the agent's queue."""
        batch = deque(records)
        self._batches.append(batch)
        self._waiting.come(records)
        return batch

    def waiting(self) -> tuple[int, int]:
        """Return how many records the agent has not taken yet, and about how many bytes they are."""
        while self._batches and not self._batches[0]:
            self._batches.popleft()
        count = sum(map(len, self._batches))
        return count, self._waiting.size(count)

    def take_back(self) -> None:
        """Take back all that the agent has not taken; the queue is cleared as well."""
        for batch in self._batches:
            batch.clear()


async def batches_of(stream: Any) -> AsyncIterator[Batch]:
    """Give the batches of an agent's stream, whose topic must be one of the app's `plain_topics`.

    The agent takes the records out of the batch. Replaces Faust's `Stream._py_aiter`, and begins and ends like it.
    """
    started = await stream.maybe_start()
    queue = aiter(stream.channel).queue
    batch: Batch = deque()
    try:
        while not stream.should_stop:
            batch = queue.get_nowait() if not queue.empty() else await queue.get()
            yield batch
    except StopAsyncIteration:
        return  # put into the queue when the stream is stopped
    finally:
        batch.clear()  # nobody takes the rest, so it must not count as waiting
        stream._channel_stop_iteration(stream.channel)
        if started:
            await stream.stop()
            stream.service_reset()
