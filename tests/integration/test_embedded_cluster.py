"""`streamhooks kafka --brokers 3`: three real brokers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient
from support import consume_all, create_topic, ended, eventually

from streamhooks.dev.kafka import EmbeddedKafka
from streamhooks.errors import Refusal

KAFKA = [Path(sys.executable).with_name("streamhooks"), "kafka", "--brokers", "3"]


@pytest.fixture(scope="module")
def cluster():
    with EmbeddedKafka.start(brokers=3) as embedded:
        yield embedded


def write(brokers: str, topic: str, values: range) -> list[Message]:
    """Write with acks of all in-sync replicas; return what was confirmed."""
    confirmed: list[Message] = []
    producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True, "log_level": 0})
    for value in values:
        producer.produce(topic, str(value), on_delivery=lambda error, message: error or confirmed.append(message))
    assert producer.flush(60) == 0
    return confirmed


def in_sync(brokers: str, topic: str) -> list[int]:
    found = AdminClient({"bootstrap.servers": brokers, "log_level": 0}).list_topics(topic, timeout=5).topics[topic]
    return [len(partition.isrs) for partition in found.partitions.values()]


def test_it_goes_on_without_one_of_three_and_has_it_back(cluster, prefix):
    topic = f"{prefix}a"
    create_topic(cluster.brokers, topic, partitions=3, replication=3)
    eventually(lambda: in_sync(cluster.brokers, topic) == [3, 3, 3])
    assert len(write(cluster.brokers, topic, range(30))) == 30
    cluster.nodes[0].kill()
    assert not cluster.running
    assert len(write(cluster.brokers, topic, range(30, 60))) == 30
    cluster.nodes[0].restart()
    eventually(lambda: in_sync(cluster.brokers, topic) == [3, 3, 3])
    cluster.kill()
    cluster.restart()
    assert sorted(int(one.value()) for one in consume_all(cluster.brokers, topic)) == list(range(60))


def test_data_of_three_is_refused_by_one(cluster):
    with pytest.raises(Refusal, match="was written by 3 brokers, not 1"):
        EmbeddedKafka.start(cluster.folder)


def jvms(program: int) -> list[int]:
    found = psutil.Process(program).children()
    return [one.pid for one in found if "kafka.Kafka" in one.cmdline()]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_command_leaves_nothing_behind(how):
    with subprocess.Popen(KAFKA, stdout=subprocess.PIPE, text=True) as program:
        try:
            word, brokers = program.stdout.readline().split()
            assert word == "brokers"
            assert len(brokers.split(",")) == 3
            create_topic(brokers, "a", replication=3)
            eventually(lambda: in_sync(brokers, "a"))  # each broker hears of it by itself
            pids = jvms(program.pid)
            assert len(pids) == 3
            os.kill(program.pid, how)
            # The last ones have no quorum to tell that they go, and may be killed in the end.
            assert program.wait(100) == (-how if how == signal.SIGKILL else 0)
        finally:
            program.kill()
    eventually(lambda: all(ended(pid) for pid in pids))
