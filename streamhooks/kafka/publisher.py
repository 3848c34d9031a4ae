"""Writing to Kafka: retried until all in-sync replicas have confirmed, from a bounded buffer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message

from streamhooks.errors import NotConfirmed, ProducerDead, PublishError, RecordTooLarge, WriteRefused
from streamhooks.kafka.clients import client_config
from streamhooks.kafka.known_brokers import WatchedProducer
from streamhooks.kafka.lots import Lot
from streamhooks.settings import Settings
from streamhooks.times import steady

log = logging.getLogger(__name__)

Headers = list[tuple[str, bytes]]

_TOO_LARGE = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE)
_UNKNOWN = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)  # noqa: SLF001 - its public name
_NO_TOPIC = "there is no such topic: a worker creates it at its start, as does `streamhooks topics create`"


@dataclass(frozen=True, slots=True)
class Published:
    """The coordinates of a record that was written."""

    topic: str
    partition: int
    offset: int

    @property
    def source(self) -> str:
        """Return the coordinates as text: `<topic>:<partition>:<offset>`."""
        return f"{self.topic}:{self.partition}:{self.offset}"


OnRefused = Callable[[Future[Published], WriteRefused], None]


class _Handed(NamedTuple):
    """A record handed to the producer."""

    number: int
    future: Future[Published]
    on_refused: OnRefused | None
    is_alone: bool = False
    """Sent in a batch of its own."""


class Publisher:
    """One producer for the whole process.

    `publish` is thread-safe. Its future is resolved when the broker has confirmed the record. While the broker is away,
    librdkafka retries forever, and a full buffer makes `publish` raise BufferError. `options` of librdkafka replace
    ours.
    """

    def __init__(
        self,
        settings: Settings,
        on_fatal: Callable[[str], None] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._on_fatal = on_fatal
        self._config = (
            client_config(settings)
            | {
                "acks": "all",
                "enable.idempotence": True,
                # With more, librdkafka fails for good when one of the batches is refused for too few in-sync replicas.
                "max.in.flight.requests.per.connection": 1,
                "message.timeout.ms": 0,
                # We write bookkeeping: it can wait a little, and fewer batches cost less.
                "linger.ms": 20,
                "compression.type": "lz4",
                "message.max.bytes": 10_000_000,
                "queue.buffering.max.kbytes": 32_768,
                "queue.buffering.max.messages": 200_000,
                "partitioner": "murmur2_random",
                "error_cb": self._noticed,
            }
            | dict(options or {})
        )
        self._producer = WatchedProducer(self._config)
        self._one_by_one: WatchedProducer | None = None
        self._previous: list[WatchedProducer] = []
        self._dead: str | None = None
        self._numbers = count()
        self._began: dict[int, float] = {}  # start times of unconfirmed records, oldest first
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
        on_refused: OnRefused | None = None,
    ) -> Future[Published]:
        """Hand a record to the producer.

        Returns: a future of its coordinates, which raises a PublishError if the broker refuses the record. If the error
        is a WriteRefused and `on_refused` is given, it is called with the future and must resolve it later. Cancelling
        the future does not stop the record.

        Raises:
            BufferError: the buffer is full; try again later.

        """
        future: Future[Published] = Future()
        optional: dict[str, Any] = {"headers": headers} if headers else {}
        number = next(self._numbers)
        handed = _Handed(number, future, on_refused)
        if self._dead is not None:
            future.set_exception(ProducerDead(self._dead))
            return future
        self._began[number] = steady()
        try:
            self._producer.produce(
                topic,
                value=value,
                key=key,
                partition=partition,
                timestamp=timestamp_ms,
                on_delivery=partial(self._delivered, handed),
                **optional,
            )
        except KafkaException as error:
            self._end(handed, self._error_of(error.args[0]))
        except BaseException:  # the buffer is full, or the arguments are wrong
            del self._began[number]
            raise
        return future

    def send(self, lot: Lot, told: Callable[[Lot], None]) -> None:
        """Hand over what is left of a lot; `told` is called, from any thread, when the broker has answered for all.

        Raises:
            BufferError: the buffer is full; call it again later, or close the lot.

        """
        if lot.number < 0:
            number = next(self._numbers)
            self._began[number] = steady()
            lot.begin(number, self._error_of, partial(self._answered, told))
        produce, topic, partition, delivered = self._producer.produce, lot.topic, lot.partition, lot.delivered
        for record in lot.rest():
            if self._dead is not None:
                lot.refuse(record, ProducerDead(self._dead))
                continue
            try:
                produce(
                    topic, record.value, record.key, partition, on_delivery=delivered, timestamp=record.timestamp_ms
                )
            except KafkaException as error:
                lot.refuse(record, self._error_of(error.args[0]))
        lot.close()

    def _answered(self, told: Callable[[Lot], None], lot: Lot) -> None:
        self._began.pop(lot.number, None)
        told(lot)

    def _delivered(self, handed: _Handed, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self._end(handed, Published(message.topic(), message.partition(), message.offset()))
        elif error.code() in _TOO_LARGE and not handed.is_alone:
            self._send_alone(handed, message)
        else:
            self._end(handed, self._error_of(error))

    def _end(self, handed: _Handed, outcome: Published | PublishError) -> None:
        self._began.pop(handed.number, None)
        future = handed.future
        if isinstance(outcome, WriteRefused) and handed.on_refused is not None:
            handed.on_refused(future, outcome)
        elif future.set_running_or_notify_cancel():
            if isinstance(outcome, Published):
                future.set_result(outcome)
            else:
                future.set_exception(outcome)

    def _send_alone(self, handed: _Handed, message: Message) -> None:
        """Send a record in a batch of its own: its batch was too large, but the record may not be."""
        try:
            if self._one_by_one is None:
                self._one_by_one = WatchedProducer(self._config | {"batch.num.messages": 1, "linger.ms": 0})
            headers = message.headers()
            self._one_by_one.produce(
                message.topic(),
                value=message.value(),
                key=message.key(),
                partition=message.partition(),
                timestamp=message.timestamp()[1],
                on_delivery=partial(self._delivered, handed._replace(is_alone=True)),
                **({"headers": headers} if headers else {}),
            )
        except (BufferError, KafkaException) as error:
            self._end(handed, WriteRefused(f"it can't be sent in a batch of its own: {error}"))

    def _error_of(self, error: KafkaError) -> PublishError:
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 - its public name
            self._die(error.str())
        if self._dead is not None:
            return ProducerDead(self._dead)
        if error.code() in _TOO_LARGE:
            return RecordTooLarge(error.str())
        if error.code() == KafkaError._MSG_TIMED_OUT:  # noqa: SLF001 - its public name
            return NotConfirmed("Kafka has not confirmed the record in time")
        return WriteRefused(_NO_TOPIC if error.code() in _UNKNOWN else error.str(), error.code())

    def _noticed(self, error: KafkaError) -> None:
        # An error that ends the producer is not always marked as fatal itself.
        if error.code() == KafkaError._FATAL:  # noqa: SLF001 - its public name
            self._error_of(error)

    def _die(self, reason: str) -> None:
        """Send nothing more: a new process will repeat what is not confirmed."""
        if self._dead is None:
            self._dead = reason
            if self._on_fatal is not None:
                self._on_fatal(reason)

    def _die_if_lost(self) -> None:
        # A new producer would not do: unconfirmed records may be written, and brokers recognize them by this one's id.
        for producer in self._producers():
            if producer.brokers.are_lost and producer.brokers.records:
                self._die("it has lost all brokers, and asks for none (librdkafka#5301)")
                producer.purge()

    def oldest_unconfirmed(self) -> float:
        """Return the age of the oldest record that is not confirmed, in seconds; 0 without any."""
        now = steady()
        # The keys are copied at once, since the publisher's thread removes some meanwhile.
        oldest = next(iter(tuple(self._began)), None)
        return 0.0 if oldest is None else now - self._began.get(oldest, now)

    def _poll(self) -> None:
        while not self._stopping.is_set():
            try:
                self._producer.poll(0.5)
                if self._one_by_one is not None:
                    self._one_by_one.poll(0)
                self._empty_previous()
                self._die_if_lost()
            except BaseException:  # whatever it is
                # Raised by a callback. Without this thread nothing would ever be confirmed again.
                log.exception("the callback of a confirmation failed")

    def renew(self) -> None:
        """Write with a new producer from now on; what the previous one has not sent ends as a refused write."""
        previous, self._producer = self._producers(), WatchedProducer(self._config)
        self._one_by_one = None
        self._previous += previous

    def _empty_previous(self) -> None:
        for producer in list(self._previous):
            # Records in flight may be written: they are not sent twice, but confirmed or put back into the queue.
            producer.purge(in_queue=True, in_flight=False)
            producer.poll(0)
            if not len(producer):
                self._previous.remove(producer)

    @property
    def is_dead(self) -> bool:
        """Tell whether nothing more can be written."""
        return self._dead is not None

    def __len__(self) -> int:
        return sum(map(len, self._producers()))

    def _producers(self) -> list[WatchedProducer]:
        return [self._producer] if self._one_by_one is None else [self._producer, self._one_by_one]

    def close(self, timeout: float) -> int:
        """Wait up to `timeout` seconds for unconfirmed records.

        Returns: how many records are still not confirmed.
        """
        deadline = steady() + timeout
        # Records of a batch that is too large move from one producer to another meanwhile.
        while self._began and (left := deadline - steady()) > 0:
            for producer in self._producers():
                producer.flush(min(left, 0.1))
        self._stopping.set()
        self._poller.join(timeout=1)
        return len(self._began)
