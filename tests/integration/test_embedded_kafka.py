from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient
from support import consume_all, create_topic, ended, eventually, produce

from streamhooks.dev import traffic
from streamhooks.dev.cache import default_cache
from streamhooks.dev.distribution import Distribution, prepare
from streamhooks.dev.formatting import CLUSTER
from streamhooks.dev.kafka import EmbeddedKafka
from streamhooks.dev.kafka_config import properties
from streamhooks.dev.node import Node
from streamhooks.errors import Refusal

KAFKA = [sys.executable, "-m", "streamhooks.dev.kafka"]


@pytest.fixture(scope="module")
def own():
    """A Kafka that these tests may stop and kill."""
    with EmbeddedKafka.start() as embedded:
        yield embedded


def values(brokers: str, topic: str) -> list[bytes]:
    return [message.value() for message in consume_all(brokers, topic)]


@pytest.mark.parametrize("down", ["clean", "killed"])
def test_a_restart_keeps_port_and_data(own, prefix, down):
    brokers = own.brokers
    create_topic(brokers, f"{prefix}a", partitions=2)
    for number in range(3):
        produce(brokers, f"{prefix}a", str(number), number, headers={"h": "x"})
    if down == "killed":
        own.kill()
        assert not own.running
    own.restart()
    assert own.brokers == brokers
    assert sorted(values(brokers, f"{prefix}a")) == [b"0", b"1", b"2"]
    assert produce(brokers, f"{prefix}a", "k", None).offset() is not None


def test_paused_it_answers_nobody_until_it_is_resumed(own):
    admin = AdminClient({"bootstrap.servers": own.brokers})
    admin.list_topics(timeout=10)
    own.pause()
    try:
        with pytest.raises(KafkaException):
            admin.list_topics(timeout=0.5)
    finally:
        own.resume()
    eventually(lambda: admin.list_topics(timeout=1))


def test_topics_are_not_made_by_themselves(own, prefix):
    admin = AdminClient({"bootstrap.servers": own.brokers})
    asking = Producer({"bootstrap.servers": own.brokers})
    asking.list_topics(f"{prefix}none", timeout=10)  # asks the broker to make it
    assert f"{prefix}none" not in admin.list_topics(timeout=10).topics


def test_data_without_a_folder_is_removed_and_the_jvm_ends():
    kafka = EmbeddedKafka.start()
    folder, pid = kafka.folder, kafka.pid
    assert folder.exists()
    kafka.stop()
    kafka.stop()
    assert not folder.exists()
    assert ended(pid)


def test_data_with_a_folder_is_found_again_on_another_port(tmp_path):
    with EmbeddedKafka.start(tmp_path / "kept") as first:
        create_topic(first.brokers, "a")
        produce(first.brokers, "a", "k", b"v")
    with EmbeddedKafka.start(tmp_path / "kept") as second:
        assert second.brokers != first.brokers
        assert values(second.brokers, "a") == [b"v"]


def test_a_folder_is_formatted_as_by_the_tool_of_kafka_which_runs_once(tmp_path):
    first = replace(prepare(default_cache()), formatted=tmp_path / "kept")
    without = replace(first, java=tmp_path / "none")
    tool, copied, third = (
        _formatted(one, tmp_path / str(number), number) for number, one in enumerate([first, without, without], 1)
    )
    assert list(copied) == list(tool)
    (features,) = (path for path in tool if path.suffix == ".checkpoint")
    assert copied[features] == tool[features]
    written = [_properties(files[Path("meta.properties")]) for files in (tool, copied, third)]
    ids = {each.pop("directory.id") for each in written}
    assert len(ids) == 3
    assert {len(one) for one in ids} == {22}
    assert written == [{"cluster.id": CLUSTER, "node.id": str(number), "version": "1"} for number in (1, 2, 3)]


def _formatted(distribution: Distribution, folder: Path, number: int) -> dict[Path, bytes]:
    """Return the files of a data folder that a broker has formatted."""
    folder.mkdir()
    data = folder / "data"
    node = Node(distribution, folder, 1, properties(number, data, 1, [2, 3, 4]), 128, remove=None)
    node.format()
    node.stop()
    return {path.relative_to(data): path.read_bytes() for path in sorted(data.rglob("*")) if path.is_file()}


def _properties(text: bytes) -> dict[str, str]:
    lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_a_taken_folder_is_refused_with_one_line(own):
    before = (own.folder / "server.properties").read_text()
    with pytest.raises(Refusal, match="another Kafka is using the data"):
        EmbeddedKafka.start(own.folder)
    assert (own.folder / "server.properties").read_text() == before


def test_a_start_that_fails_is_told_with_one_line():
    with pytest.raises(Refusal, match=r"^the embedded Kafka didn't start: .*Exception.*num\.io\.threads") as told:
        EmbeddedKafka.start(settings={"num.io.threads": "none"})
    assert "\n" not in str(told.value)


def test_compaction_runs(prefix, own):
    topic = f"{prefix}compacted"
    create_topic(own.brokers, topic, cleanup_policy="compact", segment_ms=100, max_compaction_lag_ms=100)

    def compacted() -> bool:
        # A write rolls the segment when it is due; what is in the active one is never compacted.
        produce(own.brokers, topic, "same", b"v")
        held = Counter(message.offset() for message in consume_all(own.brokers, topic))
        return max(held) + 1 > len(held)

    eventually(compacted)


def test_traffic_arrives_and_keys_decide_the_partition(own, prefix):
    for topic in traffic.KINDS:
        create_topic(own.brokers, prefix + topic, partitions=4)
    assert traffic.produce(own.brokers, prefix, rate=1e6, count=200) == 200
    found = {topic: consume_all(own.brokers, prefix + topic) for topic in traffic.KINDS}
    assert sum(map(len, found.values())) == 200
    for messages in found.values():
        partitions = {(message.key(), message.partition()) for message in messages}
        assert len(partitions) == len({message.key() for message in messages})
    # Java's murmur2 of b"11", made positive, modulo 4 (as `kafka-clients` puts it).
    assert {one.partition() for one in found["events"] if one.key() == b"11"} == {_murmur2(b"11") % 4}


def test_traffic_ends_when_it_is_told(own, prefix):
    for topic in traffic.KINDS:
        create_topic(own.brokers, prefix + topic)
    stop, written = threading.Event(), []
    thread = threading.Thread(target=lambda: written.append(traffic.produce(own.brokers, prefix, rate=500, stop=stop)))
    thread.start()
    try:
        eventually(lambda: consume_all(own.brokers, f"{prefix}messages"))
    finally:
        stop.set()
        thread.join(60)
    assert sum(len(consume_all(own.brokers, prefix + topic)) for topic in traffic.KINDS) == written[0]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_program_ends_cleanly(how):
    with subprocess.Popen(KAFKA, stdout=subprocess.PIPE, text=True) as program:
        word, brokers = program.stdout.readline().split()
        assert word == "brokers"
        create_topic(brokers, "a")
        program.send_signal(how)
        assert program.wait(60) == 0
    with pytest.raises(KafkaException):
        AdminClient({"bootstrap.servers": brokers, "log_level": 0}).list_topics(timeout=0.5)


def test_the_jvm_ends_when_its_parent_is_killed():
    """Also what a Kafka without a folder left on disk is removed."""
    program = subprocess.Popen(KAFKA, stdout=subprocess.PIPE, text=True)
    assert program.stdout.readline().startswith("brokers ")
    pid, folder = _jvm(program.pid)
    assert folder.exists()
    os.kill(program.pid, signal.SIGKILL)
    program.communicate()
    eventually(lambda: ended(pid))
    eventually(lambda: not folder.exists())


def _jvm(starter: int) -> tuple[int, Path]:
    """Find the JVM that a process started, and its folder by the settings file in its command line."""
    for child in psutil.Process(starter).children():
        if "kafka.Kafka" in (command := child.cmdline()):
            return child.pid, Path(command[-1]).parent
    raise AssertionError("no JVM")


def _murmur2(data: bytes) -> int:
    """Compute murmur2 as Kafka's Java client does (seed 0x9747b28c), made positive."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for start in range(0, whole, 4):
        k = int.from_bytes(data[start : start + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    if rest := data[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7FFFFFFF
