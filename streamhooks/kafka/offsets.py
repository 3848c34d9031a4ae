"""Offsets of a topic: its ends, and the offset of a moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streamhooks.kafka.reader import TP, new_consumer
from streamhooks.settings import Settings

TIMEOUT = 10.0


class Offsets:
    """Asks Kafka about offsets; each call blocks.

    Raises: TimeoutError, when Kafka does not answer within `timeout` seconds.
    """

    def __init__(self, settings: Settings, timeout: float = TIMEOUT) -> None:
        self._settings = settings
        self._timeout = timeout

    def partitions(self, topic: str) -> list[int]:
        """Return the partitions of a topic; none for an unknown topic."""
        with self._asking() as consumer:
            return sorted(consumer.list_topics(topic, timeout=self._timeout).topics[topic].partitions)

    def ends(self, tps: list[TP]) -> dict[TP, tuple[int, int]]:
        """Return the first offset that Kafka still holds and the next one, per partition."""
        with self._asking() as consumer:
            return {tp: consumer.get_watermark_offsets(TopicPartition(*tp), timeout=self._timeout) for tp in tps}

    def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        """Return the same of a whole topic, by partition."""
        found = self.ends([(topic, number) for number in self.partitions(topic)])
        return {number: bounds for (_, number), bounds in found.items()}

    def at(self, tps: list[TP], milliseconds: int) -> dict[TP, int]:
        """Return the offset of the first record at or after a moment (epoch milliseconds), else the next offset.

        Records after it may be older.
        """
        with self._asking() as consumer:
            wanted = [TopicPartition(*tp, max(0, milliseconds)) for tp in tps]
            found = consumer.offsets_for_times(wanted, timeout=self._timeout)
            return {
                (one.topic, one.partition): one.offset
                if one.offset >= 0
                else consumer.get_watermark_offsets(TopicPartition(one.topic, one.partition), timeout=self._timeout)[1]
                for one in found
            }

    @contextmanager
    def _asking(self) -> Iterator[Consumer]:
        consumer = new_consumer(self._settings)
        try:
            yield consumer
        except KafkaException as error:
            raise TimeoutError(f"Kafka does not answer: {error.args[0].str()}") from None
        finally:
            consumer.close()
