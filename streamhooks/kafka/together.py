"""Many records that are written together, and confirmed together, outside of the event loop.

The producer of the worker tells of each record, which takes turns with the event loop: ten thousand would take seconds
where that is busy. This one tells of failures alone.

An answer of Kafka that gets lost has a record written twice, so what is written here must say the same then. An
idempotent producer would prevent it, but takes half a second to begin: librdkafka asks for its id before it is
connected, and asks again after so long.
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
    """A record that is to be written."""

    topic: str
    key: str
    value: bytes
    partition: int


def write_together(settings: Settings, records: Iterable[ToWrite], *, timeout: float, stop: Stop) -> set[str]:
    """Write records; returns when all are confirmed, with the keys of those that were refused; blocks.

    They may come in any order, and one may be written twice.
    Who writes a refused one alone may succeed, or learns why not.

    Raises:
        TimeoutError: they are not confirmed within `timeout` seconds, or `stop` was set; some may be written.

    """
    failed = list[tuple[KafkaError, Message]]()
    producer = Producer(
        client_config(settings)
        | {
            "acks": "all",
            "message.timeout.ms": int(timeout * 1000),
            # Nothing leaves before all is here, unless it is much: `flush` does not wait so long.
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
        while not _produced(producer, record):
            _go_on(deadline, stop)
    while producer.flush(0.1):
        _go_on(deadline, stop)
    if any(error.code() == KafkaError._MSG_TIMED_OUT for error, _ in failed):  # noqa: SLF001 - its public name
        raise TimeoutError("Kafka does not confirm what is written")
    return {(message.key() or b"").decode() for _, message in failed}


def _produced(producer: Producer, record: ToWrite) -> bool:
    try:
        producer.produce(record.topic, record.value, record.key, record.partition)
    except BufferError:
        producer.poll(0.05)
        return False
    return True


def _go_on(deadline: float, stop: Stop) -> None:
    if stop.is_set():
        raise TimeoutError("nobody waits for it any more")
    if steady() > deadline:
        raise TimeoutError("Kafka does not confirm what is written")
