"""Records from the consumer to an agent, without what Faust does for each on the way: events, acks, sensors.

The queue is the one of Faust's own channel: it is bounded, it pauses its partition when it is filled, and a rebalance
clears it, as for any other stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from faust.transport.consumer import ensure_TP
from faust.types import TP

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


def plain(record: Any) -> Record:
    """A record of aiokafka as ours."""
    return Record(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp or 0,
        record.key,
        record.value,
        record.headers or (),
    )


class Pressure:
    """What a queue tells the consumer when it is filled and when it has room again; the same two for a partition."""

    def __init__(self, on_full: Callable[[TP], None], on_drop: Callable[[TP], None]) -> None:
        self._on_full = on_full
        self._on_drop = on_drop
        self._of: dict[TP, dict[str, Callable[[], None]]] = {}

    def of(self, tp: TP) -> dict[str, Callable[[], None]]:
        """The arguments of `put_nowait_enhanced`."""
        found = self._of.get(tp)
        if found is None:
            # The fetcher names partitions as aiokafka does: equal to Faust's, but Faust ends at the sight of one.
            tp = ensure_TP(tp)
            found = self._of[tp] = {
                "on_pressure_high": partial(self._on_full, tp),
                "on_pressure_drop": partial(self._on_drop, tp),
            }
        return found
