"""Attempts are found as far back as `firings` goes, by any worker, and a request is sent once more."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import pairwise
from urllib.parse import urlencode

from click.testing import CliRunner
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from installation import JSON, Hook, Installation, coordinates, event
from support import api, eventually

from streamhooks.cli import main


def search(one: Installation, worker: int = 0, pages: int = 1, **query: object) -> list[JSON]:
    """All that a search finds; `pages` are how many it needs at least."""
    found, cursor, asked = list[JSON](), None, 0
    while asked == 0 or cursor is not None:
        given = query if cursor is None else {**query, "cursor": cursor}
        answer = api(one.workers[worker]).get(f"/api/attempts?{urlencode(given)}")
        assert answer.status == 200, answer
        found, cursor, asked = found + answer.json["attempts"], answer.json["next_cursor"], asked + 1
    assert asked >= pages
    return found


def test_attempts_are_found_and_one_is_sent_once_more(install: Callable[..., Installation], organization: str) -> None:
    one = install(retry_delay=1, breaker="false")
    for _ in range(2):
        one.add_worker(start=False)
    for worker in one.workers:
        worker.launch()
    for worker in one.workers:
        worker.wait_ready()
    hooks = good, failing, disabled = [one.create_hook(organization, project_ids=[f"1{n}"]) for n in (1, 2, 3)]
    one.receiver.behave(failing.path, status=404)
    began = time.time()
    projects = {good.id: "11", failing.id: "12", disabled.id: "13"}
    written = {
        hook_id: one.produce("events", "k", event(organization, project)) for hook_id, project in projects.items()
    }
    eventually(lambda: all(hook.received() for hook in hooks))
    # More than a worker keeps of a hook in memory.
    one.produce_with("events", "k", [json.dumps(event(organization, "11")).encode() for _ in range(150)])
    good.received(151)
    for worker in range(2):
        eventually(lambda number=worker: len(search(one, number, hook_id=good.id, pages=3, limit=60)) == 151)
        found = search(one, worker, hook_id=good.id, limit=60)
        assert {attempt["webhook_id"] for attempt in found} == {request["id"] for request in good.requests()}
        # Newest first by their records: attempts that were told together may have begun in another order.
        begun = [attempt["at"] for attempt in found]
        assert all(before > after - 2000 for before, after in pairwise(begun))

        source = coordinates(written[failing.id])
        (dead,) = search(one, worker, status=404)
        assert (dead["hook_id"], dead["source"], dead["outcome"]) == (failing.id, source, "dead")
        assert search(one, worker, webhook_id=dead["webhook_id"]) == [dead]
        assert search(one, worker, hook_id=failing.id, event="event.created", outcome="dead") == [dead]
        assert search(one, worker, hook_id=failing.id, outcome="delivered") == []
        assert search(one, worker, hook_id=good.id, webhook_id=dead["webhook_id"]) == []
        at = dead["at"] / 1000
        assert search(one, worker, status=404, since=at, until=at + 0.001) == [dead]
        assert search(one, worker, status=404, until=at) == search(one, worker, status=404, since=at + 0.001) == []
        assert search(one, worker, until=began) == []

    def resend(hook: Hook, attempt: JSON, worker: int) -> JSON:
        path = f"/api/hooks/{hook.id}/requests/{attempt['webhook_id']}/resend"
        answer = api(one.workers[worker]).post(path, {"source": attempt["source"]})
        return {"status": answer.status, **answer.json}

    # By whichever worker, as often as it is asked.
    eventually(lambda: (one.totals(good), one.totals(failing)) == ((151, 151, 0), (1, 0, 1)))
    (first,) = search(one, hook_id=good.id, webhook_id=found[-1]["webhook_id"])
    for worker in range(2):
        assert resend(good, first, worker)["status"] == 202
    sent = good.received(153)[-2:]
    assert {request["id"] for request in sent} == {first["webhook_id"]}
    assert {request["body"] for request in good.requests() if request["id"] == first["webhook_id"]} == {sent[0]["body"]}
    told = eventually(lambda: len(three := search(one, webhook_id=first["webhook_id"])) == 3 and three)
    assert [attempt["cause"] for attempt in told] == ["replay", "replay", "live"]
    eventually(lambda: one.pending(good) == [])
    one.receiver.behave(failing.path)
    assert resend(failing, dead, 1)["status"] == 202
    eventually(lambda: [attempt["outcome"] for attempt in search(one, hook_id=failing.id)] == ["delivered", "dead"])
    # A replay is not counted again; what failed and is delivered now is, once, as delivered.
    eventually(lambda: (one.totals(good), one.totals(failing)) == ((151, 151, 0), (1, 1, 1)))

    # While the partitions move, and from the command line.
    one.workers[1].stop()
    asked = ("requests", good.id, "--webhook-id", first["webhook_id"], "--json")
    done = CliRunner().invoke(main, ["--url", one.worker.base, *asked])
    assert len(json.loads(done.stdout)) == 3, done.output

    # What can't be sent once more, and why.
    assert one.api.put(f"/api/hooks/{disabled.id}", {"status": "disabled"}).status == 200
    (attempt,) = search(one, hook_id=disabled.id)
    refused = resend(disabled, attempt, 0)
    assert (refused["status"], refused["detail"]) == (409, "the hook is disabled: enable it first")
    assert resend(good, {**first, "source": coordinates(written[failing.id])}, 0)["status"] == 404
    assert one.api.put(f"/api/hooks/{failing.id}", {"project_ids": ["99"]}).status == 200
    refused = resend(failing, dead, 0)
    assert (refused["status"], "no longer fires this hook" in refused["detail"]) == (409, True)
    admin = AdminClient({"bootstrap.servers": one.brokers})
    number = int(first["source"].split(":")[1])
    behind = max(record.offset() for record in one.records("events") if record.partition() == number) + 1
    for future in admin.delete_records([TopicPartition(f"{one.prefix}events", number, behind)]).values():
        future.result()
    refused = resend(good, first, 0)
    gone = f"Kafka no longer has the record {first['source']}: its request can't be sent again"
    assert (refused["status"], refused["detail"]) == (404, gone)
    assert len(search(one, webhook_id=first["webhook_id"])) == 3, "what was told of it stays"
    assert one.worker.stop() == 0
