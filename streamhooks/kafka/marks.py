"""How far something has come on a topic, kept as committed offsets of a group that nobody joins."""

from __future__ import annotations

from confluent_kafka import TopicPartition

from streamhooks.kafka.reader import TP, new_consumer
from streamhooks.settings import Settings


class Marks:
    """Marks of one kind; each call blocks for as long as Kafka takes to answer, at most `timeout` seconds.

    Raises: KafkaException, when it does not.
    """

    def __init__(self, settings: Settings, kind: str, timeout: float = 10.0) -> None:
        self._consumer = new_consumer(settings, **{"group.id": f"{settings.topic_prefix}{kind}"})
        self._timeout = timeout

    def read(self, tp: TP) -> int:
        """The offset before which all is done; 0 if nothing was marked yet."""
        (found,) = self._consumer.committed([TopicPartition(*tp)], timeout=self._timeout)
        return max(0, int(found.offset))

    def write(self, tp: TP, offset: int) -> None:
        """All before this offset is done."""
        self._consumer.commit(offsets=[TopicPartition(*tp, offset)], asynchronous=False)

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()
