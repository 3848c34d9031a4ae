"""Writing many records at once, confirmed together, outside the event loop.

The worker's producer reports each record in turns with the event loop: ten thousand records would take seconds while
the loop is busy. This producer reports failures only.

If an answer of Kafka is lost, a record is written twice, so writing it twice must be harmless. An idempotent producer
would prevent that, but takes half a second to start: librdkafka asks for its id before it is connected, and then waits
that long to ask again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from confluent_kafka import KafkaError, Message, Producer

from streamhooks.kafka.clients import client_config
from streamhooks.kafka.reader import Stop
from streamhooks.settings import Settings
from streamhooks.times import steady


class ToWrite(NamedTuple):
    """A record to be written."""

    topic: str
    key: str
    value: bytes
    partition: int


def write_together(settings: Settings, records: Iterable[ToWrite], *, timeout: float, stop: Stop) -> set[str]:
    """Write records, wait until all are confirmed, and return the keys of those that were refused; blocks.

    Records are written in any order, and may be written twice. A refused record may be accepted when written alone;
    if not, the reason is known then.

    Raises:
        TimeoutError: not confirmed within `timeout` seconds, or `stop` was set; some may be written.

    """
    failed = list[tuple[KafkaError, Message]]()
    producer = Producer(
        client_config(settings)
        | {
            "acks": "all",
            "message.timeout.ms": int(timeout * 1000),
            # Batches are sent when full or flushed: `flush` does not wait for the linger time.
            "linger.ms": 500,
            "compression.type": "lz4",
            "message.max.bytes": 10_000_000,
            "queue.buffering.max.kbytes": 32_768,
            "queue.buffering.max.messages": 200_000,
            "delivery.report.only.error": True,
            "on_delivery": lambda error, message: failed.append((error, message)) if error else None,
        }
    )
    deadline = steady() + timeout
    for record in records:
        while not _try_produce(producer, record):
            _check_time(deadline, stop)
    while producer.flush(0.1):
        _check_time(deadline, stop)
    if any(error.code() == KafkaError._MSG_TIMED_OUT for error, _ in failed):  # noqa: SLF001 - its public name
        raise TimeoutError("Kafka does not confirm the records")
    return {(message.key() or b"").decode() for _, message in failed}


def _try_produce(producer: Producer, record: ToWrite) -> bool:
    try:
        producer.produce(record.topic, record.value, record.key, record.partition)
    except BufferError:
        producer.poll(0.05)
        return False
    return True


def _check_time(deadline: float, stop: Stop) -> None:
    if stop.is_set():
        raise TimeoutError("the caller has gone")
    if steady() > deadline:
        raise TimeoutError("Kafka does not confirm the records")
