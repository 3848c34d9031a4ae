"""Plain Kafka clients of the benchmarks: writing, and knowing when everything written is settled."""

from __future__ import annotations

import time
from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from streamhooks.errors import Refusal

Pair = tuple[str, bytes]
_TIMEOUT = 30.0


def create_topic(brokers: str, name: str, partitions: int) -> None:
    """Create a topic; Kafka's own default settings."""
    admin = AdminClient({"bootstrap.servers": brokers})
    admin.create_topics([NewTopic(name, partitions, 1)])[name].result(_TIMEOUT)


class Writer:
    """A producer that waits for its confirmations."""

    def __init__(self, brokers: str, linger_ms: float = 20) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": brokers,
                "partitioner": "murmur2_random",
                "linger.ms": linger_ms,
                "log_level": 0,  # Kafka ends before its clients
                "queue.buffering.max.messages": 1_000_000,
                "queue.buffering.max.kbytes": 1_000_000,
            }
        )

    def send(self, topic: str, key: str, value: bytes | None, partition: int = -1, timestamp_ms: int = 0) -> None:
        """Hand a record over; wait while the buffer is full."""
        while True:
            try:
                self._producer.produce(topic, value, key, partition, timestamp=timestamp_ms)
            except BufferError:
                self._producer.poll(1)
            else:
                break
        self._producer.poll(0)

    def write(self, topic: str, pairs: Iterable[Pair]) -> None:
        """Write records and wait until Kafka has them."""
        for key, value in pairs:
            self.send(topic, key, value)
        self.flush()

    def flush(self) -> None:
        """Wait until Kafka has everything that was handed over; raise Refusal if it refuses a record."""
        if left := self._producer.flush(120):
            raise Refusal(f"Kafka did not take {left} records within 120 s")


class Group:
    """The commits of a consumer group on a topic; reads them without joining the group."""

    def __init__(self, brokers: str, group: str, topic: str) -> None:
        self._topic = topic
        self._consumer = Consumer(
            {"bootstrap.servers": brokers, "group.id": group, "enable.auto.commit": False, "log_level": 0}
        )

    def lag(self) -> int:
        """Return the number of records of the topic that are not committed."""
        known = self._consumer.list_topics(self._topic, _TIMEOUT).topics[self._topic].partitions
        committed = self._consumer.committed([TopicPartition(self._topic, number) for number in known], _TIMEOUT)
        lag = 0
        for one in committed:
            first, end = self._consumer.get_watermark_offsets(one, _TIMEOUT)
            lag += end - (one.offset if one.offset >= 0 else first)
        return lag

    def wait_settled(self, timeout: float) -> None:
        """Wait until the whole topic is committed; raise Refusal after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while left := self._left():
            if time.monotonic() > deadline:
                raise Refusal(f"{left} of {self._topic} not committed within {timeout:.0f} s")
            time.sleep(0.1)

    def _left(self) -> str:
        """Return what is not committed, in words; nothing if all is."""
        try:
            lag = self.lag()
        except KafkaException as error:  # a busy broker loses its partitions for a moment
            return f"what could not be asked for ({error})"
        return f"{lag} records" if lag else ""
