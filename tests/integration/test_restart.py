"""What a worker knew is known after a restart; what it was doing when it was killed is done by another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from installation import Installation, event
from support import Worker, api, eventually

from streamhooks.dev.kafka import EmbeddedKafka

MANY = 200


def test_counters_and_pending_calls_come_back(install, organization: str) -> None:
    one: Installation = install(retry_delay=300)
    worker = one.add_worker()
    good = one.create_hook(organization)
    later = one.create_hook(organization, behaviour="status=500&fail=1")
    soon = one.create_hook(organization, behaviour="status=503&retry_after=3&fail=1")
    one.produce("events", "11", event(organization))
    for hook, totals in ((good, (1, 1, 0)), (later, (1, 0, 1))):
        eventually(lambda hook=hook, totals=totals: one.totals(hook) == totals)
    (waiting,) = eventually(lambda: one.pending(later))
    eventually(lambda: one.pending(soon) or len(soon.requests()) == 2)
    shown = api(worker).get(f"/api/hooks/{good.id}").json

    assert worker.stop() == 0

    # Written while nobody is there.
    one.produce("events", "11", event(organization))
    worker.start()
    assert api(worker).get(f"/api/hooks/{good.id}").json == shown
    assert len(good.received(2)) == 2
    assert later.received(2)[0]["id"] == waiting["webhook_id"]
    eventually(lambda: one.totals(good) == (2, 2, 0))
    eventually(lambda: len(one.latest(good)) == 2)
    # What was due meanwhile runs; the other call still waits for the same time.
    first = soon.requests()[0]["id"]
    eventually(lambda: [request["id"] for request in soon.requests()].count(first) == 2)
    assert waiting in [{**call, "state": waiting["state"]} for call in one.pending(later)]
    path = f"/api/hooks/{later.id}/pending/{waiting['call_id']}/retry"
    assert api(worker).post(path).status == 202
    eventually(lambda: [request["id"] for request in later.requests()].count(waiting["webhook_id"]) == 2)

    assert worker.stop() == 0
    worker.start()
    eventually(lambda: one.totals(good) == (2, 2, 0))
    eventually(lambda: one.totals(later) == (3, 1, 2))


def test_a_sigterm_lets_deliveries_end(install, organization: str) -> None:
    one: Installation = install(grace=10, request_timeout=10)
    worker = one.add_worker()
    hook = one.create_hook(organization, behaviour="delay=2&status=200")
    one.produce("events", "11", event(organization))
    hook.received()
    assert worker.stop() == 0
    (firing,) = [json.loads(record.value()) for record in one.records("firings")]
    assert [attempt["outcome"] for attempt in firing["attempts"]] == ["delivered"]
    assert len(hook.requests()) == 1


@pytest.mark.parametrize("frozen", [False, True], ids=["gone", "frozen"])
def test_a_worker_ends_although_kafka_is_away(tmp_path: Path, prefix: str, frozen: bool) -> None:
    with EmbeddedKafka.start() as own:
        worker = Worker(own.brokers, prefix, tmp_path, grace=1).start()
        try:
            own.pause() if frozen else own.kill()
            assert worker.stop(60) == 0
        finally:
            worker.kill()
            if frozen:
                own.resume()


def test_another_worker_takes_over_from_a_killed_one(install, organization: str) -> None:
    one: Installation = install(retry_delay=0.5, max_retries=100, session_timeout=6, partitions=4, breaker=False)
    killed, left = (one.add_worker(start=False) for _ in range(2))
    killed.launch()
    left.launch()
    killed.wait_ready()
    left.wait_ready()
    hook = one.create_hook(organization)
    failing = one.create_hook(organization, behaviour="rate=0.3")
    for number in range(MANY):
        one.produce("events", str(number), event(organization), partition=number % 4)
        if number == MANY // 2:
            killed.kill()
    eventually(lambda: one.receiver.count(hook.path)["ids"] == MANY, timeout=60)
    # The one that is left has all of the counts and of the retries.
    eventually(lambda: one.totals(hook, left)[1] == MANY, timeout=60)
    eventually(lambda: one.totals(failing, left)[1] == MANY, timeout=60)
    eventually(lambda: one.pending(failing, left) == [])
    assert one.totals(hook, left) == (MANY, MANY, 0)
    assert one.receiver.count(failing.path)["ids"] == MANY
    assert one.dead_letters() == []
    assert left.stop() == 0


def test_a_worker_that_joins_gets_its_share(install, organization: str) -> None:
    one: Installation = install(retry_delay=300)
    first = one.add_worker()
    hooks = [one.create_hook(organization, behaviour="status=500&fail=1") for _ in range(12)]
    one.produce("events", "11", event(organization))
    for hook in hooks:
        eventually(lambda hook=hook: one.totals(hook) == (1, 0, 1))
    second = one.add_worker()
    for worker in (first, second):
        for hook in hooks:
            eventually(lambda hook=hook, worker=worker: one.totals(hook, worker) == (1, 0, 1))
            eventually(lambda hook=hook, worker=worker: len(one.pending(hook, worker)) == 1)
            eventually(lambda hook=hook, worker=worker: len(one.latest(hook, worker)) == 1)
    # And gives it back when it goes.
    assert second.stop() == 0
    for hook in hooks:
        eventually(lambda hook=hook: one.totals(hook, first) == (1, 0, 1))
        (call,) = eventually(lambda hook=hook: one.pending(hook, first))
        path = f"/api/hooks/{hook.id}/pending/{call['call_id']}/retry"
        eventually(lambda path=path: api(first).post(path).status == 202)
        assert {request["id"] for request in hook.received(2)} == {call["webhook_id"]}
