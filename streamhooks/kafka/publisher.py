"""What this process writes to Kafka: confirmed by all in-sync replicas, tried until it is, in a bounded buffer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streamhooks.errors import NotPermitted, UnpublishableRecord
from streamhooks.kafka.clients import client_config
from streamhooks.settings import Settings

log = logging.getLogger(__name__)

Headers = list[tuple[str, bytes]]

_NOT_PERMITTED = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)
#: how long until a record is tried again that we may not write, in seconds
PERMISSION_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Published:
    """Where a record of ours lies now."""

    topic: str
    partition: int
    offset: int


class Publisher:
    """One producer for the whole process.

    `publish` may be called from any thread. Its future is resolved when the broker has confirmed the record. A broker
    that is away costs time only: librdkafka tries for ever, and a full buffer makes `publish` raise BufferError.
    """

    def __init__(self, settings: Settings) -> None:
        config = client_config(settings) | {
            "acks": "all",
            "enable.idempotence": True,
            "message.timeout.ms": 0,
            # What we write is bookkeeping: it can wait a little, and fewer batches cost everybody less.
            "linger.ms": 20,
            "compression.type": "lz4",
            "message.max.bytes": 10_000_000,
            "queue.buffering.max.kbytes": 32_768,
            "queue.buffering.max.messages": 200_000,
            "partitioner": "murmur2_random",
        }
        self._producer = Producer(config)
        self._troubles: dict[str, str] = {}
        #: called, in the publisher's thread, with the reason why this producer can't go on
        self.on_fatal: Callable[[str], None] = lambda _reason: None
        self._stopping = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="publisher", daemon=True)
        self._poller.start()

    def publish(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: str | bytes | None = None,
        partition: int = -1,
        timestamp_ms: int = 0,
        headers: Headers | None = None,
    ) -> Future[Published]:
        """Hand a record over.

        Returns: a future of where it lies; it raises UnpublishableRecord when the broker will never take it.

        Raises:
            BufferError: the buffer is full; try again later.

        """
        future: Future[Published] = Future()
        # Who waits may give up, the record goes its way: a future that was cancelled can't be resolved.
        future.set_running_or_notify_cancel()
        optional: dict[str, Any] = {"headers": headers} if headers else {}
        try:
            self._producer.produce(
                topic,
                value=value,
                key=key,
                partition=partition,
                timestamp=timestamp_ms,
                on_delivery=lambda error, message: self._delivered(future, error, message),
                **optional,
            )
        except KafkaException as error:
            future.set_exception(UnpublishableRecord(error.args[0].str()))
        return future

    def _delivered(self, future: Future[Published], error: KafkaError | None, message: Message) -> None:
        if error is None:
            self._troubles.pop(message.topic(), None)
            future.set_result(Published(message.topic(), message.partition(), message.offset()))
            return
        if error.fatal():
            # This producer will never send again: what is not confirmed is done again by a new process.
            self.on_fatal(error.str())
        elif error.code() != KafkaError.MSG_SIZE_TOO_LARGE:
            self._note_trouble(message.topic(), error.str())
        kind = NotPermitted if error.code() in _NOT_PERMITTED else UnpublishableRecord
        future.set_exception(kind(error.str()))

    def _note_trouble(self, topic: str, reason: str) -> None:
        if topic not in self._troubles:
            log.critical("the broker does not take records on %s: %s", topic, reason)
        self._troubles[topic] = f"the broker does not take records on {topic}: {reason}"

    @property
    def troubles(self) -> list[str]:
        """Why the broker does not take our records, a line a topic, as long as it does not."""
        return sorted(self._troubles.values())

    def _poll(self) -> None:
        while not self._stopping.is_set():
            try:
                self._producer.poll(0.5)
            except Exception:
                # Raised by a callback. Without this thread nothing would ever be confirmed again.
                log.exception("a confirmation could not be told")

    def __len__(self) -> int:
        return len(self._producer)

    def close(self, timeout: float) -> int:
        """Wait up to `timeout` seconds for what is not confirmed yet.

        Returns: how many records are still not confirmed.
        """
        left = int(self._producer.flush(timeout))
        self._stopping.set()
        self._poller.join(timeout=1)
        return left


class Outbox:
    """A publisher for one event loop: confirmations call back in the loop, many at a time."""

    def __init__(self, publisher: Publisher, loop: asyncio.AbstractEventLoop) -> None:
        self._publisher = publisher
        self._loop = loop
        self._confirmed: deque[tuple[Callable[[Future[Published]], None], Future[Published]]] = deque()
        self._woken = False
        self._lock = threading.Lock()

    def send(
        self,
        topic: str,
        value: bytes | None,
        then: Callable[[Future[Published]], None],
        **options: Any,
    ) -> None:
        """Publish, and call `then` in the loop with the finished future.

        Raises:
            BufferError: the buffer is full; see `wait_for_room`.

        """
        future = self._publisher.publish(topic, value, **options)
        future.add_done_callback(lambda done: self._collect(then, done))

    def publish_soon(self, topic: str, value: bytes | None, **options: Any) -> Future[Published]:
        """Publish, in the loop, as soon as there is room in the buffer; see `Publisher.publish`.

        What follows may overtake what had to wait.
        """
        try:
            return self._publisher.publish(topic, value, **options)
        except BufferError:
            return asyncio.run_coroutine_threadsafe(self.publish(topic, value, **options), self._loop)

    async def publish(self, topic: str, value: bytes | None, **options: Any) -> Published:
        """Publish and wait for the confirmation; waits for room in the buffer, too, and for the permission to write.

        Raises:
            UnpublishableRecord: the broker will never take it.

        """
        while True:
            try:
                return await self._publish_once(topic, value, options)
            except BufferError:
                await asyncio.sleep(0.05)
            except NotPermitted:
                # The health check says so. Nothing is settled meanwhile, and nothing is lost.
                await asyncio.sleep(PERMISSION_PAUSE)

    async def _publish_once(self, topic: str, value: bytes | None, options: dict[str, Any]) -> Published:
        waiting: asyncio.Future[Published] = self._loop.create_future()

        def resolve(done: Future[Published]) -> None:
            if not waiting.done():
                error = done.exception()
                if error is None:
                    waiting.set_result(done.result())
                else:
                    waiting.set_exception(error)

        self.send(topic, value, resolve, **options)
        return await waiting

    def _collect(self, then: Callable[[Future[Published]], None], done: Future[Published]) -> None:
        # From the publisher's thread: one wake-up of the loop for all that is confirmed until it runs.
        self._confirmed.append((then, done))
        with self._lock:
            wake, self._woken = not self._woken, True
        if wake:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        with self._lock:
            self._woken = False
        while self._confirmed:
            then, done = self._confirmed.popleft()
            then(done)
