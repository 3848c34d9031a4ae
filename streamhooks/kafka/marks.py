"""Progress on a topic, stored as committed offsets of a group that nobody joins.

A mark names its log: when the topic is recreated, progress starts again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streamhooks.kafka.clients import close_aside
from streamhooks.kafka.commits import as_read, to_metadata
from streamhooks.kafka.logs import Logs, Reading
from streamhooks.kafka.reader import TP, new_consumer
from streamhooks.settings import Settings


class Marks:
    """Marks of one kind; each call blocks until Kafka answers, for at most `timeout` seconds.

    Raises: KafkaException, when Kafka does not answer.
    """

    def __init__(self, settings: Settings, logs: Logs, kind: str, timeout: float = 10.0) -> None:
        self._logs = logs
        self._settings = settings
        self._group = f"{settings.topic_prefix}{kind}"
        self._consumer: Consumer | None = None
        self._timeout = timeout

    def read(self, tp: TP) -> int:
        """Return the offset before which all is done; 0 if nothing was stored yet."""
        marked = None
        while marked is None:
            with self._asking() as consumer:
                (found,) = consumer.committed([TopicPartition(*tp)], timeout=self._timeout)
            marked = as_read(found)
        return 0 if marked.topic_id not in ("", self._topic_id(tp)) else marked.offset

    def write(self, tp: TP, offset: int) -> None:
        """Store that all before this offset is done."""
        marked = to_metadata(Reading(offset, self._topic_id(tp)))
        with self._asking() as consumer:
            consumer.commit(offsets=[TopicPartition(*tp, offset, marked)], asynchronous=False)

    @contextmanager
    def _asking(self) -> Iterator[Consumer]:
        if self._consumer is None:
            self._consumer = new_consumer(self._settings, **{"group.id": self._group})
        try:
            yield self._consumer
        except KafkaException:
            # Use a new client next: this one may have lost all brokers, and would never find one again.
            self.close()
            raise

    def _topic_id(self, tp: TP) -> str:
        return self._logs.ids([tp[0]]).get(tp[0], "")

    def close(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            close_aside(self._consumer)
            self._consumer = None
