"""Writing to Kafka from an event loop: confirmed in the loop, and retried as long as the broker refuses."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from confluent_kafka import KafkaError

from streamhooks.errors import WriteRefused
from streamhooks.kafka.publisher import Published, Publisher
from streamhooks.kafka.refusals import Refusals, Refused

_BAD_TIMESTAMP = (KafkaError.INVALID_TIMESTAMP, KafkaError.INVALID_RECORD)
#: errors not caused by the record itself: another one in its batch was bad, or another producer must send it
_NOT_ITS_OWN = (KafkaError._INVALID_DIFFERENT_RECORD, KafkaError._PURGE_QUEUE)  # noqa: SLF001 - their public names
#: the worker is not ready once a record has been unconfirmed for this long, in seconds
LONG_UNCONFIRMED = 10.0


class Outbox:
    """A publisher for one event loop, in which confirmations call back, many at a time.

    A record that the broker refuses for now (no permission, no such topic, a timestamp, …) is retried until it is
    accepted, and `troubles` says why.
    """

    def __init__(self, publisher: Publisher, loop: asyncio.AbstractEventLoop) -> None:
        self._publisher = publisher
        self._loop = loop
        self._refusals = Refusals(loop)
        self._confirmed: deque[tuple[Callable[[Future[Published]], None], Future[Published]]] = deque()
        self._woken = False
        self._lock = threading.Lock()
        self._line = asyncio.Lock()

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
        waiting: asyncio.Future[Published] = self._loop.create_future()
        handed = await self._hand_over(topic, value, options)
        handed.add_done_callback(partial(self._collect, partial(_resolve, waiting)))
        published = await waiting
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

    def _collect(self, then: Callable[[Future[Published]], None], done: Future[Published]) -> None:
        # Called in the publisher's thread: one wake-up of the loop covers all confirmations until it runs.
        self._confirmed.append((then, done))
        with self._lock:
            wake, self._woken = not self._woken, True
        if wake:
            with contextlib.suppress(RuntimeError):  # the loop is closed, so nobody waits
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        with self._lock:
            self._woken = False
        while self._confirmed:
            then, done = self._confirmed.popleft()
            then(done)

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
