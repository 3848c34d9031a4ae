"""Records from the consumer to an agent, without what Faust does for each on the way: events, acks, sensors.

The queue is the one of Faust's own channel: it is bounded, and a rebalance clears it, as for any other stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from streamhooks.kafka.reader import Record

#: after so many records in a row everything else gets its turn
TURN = 50


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
