"""Fetching by aiokafka, in the event loop itself.

It does not check whether the log is the same after a leader election: `positions.py` does, before it hands over a
record of a later epoch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.structs import TopicPartition
from faust.transport.consumer import ensure_TP
from faust.types import TP

from streamhooks.faust_patches.fetched_epochs import FetchedEpochs
from streamhooks.faust_patches.fetching import AT_ONCE, Seek
from streamhooks.faust_patches.patience import patient
from streamhooks.in_flight.cancelling import is_being_cancelled
from streamhooks.kafka.clients import FETCH
from streamhooks.kafka.reader import Record
from streamhooks.times import steady

#: records less than this apart count as a burst, in seconds
QUICK = 0.005
#: for bursts: how long the broker collects records, in milliseconds, and how many bytes at most
GATHERED_MS, GATHERED_BYTES = 5, 16_384
#: otherwise: how long the broker waits for the first record, in milliseconds
IDLE_MS = 1500
#: pause after a broker has refused a request, in seconds
PAUSE = 0.1


class AiokafkaFetching:
    """Fetches one topic; `options` are for aiokafka's consumer. Up to `ahead` fetched bytes may wait."""

    checks_logs = False

    def __init__(self, options: Mapping[str, Any], ahead: int, should_stop: Callable[[], bool]) -> None:
        self._options = options
        self._ahead = ahead
        self._should_stop = should_stop
        self._client: AIOKafkaConsumer | None = None
        self._assignments: dict[TopicPartition, int] = {}
        self._epochs = FetchedEpochs()
        self._suspects: set[TP] = set()
        self._came = 0.0
        self._gathers = False

    async def assign(self, seeks: Mapping[TP, Seek]) -> None:
        """Read these partitions, and no others."""
        if self._client is None:
            if not seeks:
                return
            self._client = await self._connected()
        self.renew(seeks)

    def renew(self, seeks: Mapping[TP, Seek]) -> None:
        """Read these partitions, and no others; this client keeps nothing else about the topic."""
        assert self._client is not None
        self._assignments = {}
        # It fetches from a partition again only when its records were taken, so this bounds what waits per partition.
        self._client._fetcher._max_partition_fetch_bytes = max(GATHERED_BYTES, self._ahead // max(1, len(seeks)))
        self._client.assign([TopicPartition(*tp) for tp in seeks])
        self.move(seeks)

    def move(self, seeks: Mapping[TP, Seek]) -> None:
        """Continue at another offset on some of the partitions."""
        assert self._client is not None
        for tp, seek in seeks.items():
            self._client.seek(TopicPartition(*tp), seek.offset)
            self._assignments[TopicPartition(*tp)] = seek.assignment

    async def getmany(self, timeout: float) -> list[Record]:
        """Return fetched records, in order per partition; wait for at most `timeout` seconds."""
        if self._client is None:
            await asyncio.sleep(0.05)  # a caller in a loop must not block the event loop
            return []
        try:
            found = await self._client.getmany(timeout_ms=int(timeout * 1000), max_records=AT_ONCE)
        except (OffsetOutOfRangeError, NoOffsetForPartitionError) as error:
            self._suspects.update(ensure_TP(tp) for tp in error.args[0])
            await asyncio.sleep(PAUSE)
            return []
        # Marked before anything else can run: from here on the partition may be moved.
        marks = self._assignments
        records = [self._plain(record, marks[tp]) for tp, came in found.items() if tp in marks for record in came]
        self._pace(len(records))
        return records

    def _plain(self, record: Any, assignment: int) -> Record:
        return Record(
            record.topic,
            record.partition,
            record.offset,
            record.timestamp or 0,
            record.key,
            record.value,
            record.headers or (),
            self._epochs.of(record.topic, record.partition, record.offset),
            assignment,
        )

    def suspects(self) -> set[TP]:
        """Return the partitions on which a broker has reported an error since the last call."""
        found, self._suspects = self._suspects, set()
        return found

    def _pace(self, came: int) -> None:
        """Let the broker collect records of a burst: a fetch per record costs more than the record."""
        assert self._client is not None
        now = steady()
        self._gathers = came > 1 if self._gathers else came > 0 and now - self._came < QUICK
        if came:
            self._came = now
        fetcher = self._client._fetcher  # its `_get_actions_per_node` reads these for each fetch
        fetcher._fetch_min_bytes = GATHERED_BYTES if self._gathers else 1
        fetcher._fetch_max_wait_ms = GATHERED_MS if self._gathers else IDLE_MS

    async def _connected(self) -> AIOKafkaConsumer:
        client = AIOKafkaConsumer(
            **self._options,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",  # aborted transactions have not happened
            fetch_max_bytes=min(self._ahead, 2 * FETCH),
        )
        start: Callable[[], Awaitable[None]] = client._client.bootstrap
        client._client.bootstrap = patient(start, self._should_stop)
        client._client.send = self._epochs.watched(client._client.send)
        await client.start()
        return client

    async def stop(self) -> None:
        """Stop fetching."""
        if self._client is None:
            return
        try:
            await self._client.stop()
        except asyncio.CancelledError:
            # aiokafka waits for the fetches that it cancels: one that waits for a broker raises this.
            if is_being_cancelled():
                raise
            await self._client._client.close()
