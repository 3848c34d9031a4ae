"""How far something has come on a topic, kept as committed offsets of a group that nobody joins.

A mark names the log that it is about: when the topic is made anew, nothing of it is done.
"""

from __future__ import annotations

from confluent_kafka import TopicPartition

from streamhooks.kafka.commits import as_read, to_metadata
from streamhooks.kafka.logs import Logs, Reading
from streamhooks.kafka.reader import TP, new_consumer
from streamhooks.settings import Settings


class Marks:
    """Marks of one kind; each call blocks for as long as Kafka takes to answer, at most `timeout` seconds.

    Raises: KafkaException, when it does not.
    """

    def __init__(self, settings: Settings, logs: Logs, kind: str, timeout: float = 10.0) -> None:
        self._logs = logs
        self._consumer = new_consumer(settings, **{"group.id": f"{settings.topic_prefix}{kind}"})
        self._timeout = timeout

    def read(self, tp: TP) -> int:
        """The offset before which all is done; 0 if nothing was marked yet."""
        marked = None
        while marked is None:
            (found,) = self._consumer.committed([TopicPartition(*tp)], timeout=self._timeout)
            marked = as_read(found)
        return 0 if marked.topic_id not in ("", self._topic_id(tp)) else marked.offset

    def write(self, tp: TP, offset: int) -> None:
        """All before this offset is done."""
        marked = to_metadata(Reading(offset, self._topic_id(tp)))
        self._consumer.commit(offsets=[TopicPartition(*tp, offset, marked)], asynchronous=False)

    def _topic_id(self, tp: TP) -> str:
        return self._logs.ids([tp[0]]).get(tp[0], "")

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()
