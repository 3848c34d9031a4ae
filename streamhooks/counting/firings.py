"""Writes attempts to the topic `firings`: many attempts of one hook in one record, confirmed together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import orjson
from msgspec import Struct, field

from streamhooks.errors import ProducerDead, RecordTooLarge
from streamhooks.in_flight.backoff import pause_after
from streamhooks.kafka.lots import Lot, Plain
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


class _Batch(Struct, eq=False):
    hook_id: str
    at: int
    attempts: list[bytes] = field(default_factory=list)
    size: int = 0
    """Size of the record, in bytes."""
    done: list[Done] = field(default_factory=list)
    failures: int = 0
    """How often it could not be written for a reason that is not Kafka's."""

    def record(self) -> Plain:
        """Return the record of `firings`."""
        value = _FRAME % (orjson.dumps(self.hook_id), b",".join(self.attempts))
        return Plain(self.hook_id.encode(), value, self.at)

    def halves(self) -> Iterator[_Batch]:
        """Yield its attempts as two batches, since the topic accepts no record of this size."""
        middle = len(self.attempts) // 2
        for part in (slice(middle), slice(middle, None)):
            yield _Batch(self.hook_id, self.at, self.attempts[part], done=self.done[part])


class Firings:
    """Collects attempts by hook and bucket; calls `done` when the broker has confirmed the record.

    The bucket is that of the attempts' `at`. The record's timestamp is in it, unless the topic refuses that timestamp.
    The records of a partition are written as a lot, so an attempt waits for those beside it.
    """

    def __init__(self, outbox: Outbox, topic: str, partitions: int) -> None:
        self._outbox = outbox
        self._topic = topic
        self._partitions = partitions
        self._open: dict[tuple[str, int], _Batch] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._unconfirmed = 0
        self._drained = asyncio.Event()

    def add(self, hook_id: str, attempt: Attempt, done: Done) -> None:
        """Add an attempt; it is published within a fraction of a second."""
        value = attempt.to_json()
        key = (hook_id, attempt.at // BUCKET_MS)
        batch = self._open.get(key)
        if batch is not None and batch.size + len(value) > MAX_BYTES:
            self._send([self._open.pop(key)])
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
        self._send(batches.values())

    async def drain(self) -> None:
        """Publish all collected attempts and wait for the confirmations."""
        self.flush()
        while self._unconfirmed:
            self._drained.clear()
            await self._drained.wait()

    def _send(self, batches: Iterable[_Batch]) -> None:
        lots: dict[int, list[_Batch]] = {}
        for batch in batches:
            self._unconfirmed += 1
            lots.setdefault(partition_of(batch.hook_id, self._partitions), []).append(batch)
        for partition, found in lots.items():
            sink = _Sink(found, self._end, self._failed)
            self._outbox.send(Lot(self._topic, partition, [batch.record() for batch in found], sink))

    def _end(self, batch: _Batch) -> None:
        for done in batch.done:
            done()
        self._forget()

    def _forget(self) -> None:
        self._unconfirmed -= 1
        self._drained.set()

    def _failed(self, batch: _Batch, error: Exception) -> None:
        if isinstance(error, ProducerDead):
            self._forget()  # it is not counted, so its owner must not be settled: the worker ends
        elif not isinstance(
            error, RecordTooLarge
        ):  # a defect of ours: the owners of the attempts must not wait forever
            log.error("attempts can't be written to %s, will be tried again", self._topic, exc_info=error)
            batch.failures += 1
            asyncio.get_running_loop().call_later(pause_after(batch.failures), self._send_again, batch)
        elif len(batch.attempts) > 1:
            self._send(batch.halves())
            self._forget()
        else:
            # Counting must not block deliveries: an attempt that no broker accepts is missing from the counts. This
            # metric counts it.
            UNPUBLISHABLE.labels(self._topic).inc()
            self._end(batch)

    def _send_again(self, batch: _Batch) -> None:
        self._send([batch])
        self._forget()


@dataclass(frozen=True, slots=True)
class _Sink:
    batches: list[_Batch]
    end: Callable[[_Batch], None]
    fail: Callable[[_Batch, Exception], None]

    def confirmed(self, positions: Sequence[int]) -> None:
        """Let the owners of these batches go on."""
        for position in positions:
            self.end(self.batches[position])

    def failed(self, position: int, error: Exception) -> None:
        """Try the batch again, or give it up."""
        self.fail(self.batches[position], error)
