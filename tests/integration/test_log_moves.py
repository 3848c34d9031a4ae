"""A log that moves under a running worker: what Kafka holds is delivered, what it does not hold any more is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from installation import Hook, Installation, event
from support import Receiver, eventually, make_anew

from streamhooks.dev.kafka import EmbeddedKafka

FETCHERS = ("librdkafka", "aiokafka")
#: more than a worker fetches ahead: 3 MB, and what it has taken up
WAITING = 14_000
#: what is in flight in all is bounded below what is of one hook: records wait, and are not written to `delayed`
SLOW = {"partitions": 1, "max_in_flight": 20, "request_timeout": 60, "breaker": False}


def written(one: Installation, organization: str, count: int, project: str = "1") -> None:
    values = [json.dumps(event(organization, project, data={"text": "x" * 800})).encode() for _ in range(count)]
    one.produce_with("events", project, values)


def told(one: Installation) -> list[str]:
    return [json.loads(record.value())["why"] for record in one.records("notices")]


def metric(one: Installation, name: str) -> float:
    lines = one.api.get("/metrics").body.decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"streamhooks_{name}{{"))


def received(hook: Hook, count: int) -> bool:
    return hook.receiver.count(hook.path)["ids"] == count


@pytest.mark.parametrize("fetcher", FETCHERS)
def test_retention_overtakes_a_running_worker(install, organization: str, fetcher: str) -> None:
    one: Installation = install(fetcher=fetcher, **SLOW)
    one.add_worker()
    hook = one.create_hook(organization)
    one.receiver.behave(hook.path, delay=5)
    written(one, organization, WAITING)
    hook.received(20, timeout=60)
    admin = AdminClient({"bootstrap.servers": one.brokers})
    (removed,) = admin.delete_records([TopicPartition(f"{one.prefix}events", 0, WAITING - 100)]).values()
    removed.result(30)
    one.receiver.behave(hook.path)
    (why,) = eventually(lambda: told(one), timeout=90)
    lost = int(eventually(lambda: metric(one, "retention_jumps_total")))
    assert 0 < lost < WAITING - 100
    assert f"the offsets {WAITING - 100 - lost} to {WAITING - 101} unread" in why
    written(one, organization, 10)
    eventually(lambda: received(hook, WAITING - lost + 10), timeout=90)
    eventually(lambda: metric(one, "lag_records") == 0)
    assert len(told(one)) == 1


@pytest.mark.parametrize("fetcher", FETCHERS)
def test_a_topic_is_recreated_under_a_running_worker_again_and_again(install, organization: str, fetcher: str) -> None:
    one: Installation = install(fetcher=fetcher, **SLOW)
    worker = one.add_worker()
    hook, slow = (one.create_hook(organization, project_ids=[project]) for project in ("1", "2"))
    written(one, organization, 10)
    eventually(lambda: received(hook, 10))
    # Beyond where the worker is, before it can have seen anything; and below that.
    for round_, count in enumerate((30, 5), 1):
        make_anew(one.brokers, f"{one.prefix}events")
        before = one.receiver.count(hook.path)["ids"]
        written(one, organization, count)
        eventually(lambda total=before + count: received(hook, total), timeout=60)
        eventually(lambda n=round_: len(told(one)) == n)
    # While what the worker has fetched of the previous log waits for room.
    one.receiver.behave(slow.path, delay=5)
    written(one, organization, 3000, "2")
    slow.received(20)
    make_anew(one.brokers, f"{one.prefix}events")
    written(one, organization, 7)
    eventually(lambda: len(told(one)) == 3, timeout=60)
    one.receiver.behave(slow.path)
    eventually(lambda: received(hook, 52), timeout=60)
    assert all("recreated" in why for why in told(one))
    eventually(lambda: metric(one, "moved_logs_total") == 3)
    eventually(lambda: metric(one, "lag_records") == 0)
    # The commit is of the new log: nothing is read again, and nothing is told again.
    requests = one.receiver.count(hook.path)["requests"]
    assert worker.stop() == 0
    worker.start()
    written(one, organization, 1)
    eventually(lambda: received(hook, 53))
    assert one.receiver.count(hook.path)["requests"] == requests + 1
    assert len(told(one)) == 3


def test_a_topic_is_recreated_while_no_worker_runs(install, organization: str) -> None:
    one: Installation = install(partitions=1)
    worker = one.add_worker()
    hook = one.create_hook(organization)
    written(one, organization, 10)
    eventually(lambda: received(hook, 10))
    assert worker.stop() == 0
    make_anew(one.brokers, f"{one.prefix}events")
    written(one, organization, 30)
    worker.start()
    eventually(lambda: received(hook, 40))
    eventually(lambda: metric(one, "lag_records") == 0)
    assert one.receiver.count(hook.path)["requests"] == 40


def test_counting_continues_when_its_log_is_recreated(install, organization: str) -> None:
    one: Installation = install(partitions=1)
    worker = one.add_worker()
    hook = one.create_hook(organization)
    for count in (20, 12, 25):
        before = one.receiver.count(hook.path)["ids"]
        for _ in range(count):
            one.produce("events", "1", event(organization))
        eventually(lambda total=before + count: one.totals(hook) == (total, total, 0), timeout=60)
        make_anew(one.brokers, f"{one.prefix}firings")
    eventually(lambda: len(told(one)) == 3, timeout=60)
    one.produce("events", "1", event(organization))
    eventually(lambda: one.totals(hook) == (58, 58, 0), timeout=60)
    assert worker.stop() == 0
    worker.start()
    eventually(lambda: one.totals(hook) == (58, 58, 0), timeout=60)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fetcher", FETCHERS)
def test_a_log_loses_its_end_and_grows_again(
    tmp_path: Path, receiver: Receiver, organization: str, fetcher: str
) -> None:
    with EmbeddedKafka.start() as kafka:
        one = Installation(kafka.brokers, tmp_path, receiver, partitions=1, fetcher=fetcher)
        try:
            worker = one.add_worker()
            hook = one.create_hook(organization)
            written(one, organization, 10)
            eventually(lambda: received(hook, 10))
            # As a disk that was replaced, or a leader that was elected without the last records. The worker sees it
            # only when the log has its next offset again.
            worker.pause()
            kafka.kill()
            shutil.rmtree(kafka.folder / "data" / f"{one.prefix}events-0")
            kafka.restart()
            written(one, organization, 30)
            worker.resume()
            eventually(lambda: received(hook, 40), timeout=90)
            (why,) = eventually(lambda: told(one))
            assert "read to 10, but has lost its records from 0 on" in why
            assert worker.stop() == 0
            # The same while no worker runs.
            kafka.kill()
            shutil.rmtree(kafka.folder / "data" / f"{one.prefix}events-0")
            kafka.restart()
            written(one, organization, 35)
            worker.start()
            eventually(lambda: received(hook, 75), timeout=90)
            assert len(eventually(lambda: found if len(found := told(one)) == 2 else None)) == 2
            # A recreated topic begins with an epoch below those that its clients know.
            make_anew(kafka.brokers, f"{one.prefix}events")
            make_anew(kafka.brokers, f"{one.prefix}hooks")
            one.write_hook(organization, url=one.receiver.url(hook.path))
            eventually(lambda: one.api.get(f"/api/hooks/{hook.id}").status == 404)
            written(one, organization, 20)
            eventually(lambda: received(hook, 95), timeout=90)
        except BaseException:
            print(one.worker.tail(200))
            raise
        finally:
            one.end()


def test_a_topic_that_is_read_as_a_whole_is_read_again_when_it_is_recreated(install, organization: str) -> None:
    one: Installation = install(partitions=1, retry_delay=600)
    worker = one.add_worker()
    kept, gone = (one.create_hook(organization) for _ in range(2))
    record = json.loads(next(r.value() for r in one.records("hooks") if r.key().decode() == kept.id))
    make_anew(one.brokers, f"{one.prefix}hooks")
    one.produce("hooks", kept.id, record)
    added = one.write_hook(organization)
    eventually(lambda: one.api.get(f"/api/hooks/{gone.id}").status == 404)
    assert [one.api.get(f"/api/hooks/{hook}").status for hook in (kept.id, added)] == [200, 200]
    eventually(lambda: one.api.get("/health/ready").status == 200)
    one.produce("events", "1", event(organization))
    kept.received()
    assert gone.requests() == []
    assert any(
        f"{one.prefix}hooks:0" in line and "was recreated" in line for line in worker.log.read_text().splitlines()
    )

    # The owner of a pending call knows it, and writes it to the new log, if that is noticed before a rebalance.
    failing = one.create_hook(organization, behaviour="status=500&fail=1", project_ids=["3"])
    one.produce("events", "3", event(organization, "3"))
    (call,) = eventually(lambda: one.pending(failing))
    make_anew(one.brokers, f"{one.prefix}delayed")
    eventually(lambda: any("delayed" in line for line in about(one)), timeout=60)
    eventually(lambda: one.api.get("/health/ready").status == 200)
    if one.pending(failing):
        eventually(lambda: any(r.key().decode() == call["call_id"] for r in one.records("delayed")))
        assert one.api.post(f"/api/hooks/{failing.id}/pending/{call['call_id']}/retry").status < 300
        failing.received(2)
    one.produce("events", "1", event(organization))
    kept.received(2)


def about(one: Installation) -> list[str]:
    return [json.loads(record.value())["hook_id"] for record in one.records("notices")]


def test_an_open_transaction_is_a_lag(install, organization: str) -> None:
    one: Installation = install(partitions=1)
    one.add_worker()
    hook = one.create_hook(organization)
    written(one, organization, 1)
    eventually(lambda: received(hook, 1))
    eventually(lambda: metric(one, "lag_records") == 0)
    producer = Producer({"bootstrap.servers": one.brokers, "transactional.id": one.prefix})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(f"{one.prefix}events", json.dumps(event(organization)), "1", partition=0)
    producer.flush(30)
    written(one, organization, 5)
    eventually(lambda: metric(one, "lag_records") == 6)
    age = eventually(lambda: metric(one, "lag_seconds"))
    eventually(lambda: metric(one, "lag_seconds") > age + 2)
    assert received(hook, 1)
    producer.commit_transaction(30)
    eventually(lambda: received(hook, 7))
    eventually(lambda: metric(one, "lag_records") == 0)
