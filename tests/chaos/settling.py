"""When a run is over: nothing is left to read, and no call waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from chaos.evidence import is_later, read_pending
from chaos.load import SOURCES


def settled(
    brokers: str, prefix: str, timeout: float, shifts: Collection[float], more: Callable[[], str] = lambda: ""
) -> str:
    """Wait for at most `timeout` seconds; return what is left even then, or an empty text.

    shifts -- how far clocks of workers were ahead: what is due that much later is not waited for.
    more -- what else may be left, asked when nothing is in Kafka; it may make deliveries.
    """
    deadline = time.monotonic() + timeout
    while (
        left := _left(brokers, prefix, shifts) or more() or _left(brokers, prefix, shifts)
    ) and time.monotonic() < deadline:
        time.sleep(2)
    return left


def _left(brokers: str, prefix: str, shifts: Collection[float]) -> str:
    try:
        for group, topics in (("worker", SOURCES), ("counting", ("firings",))):
            for topic in topics:
                if lag := _lag(brokers, prefix + group, prefix + topic):
                    return f"{lag} records of {topic} are not settled"
            # Only what is read in full can be trusted to have made all its calls.
            if group == "worker":
                pending = [one for one in read_pending(brokers, prefix).values() if not is_later(one, shifts)]
                if pending:
                    return f"{len(pending)} calls are pending"
    except (KafkaException, AssertionError, TimeoutError) as error:
        return f"Kafka does not answer: {error}"
    return ""


def _lag(brokers: str, group: str, topic: str) -> int:
    """Return how many records of the topic are not committed by the group."""
    client = Consumer({"bootstrap.servers": brokers, "group.id": "chaos", "log_level": 0})
    try:
        partitions = client.list_topics(topic, 10).topics[topic].partitions
        found = committed(AdminClient({"bootstrap.servers": brokers, "log_level": 0}), group, topic, partitions)
        lag = 0
        for number in partitions:
            first, end = client.get_watermark_offsets(TopicPartition(topic, number), 10)
            known = found.get(number, 0)
            # What is committed behind the end is of a log that is gone.
            lag += end - (max(first, known) if known <= end else first)
        return lag
    finally:
        client.close()


def committed(admin: AdminClient, group: str, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """Return what the group has committed, of the partitions of which it has."""
    asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, number) for number in partitions])
    found = admin.list_consumer_group_offsets([asked])[group].result(30)
    return {tp.partition: tp.offset for tp in found.topic_partitions if tp.offset >= 0}
