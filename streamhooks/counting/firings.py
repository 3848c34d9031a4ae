"""Writes attempts to the topic `firings`: many attempts of one hook in one record, confirmed together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import orjson

from streamhooks.errors import ProducerDead, RecordTooLarge
from streamhooks.in_flight.backoff import pause_after
from streamhooks.kafka.outbox import Outbox
from streamhooks.kafka.partitions import partition_of
from streamhooks.metrics import UNPUBLISHABLE
from streamhooks.records.firing import Attempt

log = logging.getLogger(__name__)

#: the finest rollup: a record never spans one of its buckets
BUCKET_MS = 10_000
MAX_BYTES = 500_000
_FRAME = b'{"hook_id":%s,"attempts":[%s]}'
#: how long attempts of one hook are collected, in seconds
LINGER = 0.2

Done = Callable[[], None]


@dataclass(slots=True)
class _Batch:
    hook_id: str
    at: int
    attempts: list[bytes] = field(default_factory=list)
    size: int = 0
    """Size of the record, in bytes."""
    done: list[Done] = field(default_factory=list)

    def halves(self) -> Iterator[_Batch]:
        """Yield its attempts as two batches, since the topic accepts no record of this size."""
        middle = len(self.attempts) // 2
        for part in (slice(middle), slice(middle, None)):
            yield _Batch(self.hook_id, self.at, self.attempts[part], done=self.done[part])


class Firings:
    """Collects attempts by hook and bucket; calls `done` when the broker has confirmed the record.

    The bucket is that of the attempts' `at`. The record's timestamp is in it, unless the topic refuses that timestamp.
    """

    def __init__(self, outbox: Outbox, topic: str, partitions: int) -> None:
        self._outbox = outbox
        self._topic = topic
        self._partitions = partitions
        self._open: dict[tuple[str, int], _Batch] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.Task[None]] = set()

    def add(self, hook_id: str, attempt: Attempt, done: Done) -> None:
        """Add an attempt; it is published within a fraction of a second."""
        value = attempt.to_json()
        key = (hook_id, attempt.at // BUCKET_MS)
        batch = self._open.get(key)
        if batch is not None and batch.size + len(value) > MAX_BYTES:
            self._send(self._open.pop(key))
            batch = None
        if batch is None:
            batch = self._open[key] = _Batch(hook_id, attempt.at, size=len(_FRAME) + len(orjson.dumps(hook_id)))
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(LINGER, self.flush)
        batch.attempts.append(value)
        batch.size += len(value) + 1
        batch.done.append(done)

    def flush(self) -> None:
        """Publish all collected attempts."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batches, self._open = self._open, {}
        for batch in batches.values():
            self._send(batch)

    async def drain(self) -> None:
        """Publish all collected attempts and wait for the confirmations."""
        self.flush()
        while self._sending:
            await asyncio.wait(self._sending)

    def _send(self, batch: _Batch) -> None:
        task = asyncio.get_running_loop().create_task(self._insist(batch))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _insist(self, batch: _Batch) -> None:
        failures = 0
        while True:
            try:
                return await self._publish(batch)
            except Exception:  # a defect of ours: the owners of the attempts must not wait forever
                log.exception("attempts can't be written to %s, will be tried again", self._topic)
                failures += 1
                await asyncio.sleep(pause_after(failures))

    async def _publish(self, batch: _Batch) -> None:
        value = _FRAME % (orjson.dumps(batch.hook_id), b",".join(batch.attempts))
        try:
            await self._outbox.publish(
                self._topic,
                value,
                key=batch.hook_id,
                partition=partition_of(batch.hook_id, self._partitions),
                timestamp_ms=batch.at,
            )
        except RecordTooLarge:
            if len(batch.attempts) > 1:
                for half in batch.halves():
                    self._send(half)
                return
            # Counting must not block deliveries: an attempt that no broker accepts is missing from the counts. This
            # metric counts it.
            UNPUBLISHABLE.labels(self._topic).inc()
        except ProducerDead:
            return  # it is not counted, so its owner must not be settled: the worker ends
        for done in batch.done:
            done()
