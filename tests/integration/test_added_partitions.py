"""Partitions that are added under running workers: read where they may be, refused with a line where they must not."""

from __future__ import annotations

import json

from confluent_kafka.admin import AdminClient, NewPartitions
from installation import Installation, alert, change, event
from support import api, eventually


def grow(one: Installation, topic: str, partitions: int) -> None:
    admin = AdminClient({"bootstrap.servers": one.brokers})
    (done,) = admin.create_partitions([NewPartitions(one.prefix + topic, partitions)]).values()
    done.result(30)


def why_not_ready(one: Installation) -> list[str]:
    answer = one.api.get("/health/ready")
    return answer.json["reasons"] if answer.status == 503 else []


def test_added_partitions_are_read_without_a_restart(install, organization: str) -> None:
    # Whatever START says: what is in a new partition has been seen by nobody.
    one: Installation = install(partitions=2, start="latest", metadata_interval=1)
    workers = [one.add_worker(start=False).launch() for _ in range(2)]
    for worker in workers:
        worker.wait_ready()
    hook = one.create_hook(organization, "event.created", "event.alert")
    one.produce("events", "1", event(organization))
    hook.received(1)
    grow(one, "events", 5)
    grow(one, "alerts", 3)
    for partition in range(5):
        for _ in range(3):
            one.produce("events", "1", event(organization), partition=partition)
    one.produce("alerts", "1", alert(organization), partition=2)
    eventually(lambda: one.receiver.count(hook.path)["ids"] == 17, timeout=60)
    eventually(lambda: one.totals(hook) == (17, 17, 0), timeout=60)
    # The partitions are committed as any other: who starts anew reads nothing twice.
    eventually(lambda: one.is_committed("events") and one.is_committed("alerts"), timeout=60)
    before = len(hook.requests())  # while partitions move, something may be sent twice
    assert [worker.stop() for worker in workers] == [0, 0]
    one.produce("events", "1", event(organization), partition=4)
    workers[0].start()
    eventually(lambda: one.receiver.count(hook.path)["ids"] == 18)
    assert len(hook.requests()) == before + 1


def test_partitions_that_must_not_be_added_are_told_and_lose_nothing(install, organization: str) -> None:
    one: Installation = install(partitions=2, retry_delay=1, max_retries=1000, metadata_interval=1, breaker=False)
    worker = one.add_worker()
    hooks = [one.create_hook(organization, behaviour="status=500&fail=1") for _ in range(6)]
    grown = ("delayed", "firings", "resources", "resource-changes", "hook-states")
    for topic in grown:
        grow(one, topic, 7)
    for topic in grown:
        text = f"the topic {one.prefix}{topic} has 7 partitions now, and had 2"
        (line,) = eventually(lambda text=text: [reason for reason in why_not_ready(one) if text in reason])
        assert worker.log.read_text().count(line) == 1
    assert api(worker).get("/health/live").status == 200
    assert "streamhooks_ready 0.0" in api(worker).get("/metrics").body.decode()
    # It goes on all the same: retries, counts, findings, and what is in the new partitions of what is read whole.
    one.produce("resources", "Group:added", {"id": "added", "title": "at last"}, partition=6)
    app = one.create_hook(organization, "issue", app_id="billing")
    one.produce(
        "resource-changes", "Group:added", change(organization, instance_id="added", instance=None), partition=6
    )
    one.produce("events", "1", event(organization))
    for hook in hooks:
        hook.received(2)
        eventually(lambda hook=hook: one.totals(hook) == (2, 1, 1))
    assert json.loads(app.received(1)[0]["body"])["data"]["issue"]["title"] == "at last"
    for hook in hooks:
        assert one.api.put(f"/api/hooks/{hook.id}", {"status": "disabled"}).status == 200
        one.produce("events", "1", event(organization))
        one.receiver.behave(hook.path)
    for hook in hooks:
        eventually(lambda hook=hook: one.api.get(f"/api/hooks/{hook.id}/missed").json["stretches"])
        assert one.api.put(f"/api/hooks/{hook.id}", {"status": "active", "resume": "all"}).status == 200
        eventually(lambda hook=hook: not one.api.get(f"/api/hooks/{hook.id}/missed").json["stretches"])
    waiting = one.create_hook(organization)
    one.receiver.behave(waiting.path, status=500)
    one.produce("events", "1", event(organization))
    eventually(lambda: one.pending(waiting))
    assert worker.stop() == 0
    worker.launch()
    assert worker.wait(60) != 0
    assert "must have the same number of partitions" in worker.log.read_text()
    # What the line said is to be done. What waits is still sent, wherever its hook belongs now.
    for topic in ("letter-states", *(f"counting-fired-{rollup}-changelog" for rollup in ("10s", "1h", "1d"))):
        grow(one, topic, 7)
    worker.start()
    one.receiver.behave(waiting.path)
    eventually(lambda: one.totals(waiting)[1] == 1)
    one.produce("events", "1", event(organization))
    eventually(lambda: one.receiver.count(waiting.path)["ids"] == 2)
