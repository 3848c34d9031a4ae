"""Records from the consumer to an agent, without what Faust does for each on the way: events, acks, sensors.

The queue is the one of Faust's own channel, and a rebalance clears it, as for any other stream. It knows the bytes that
are in it: Faust bounds it by the number of records alone, and 4,096 of them can be 4 GB.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from mode.utils.queues import ThrowableQueue

from streamhooks.kafka.reader import Record
from streamhooks.mended.fetching import AT_ONCE

#: after so many records in a row everything else gets its turn
TURN = 50


class Lane(ThrowableQueue[Any]):
    """The queue of a channel."""

    #: bytes of the records in it
    size = 0

    def _put(self, item: Any) -> None:
        super()._put(item)
        if isinstance(item, Record):
            self.size += item.size

    def _get(self) -> Any:
        item = super()._get()
        if isinstance(item, Record):
            self.size -= item.size
        return item

    def clear(self) -> None:
        """Forget what is in it."""
        super().clear()
        self.size = 0

    def is_behind(self, most: int) -> bool:
        """Whether no more is to be fetched for now: so many bytes wait, or what comes at once may be too many."""
        return self.size >= most or self.qsize() + AT_ONCE > self.maxsize


async def records_of(stream: Any) -> AsyncIterator[Record]:
    """The records of an agent's stream; its topic must be one of the app's `plain_topics`."""
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
