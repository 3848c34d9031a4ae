from __future__ import annotations

import json
import time
from collections.abc import Mapping

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from support.eventually import eventually

_TIMEOUT = 30.0
#: what a leader answers that was elected just now, or whose topic was made just now
_SOON = (KafkaError.OFFSET_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)


def create_topic(brokers: str, topic: str, partitions: int = 1, replication: int = 1, **config: object) -> None:
    """Create a topic; `config` with `_` for `.`: `cleanup_policy="compact"`."""
    settings = {name.replace("_", "."): str(value) for name, value in config.items()}
    admin = AdminClient({"bootstrap.servers": brokers})
    admin.create_topics([NewTopic(topic, partitions, replication, config=settings)])[topic].result(_TIMEOUT)


def produce(
    brokers: str,
    topic: str,
    key: str | bytes | None,
    value: object,
    *,
    headers: Mapping[str, str | bytes] | None = None,
    partition: int | None = None,
    timestamp: int | None = None,
) -> Message:
    """Write one record and return it as confirmed (with `partition()` and `offset()`).

    value -- bytes as they are, None for a tombstone, all else as JSON. timestamp -- epoch milliseconds.
    Raises KafkaException if the broker doesn't take it.
    """
    confirmed: list[tuple[KafkaError | None, Message]] = []
    producer = Producer({"bootstrap.servers": brokers, "partitioner": "murmur2_random", "linger.ms": 0})
    optional = {
        name: given
        for name, given in (
            ("headers", list(headers.items()) if headers else None),
            ("partition", partition),
            ("timestamp", timestamp),
        )
        if given is not None
    }
    data = value if isinstance(value, bytes | None) else json.dumps(value).encode()
    producer.produce(topic, data, key, on_delivery=lambda *answer: confirmed.append(answer), **optional)
    producer.flush(_TIMEOUT)
    if not confirmed:
        raise AssertionError(f"{topic}: no confirmation within {_TIMEOUT} s")
    error, message = confirmed[0]
    if error:
        raise KafkaException(error)
    return message


def consume_all(brokers: str, topic: str) -> list[Message]:
    """Return all records that a topic holds now, by partition and offset."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "consume-all",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        known = consumer.list_topics(topic, _TIMEOUT).topics[topic]
        if known.error:
            raise KafkaException(known.error)
        # What is written from now on is left out: a topic under load has no end.
        ends = {}
        for number in known.partitions:
            first, end = _ends(consumer, TopicPartition(topic, number))
            if first < end:
                ends[number] = end
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in ends])
        found = []
        while ends:
            message = consumer.poll(_TIMEOUT)
            if message is None:
                raise AssertionError(f"{topic}: the ends {ends} were not reached")
            number, error = message.partition(), message.error()
            if error and error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            if number in ends and not error and message.offset() < ends[number]:
                found.append(message)
            # Compaction may have taken the last offset, so the end of the partition counts too.
            if error or message.offset() >= ends.get(number, 0) - 1:
                ends.pop(number, None)
    finally:
        consumer.close()
    return sorted(found, key=lambda message: (message.partition(), message.offset()))


def _ends(consumer: Consumer, tp: TopicPartition) -> tuple[int, int]:
    """Return the first and the next offset; retried, since a leader that was just elected does not know them yet."""
    deadline = time.monotonic() + _TIMEOUT
    while True:
        try:
            ends: tuple[int, int] = consumer.get_watermark_offsets(tp, _TIMEOUT)
            return ends
        except KafkaException as error:
            if error.args[0].code() not in _SOON or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def make_anew(brokers: str, topic: str, partitions: int | None = None) -> None:
    """Delete a topic and recreate it with so many partitions; None for as many as it had."""
    admin = AdminClient({"bootstrap.servers": brokers})
    count = partitions or len(admin.list_topics(topic, _TIMEOUT).topics[topic].partitions)
    admin.delete_topics([topic], operation_timeout=_TIMEOUT)[topic].result(_TIMEOUT)
    eventually(lambda: topic not in admin.list_topics(timeout=_TIMEOUT).topics)

    def made() -> bool:
        admin.create_topics([NewTopic(topic, count, 1)])[topic].result(_TIMEOUT)
        return True

    eventually(made)
    eventually(lambda: topic in admin.list_topics(timeout=_TIMEOUT).topics)
