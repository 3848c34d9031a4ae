"""Writing to Kafka from an event loop: confirmed in the loop, and retried as long as the broker refuses."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import partial
from typing import Any

from confluent_kafka import KafkaError

from streamhooks.errors import ProducerDead, PublishError, WriteRefused
from streamhooks.kafka.lots import Lot
from streamhooks.kafka.publisher import Published, Publisher
from streamhooks.kafka.refusals import Refusals, Refused

_BAD_TIMESTAMP = (KafkaError.INVALID_TIMESTAMP, KafkaError.INVALID_RECORD)
#: errors not caused by the record itself: another one in its batch was bad, or another producer must send it
_NOT_ITS_OWN = (KafkaError._INVALID_DIFFERENT_RECORD, KafkaError._PURGE_QUEUE)  # noqa: SLF001 - their public names
#: the worker is not ready once a record has been unconfirmed for this long, in seconds
LONG_UNCONFIRMED = 10.0
#: confirmations that are told in one turn of the loop: who is told goes on in the next one, and others want a turn, too
TOLD_AT_ONCE = 32


class Outbox:
    """A publisher for one event loop, in which confirmations call back, many at a time.

    A record that the broker refuses for now (no permission, no such topic, a timestamp, …) is retried until it is
    accepted, and `troubles` says why.
    """

    def __init__(self, publisher: Publisher, loop: asyncio.AbstractEventLoop) -> None:
        self._publisher = publisher
        self._loop = loop
        self._refusals = Refusals(loop)
        self._ended: deque[Callable[[], None]] = deque()
        self._woken = False
        self._lock = threading.Lock()
        self._line = asyncio.Lock()
        self._sending: set[asyncio.Task[None]] = set()

    def begin(self, topic: str, value: bytes | None, **options: Any) -> Future[Published]:
        """Publish without waiting; thread-safe. Cancelling the future ends the retries.

        Later records may overtake one that had to wait.

        Raises:
            BufferError: the buffer is full; try again later.

        """
        if _place(topic, options) in self._refusals:
            return self._later(topic, value, options)
        return self._publisher.publish(topic, value, **options, on_refused=partial(self._begun, topic, value, options))

    def publish_soon(self, topic: str, value: bytes | None, **options: Any) -> Future[Published]:
        """Publish as `begin` does; if the buffer is full, the record waits for room in the loop."""
        try:
            return self.begin(topic, value, **options)
        except BufferError:
            return self._later(topic, value, options)

    async def publish(self, topic: str, value: bytes | None, **options: Any) -> Published:
        """Publish and wait for the confirmation.

        If the topic refuses the given timestamp, the current time is written.

        Raises:
            RecordTooLarge: the broker will never take it.
            ProducerDead: this process can't write any more.

        """
        try:
            await self._refusals.turn(_place(topic, options))
            return await self._publish_once(topic, value, options)
        except WriteRefused as error:
            return await self._publish_again(topic, value, options, error)

    def offer(self, topic: str, value: bytes | None, **options: Any) -> asyncio.Future[Published]:
        """Publish once, without waiting; the future raises the PublishError if the broker refuses the record.

        Cancelling the future does not stop the record.

        Raises:
            BufferError: the buffer is full; the record is not written.

        """
        return self._awaited(self._publisher.publish(topic, value, **options))

    def _later(self, topic: str, value: bytes | None, options: dict[str, Any]) -> Future[Published]:
        return asyncio.run_coroutine_threadsafe(self.publish(topic, value, **options), self._loop)

    def _begun(
        self, topic: str, value: bytes | None, options: dict[str, Any], future: Future[Published], error: WriteRefused
    ) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            again = asyncio.run_coroutine_threadsafe(self._publish_again(topic, value, options, error), self._loop)
            again.add_done_callback(lambda done: _copy(done, future))
            future.add_done_callback(lambda done: done.cancelled() and again.cancel())

    async def _publish_again(
        self, topic: str, value: bytes | None, options: dict[str, Any], error: WriteRefused
    ) -> Published:
        with Refused(self._refusals, _place(topic, options)) as refused:
            while True:
                if error.code in _BAD_TIMESTAMP and options.get("timestamp_ms"):
                    options = options | {"timestamp_ms": 0}
                elif error.code not in _NOT_ITS_OWN:
                    await refused.wait(error)
                try:
                    return await self._publish_once(topic, value, options)
                except WriteRefused as another:
                    error = another

    async def _publish_once(self, topic: str, value: bytes | None, options: dict[str, Any]) -> Published:
        published = await self._awaited(await self._hand_over(topic, value, options))
        self._refusals.taken(_place(topic, options))
        return published

    async def _hand_over(self, topic: str, value: bytes | None, options: dict[str, Any]) -> Future[Published]:
        if not self._line.locked():
            with contextlib.suppress(BufferError):
                return self._publisher.publish(topic, value, **options)
        # Only the first of those waiting for room in the buffer tries, so their order is kept.
        async with self._line:
            while True:
                try:
                    return self._publisher.publish(topic, value, **options)
                except BufferError:
                    await asyncio.sleep(0.02)

    def _awaited(self, handed: Future[Published]) -> asyncio.Future[Published]:
        """Return a future of the loop that ends as this one does."""
        waiting: asyncio.Future[Published] = self._loop.create_future()
        handed.add_done_callback(partial(self._collect, partial(_resolve, waiting)))
        return waiting

    def _collect(self, then: Callable[[Future[Published]], None], done: Future[Published]) -> None:
        self._tell(partial(then, done))

    def _tell(self, then: Callable[[], None]) -> None:
        # Called in the publisher's thread: one wake-up of the loop covers all confirmations until it runs.
        self._ended.append(then)
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            wake, self._woken = not self._woken, True
        if wake:
            with contextlib.suppress(RuntimeError):  # the loop is closed, so nobody waits
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        with self._lock:
            self._woken = False
        for _ in range(TOLD_AT_ONCE):
            if not self._ended:
                return
            self._ended.popleft()()
        if self._ended:
            self._wake()

    # --- many records at once

    def send(self, lot: Lot) -> None:
        """Publish the records of a lot as `publish` does, without waiting; its sink is told how they end."""
        if (lot.topic, lot.partition) in self._refusals:
            for position in range(len(lot.records)):
                self._spawn(lot, self._send_alone(lot, position))
        elif self._line.locked() or not self._is_sent(lot):
            self._spawn(lot, self._send_rest(lot))

    def _is_sent(self, lot: Lot) -> bool:
        """Hand over what is left of a lot; return False if the buffer is full."""
        try:
            self._publisher.send(lot, self._answered)
        except BufferError:
            return False
        return True

    def _spawn(self, lot: Lot, sending: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(sending)
        lot.tasks.add(task)
        self._sending.add(task)
        task.add_done_callback(lot.tasks.discard)
        task.add_done_callback(self._sending.discard)

    async def _send_rest(self, lot: Lot) -> None:
        try:
            async with self._line:
                while not self._is_sent(lot):  # noqa: ASYNC110 - no event tells that there is room
                    await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            if lot.number >= 0:
                lot.close()
            raise

    def _answered(self, lot: Lot) -> None:
        self._tell(partial(self._sort, lot))

    def _sort(self, lot: Lot) -> None:
        """Tell the sink of a lot what was confirmed, and retry what was refused."""
        if lot.is_dropped:
            return
        refused, positions = lot.refused(), range(len(lot.records))
        if len(refused) < len(positions):
            self._refusals.taken((lot.topic, lot.partition))
            lot.sink.confirmed([at for at in positions if at not in refused] if refused else positions)
        for position, error in refused.items():
            if isinstance(error, ProducerDead):
                lot.sink.failed(position, error)
            else:
                self._spawn(lot, self._send_alone(lot, position, error))

    async def _send_alone(self, lot: Lot, position: int, error: PublishError | None = None) -> None:
        record = lot.records[position]
        options = {"key": record.key, "partition": lot.partition, "timestamp_ms": record.timestamp_ms}
        try:
            if isinstance(error, WriteRefused):
                await self._publish_again(lot.topic, record.value, options, error)
            else:  # too large: if this was its batch, the publisher sends it alone
                await self.publish(lot.topic, record.value, **options)
        except Exception as failure:  # of any kind: its owner must learn of it
            lot.sink.failed(position, failure)
        else:
            lot.sink.confirmed((position,))

    # --- asking

    def oldest_unconfirmed(self) -> float:
        """Return the age of the oldest record that is not confirmed, in seconds; 0 without any."""
        return max(self._publisher.oldest_unconfirmed(), self._refusals.age())

    @property
    def troubles(self) -> list[str]:
        """Return why our writes do not reach Kafka now."""
        found = self._refusals.troubles
        age = self._publisher.oldest_unconfirmed()
        if age > LONG_UNCONFIRMED:
            found.append(f"the broker has not confirmed records for {age:.0f} s")
        return found


def _place(topic: str, options: dict[str, Any]) -> tuple[str, int]:
    return topic, options.get("partition", -1)


def _resolve(waiting: asyncio.Future[Published], done: Future[Published]) -> None:
    if waiting.done():
        return
    if (error := done.exception()) is None:
        waiting.set_result(done.result())
    else:
        waiting.set_exception(error)


def _copy(done: Future[Published], outcome: Future[Published]) -> None:
    if done.cancelled():
        outcome.cancel()
    elif not outcome.set_running_or_notify_cancel():
        return
    elif (error := done.exception()) is None:
        outcome.set_result(done.result())
    else:
        outcome.set_exception(error)
