"""One bad endpoint harms nobody: bounds, breakers, pauses, rate limits, disabling."""

from __future__ import annotations

import json
from itertools import pairwise

from installation import Hook, Installation, event
from support import api, eventually

WORKERS = 2
SETTINGS = {"retry_delay": 1, "request_timeout": 1, "hook_max_in_flight": 10, "partitions": 4}


def fire(installation: Installation, organization: str, count: int, project: str = "11") -> None:
    """Write so many events, over all partitions."""
    for number in range(count):
        installation.produce("events", f"{project}-{number}", event(organization, project), partition=number % 4)


def stored(installation: Installation, hook: Hook) -> dict[str, list[dict]]:
    """The records of `delayed` about a hook, by call."""
    found: dict[str, list[dict]] = {}
    for record in installation.records("delayed"):
        value = json.loads(record.value()) if record.value() else {}
        if value.get("hook_id") == hook.id:
            found.setdefault(record.key().decode(), []).append(value)
    return found


def test_a_hanging_endpoint_is_left_alone_and_holds_up_nobody(installation: Installation, organization: str) -> None:
    hanging = installation.create_hook(organization, project_ids=["1"])
    installation.receiver.behave(hanging.path, hang=True)
    healthy = installation.create_hook(organization, project_ids=["2"])
    fire(installation, organization, 100, "1")
    fire(installation, organization, 100, "2")
    healthy.received(100)
    # The breaker opens after ten timeouts in a row on a worker: the rest waits at the hook's owner, and is not tried.
    eventually(lambda: len(installation.pending(hanging)) == 100)
    tried = installation.receiver.count(hanging.path)["requests"]
    assert tried < 60
    eventually(lambda: installation.api.get(f"/api/hooks/{hanging.id}").json["breaker"] == "open")
    installation.receiver.behave(hanging.path)
    # One probe closes it, and all that waited is delivered, each once more at the most.
    eventually(lambda: installation.totals(hanging)[1] == 100, timeout=90)
    eventually(lambda: installation.pending(hanging) == [])
    eventually(lambda: installation.api.get(f"/api/hooks/{hanging.id}").json["breaker"] == "closed")
    assert installation.receiver.count(hanging.path)["ids"] == 100


def test_an_overflow_is_written_once(installation: Installation, organization: str) -> None:
    slow = installation.create_hook(organization, behaviour="delay=0.8")
    fire(installation, organization, 300)
    for waiting in (200, 50):
        # As long as they wait: what is settled is soon compacted away.
        eventually(lambda most=waiting: 0 < len(installation.pending(slow)) <= most)
        pending = {call["call_id"] for call in installation.pending(slow)}
        overflowed = [records for call, records in stored(installation, slow).items() if call in pending]
        assert overflowed
        assert {(len(records), records[0]["reason"], records[0]["attempt"]) for records in overflowed} == {
            (1, "overflow", 1)
        }
    eventually(lambda: installation.totals(slow) == (300, 300, 0), timeout=90)


def test_retry_after_pauses_the_whole_hook(installation: Installation, organization: str) -> None:
    busy = installation.create_hook(organization)
    installation.receiver.behave(busy.path, status=429, retry_after=8)
    fire(installation, organization, 1)
    busy.received(1)
    # The owner has told every worker: before that, another one may still send.
    for worker in installation.workers:
        eventually(lambda one=worker: api(one).get(f"/api/hooks/{busy.id}").json["paused_until"])
    installation.receiver.behave(busy.path)
    fire(installation, organization, 20)
    first, *others = busy.received(22, timeout=60)  # the first again, too
    assert min(request["time"] for request in others) - first["time"] >= 7.9


def test_a_rate_limit_holds_over_both_workers(installation: Installation, organization: str) -> None:
    limit = 20
    limited = installation.create_hook(organization, rate_limit=limit)
    fire(installation, organization, 160)
    times = [request["time"] for request in limited.received(160, timeout=60)]
    for n, start in enumerate(times):
        assert sum(1 for other in times[n:] if other < start + 1.0) <= limit * 1.1 + 1
    assert 160 / (times[-1] - times[0]) >= 0.9 * limit
    assert all(earlier <= later for earlier, later in pairwise(times))


def noticed(one: Installation) -> list[dict]:
    return [json.loads(record.value()) for record in one.records("notices")]


def test_an_endpoint_that_only_fails_is_warned_about_and_disabled(install, organization: str) -> None:
    one: Installation = install(retry_delay=1, max_retries=100, failing_days=8 / 86400)
    one.add_worker()
    failing = one.create_hook(organization)
    one.receiver.behave(failing.path, status=500)
    fire(one, organization, 1)
    shown = eventually(
        lambda: (hook := one.api.get(f"/api/hooks/{failing.id}").json)["status"] == "disabled" and hook, timeout=60
    )
    assert shown["status_reason"].startswith("every attempt failed")
    # Written after the hook itself.
    _, disabled = eventually(lambda: told if len(told := noticed(one)) == 2 else None)
    assert [(notice["hook_id"], notice["what"]) for notice in noticed(one)] == [
        (failing.id, "failing"),
        (failing.id, "disabled"),
    ]
    # Its pending call stays, and runs when the hook is enabled again.
    (waiting,) = one.pending(failing)
    one.receiver.behave(failing.path)
    enabled = one.api.put(f"/api/hooks/{failing.id}", {"status": "active", "resume": "all"}).json
    assert enabled["status"] == "active"
    eventually(lambda: one.pending(failing) == [])
    assert failing.requests()[-1]["id"] == waiting["webhook_id"]
    resumed = eventually(lambda: told[-1] if len(told := noticed(one)) == 3 else None)
    assert (resumed["hook_id"], resumed["what"], resumed["since"]) == (failing.id, "resumed", disabled["since"])
