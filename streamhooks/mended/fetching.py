"""Records of a topic, fetched in the event loop itself by a client that belongs to no group.

Faust fetches in the thread that keeps the group: so heartbeats go on whatever the loop does. But a record that comes
that way waits three times for the interpreter, up to 10 ms each while the loop is busy, and each fetch names all
partitions of the group, which is most of what it costs. The thread keeps the group, the loop fetches what it is about
to handle anyway, topic by topic.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from faust.types import TP

from streamhooks.mended.patience import patient

Fetched = dict[TopicPartition, list[Any]]

#: what comes sooner than this after what came before comes in quick succession, in seconds
QUICK = 0.005
#: how long the broker gathers such records, in milliseconds, and how many bytes at most
GATHERED_MS, GATHERED_BYTES = 5, 16_384
#: how long the broker waits for the first record, in milliseconds
IDLE_MS = 1500


class Fetching:
    """Reads the partitions of a topic that it is told to read, and no others.

    `options` are those of aiokafka's consumer.
    """

    def __init__(self, options: Callable[[], Mapping[str, Any]], should_stop: Callable[[], bool]) -> None:
        self._options = options
        self._should_stop = should_stop
        self._client: AIOKafkaConsumer | None = None
        self._came = 0.0
        self._gathers = False

    async def seek_to(self, starts: Mapping[TP, int]) -> None:
        """Read these partitions, and no others, from these offsets on."""
        if self._client is None:
            if not starts:
                return
            self._client = await self._connected()
        self._client.assign([TopicPartition(*tp) for tp in starts])
        self.go_back(starts)

    def go_back(self, offsets: Mapping[TP, int]) -> None:
        """Read partitions that are read from these offsets on."""
        assert self._client is not None
        for tp, offset in offsets.items():
            self._client.seek(TopicPartition(*tp), offset)

    async def getmany(self, tps: Iterable[TP], timeout: float) -> Fetched:
        """What has come of these partitions, one at least, in order; waits at most `timeout` seconds for something."""
        if self._client is None:
            await asyncio.sleep(0.05)  # whoever asks in a loop must not keep it
            return {}
        wanted = [TopicPartition(*tp) for tp in tps]
        records: Fetched = await self._client.getmany(*wanted, timeout_ms=int(timeout * 1000))
        self._pace(sum(map(len, records.values())))
        return records

    def _pace(self, came: int) -> None:
        """Have the broker gather what comes in quick succession: a fetch for each record costs more than the record."""
        assert self._client is not None
        now = time.monotonic()
        self._gathers = came > 1 if self._gathers else came > 0 and now - self._came < QUICK
        if came:
            self._came = now
        fetcher = self._client._fetcher
        fetcher._fetch_min_bytes = GATHERED_BYTES if self._gathers else 1
        fetcher._fetch_max_wait_ms = GATHERED_MS if self._gathers else IDLE_MS

    async def _connected(self) -> AIOKafkaConsumer:
        client = AIOKafkaConsumer(**self._options(), enable_auto_commit=False)
        start: Callable[[], Awaitable[None]] = client._client.bootstrap
        client._client.bootstrap = patient(start, self._should_stop)
        await client.start()
        return client

    async def stop(self) -> None:
        """Fetch no more."""
        if self._client is not None:
            await self._client.stop()
