"""What was taken up and not settled is done again, whatever ends the worker; what no broker takes blocks nothing."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from installation import Installation, alert, event
from support import Receiver, eventually

from streamhooks.dev.kafka import EmbeddedKafka

FOLLOWERS = 1000
#: more than `stream_buffer_maxsize`
BUFFERED = 5000


def test_a_slow_head_is_redelivered_after_a_kill_though_its_followers_were_done(install, organization: str) -> None:
    one: Installation = install(session_timeout=6, request_timeout=60, partitions=1)
    worker = one.add_worker()
    slow = one.create_hook(organization, project_ids=["1"])
    one.receiver.behave(slow.path, delay=60)
    quick = one.create_hook(organization, project_ids=["2"])
    one.produce("events", "1", event(organization, "1"))
    slow.received()
    values = [event(organization, "2") for _ in range(FOLLOWERS)]
    one.produce_with("events", "2", [json.dumps(value).encode() for value in values])
    eventually(lambda: one.receiver.count(quick.path)["ids"] == FOLLOWERS, timeout=60)
    worker.kill()
    one.receiver.behave(slow.path)
    worker.start()
    again = slow.received(2, timeout=60)
    assert len({request["id"] for request in again}) == 1
    # The followers are read again as well, and are the same to whoever drops doubles; each is counted once.
    eventually(lambda: one.totals(quick) == (FOLLOWERS, FOLLOWERS, 0), timeout=60)
    assert one.receiver.count(quick.path)["ids"] == FOLLOWERS


def test_what_is_more_than_a_worker_buffers_waits_in_kafka(install, organization: str) -> None:
    one: Installation = install(partitions=1, max_in_flight=1)
    worker = one.add_worker()
    slow = one.create_hook(organization, project_ids=["1"], behaviour="delay=0.5")
    quick = one.create_hook(organization, project_ids=["2"])
    # While the first ones are in flight nothing else starts, and the fetcher reads on until it is told to stop.
    projects = ["1"] * 6 + ["of nobody"] * BUFFERED + ["2"]
    one.produce_with("events", "1", [json.dumps(event(organization, project)).encode() for project in projects])
    quick.received(timeout=60)
    eventually(lambda: one.receiver.count(slow.path)["ids"] == 6)
    assert worker.running


def test_a_call_that_no_broker_takes_becomes_a_truncated_dead_letter_and_blocks_nothing(
    install, organization: str
) -> None:
    one: Installation = install(partitions=1, max_body=5_000_000)
    one.add_worker()
    hook = one.create_hook(organization, behaviour="status=500")
    # The broker's limit is on what is left after compression, and the user's is better than ours.
    text = base64.b64encode(random.Random(1).randbytes(900_000)).decode()
    large = json.dumps(event(organization, data={"text": text})).encode()
    one.produce_with("events", "1", [large], message_max_bytes=2_000_000, compression_type="zstd")
    one.produce("events", "1", event(organization))
    letter = one.dead_letter_of(hook)
    assert letter["truncated"] is True
    assert letter["task"] is None
    assert letter["source"] == f"{one.prefix}events:0:0"
    eventually(lambda: len(one.pending(hook)) == 1)
    assert one.api.get("/health/ready").status == 200


def take_notices(one: Installation, *, how: AlterConfigOpType) -> None:
    """Have Kafka refuse records of `notices` (SET), for what it takes for too old, or take them again (DELETE)."""
    entry = ConfigEntry("message.timestamp.before.max.ms", "1", incremental_operation=how)
    topic = ConfigResource(ResourceType.TOPIC, f"{one.prefix}notices", incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": one.brokers})
    admin.incremental_alter_configs([topic])[topic].result(30)


def notices(one: Installation) -> list[str]:
    return [json.loads(record.value())["why"] for record in one.records("notices")]


def test_what_retention_removed_unread_is_told(install, organization: str) -> None:
    one: Installation = install(partitions=1)
    worker = one.add_worker()
    hook = one.create_hook(organization)
    one.produce("events", "1", event(organization))
    hook.received()
    assert worker.stop() == 0
    for _ in range(5):
        one.produce("events", "1", event(organization))
    admin = AdminClient({"bootstrap.servers": one.brokers})
    (removed,) = admin.delete_records([TopicPartition(f"{one.prefix}events", 0, 4)]).values()
    removed.result(30)
    # A worker that is killed before its notice is confirmed has not committed beyond what was removed.
    take_notices(one, how=AlterConfigOpType.SET)
    worker.launch()
    hook.received(3, timeout=60)
    one.produce("alerts", "1", alert(organization))
    eventually(lambda: one.is_committed("alerts"))
    worker.kill()
    take_notices(one, how=AlterConfigOpType.DELETE)
    worker.start()
    # What Kafka still holds is delivered, and no more than was removed is told.
    assert len({request["id"] for request in hook.received(3)}) == 3
    (why,) = eventually(lambda: notices(one))
    assert "the offsets 1 to 3" in why
    counted = f'streamhooks_retention_jumps_total{{topic="{one.prefix}events"}} 3.0'
    eventually(lambda: counted in one.api.get("/metrics").body.decode())
    # Once: the next start goes on from there.
    assert worker.stop() == 0
    worker.start()
    one.produce("events", "1", event(organization))
    eventually(lambda: len({request["id"] for request in hook.requests()}) == 4)
    assert len(notices(one)) == 1


def test_a_log_that_ends_before_what_was_committed_is_read_again(install, organization: str) -> None:
    # As after an election of a leader that did not have the last records.
    one: Installation = install(partitions=1)
    worker = one.add_worker()
    hook = one.create_hook(organization)
    one.produce("events", "1", event(organization))
    (first,) = hook.received()
    assert worker.stop() == 0
    admin = AdminClient({"bootstrap.servers": one.brokers})
    beyond = ConsumerGroupTopicPartitions(f"{one.prefix}worker", [TopicPartition(f"{one.prefix}events", 0, 1000)])
    (changed,) = admin.alter_consumer_group_offsets([beyond]).values()
    changed.result(30)
    one.produce("events", "1", event(organization))
    worker.start()
    requests = hook.received(3)
    assert [request["id"] for request in requests].count(first["id"]) == 2
    assert len({request["id"] for request in requests}) == 2
    (why,) = eventually(lambda: notices(one))
    assert "1000" in why
    # The commit has gone back with it.
    assert worker.stop() == 0
    worker.start()
    one.produce("events", "1", event(organization))
    hook.received(4)
    assert len(hook.requests()) == 4


@pytest.mark.timeout(300)
def test_a_broker_that_is_away_costs_time_and_nothing_else(
    tmp_path: Path, receiver: Receiver, organization: str
) -> None:
    with EmbeddedKafka.start() as kafka:
        # Every first attempt at one endpoint fails: an open breaker would be another test.
        one = Installation(kafka.brokers, tmp_path, receiver, retry_delay=1, breaker=False)
        try:
            worker = one.add_worker()
            hook = one.create_hook(organization)
            failing = one.create_hook(organization, behaviour="status=500&fail=1")
            for _ in range(20):
                one.produce("events", "1", event(organization))
            kafka.restart()
            for _ in range(20):
                one.produce("events", "1", event(organization))
            eventually(lambda: receiver.count(hook.path)["ids"] == 40, timeout=90)
            eventually(lambda: one.totals(hook) == (40, 40, 0), timeout=90)
            eventually(lambda: one.totals(failing)[1] == 40, timeout=90)
            assert worker.running
            assert worker.stop() == 0
        except BaseException:
            print(one.worker.tail(200))
            raise
        finally:
            one.end()


def test_an_event_produced_twice_fires_once_and_a_redelivery_still_fires(install, organization: str) -> None:
    one: Installation = install(idempotence_window=60, session_timeout=6, request_timeout=60)
    worker = one.add_worker()
    hook = one.create_hook(organization)
    one.receiver.behave(hook.path, delay=60)
    given = event(organization)
    one.produce("events", "1", given)
    hook.received()
    one.produce("events", "1", given)
    other = event(organization)
    one.produce("events", "1", other)
    hook.received(2)
    eventually(lambda: doubles(one) == 1)
    worker.kill()
    one.receiver.behave(hook.path)
    worker.start()
    eventually(lambda: one.totals(hook)[1] == 2, timeout=60)
    assert one.receiver.count(hook.path)["ids"] == 2
    assert doubles(one) <= 1  # it comes once more, unless that it was settled is committed


def doubles(one: Installation) -> float:
    lines = one.api.get("/metrics").body.decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if "double_records_total{" in line)
