"""What a disabled hook missed is sent when it is enabled, if its owner wants it; and replays."""

from __future__ import annotations

import json
import time

from installation import Hook, Installation, alert, change, event, hook_record
from support import api, eventually

WORKERS = 2
SETTINGS = {"retry_delay": 1, "partitions": 4, "max_retries": 1000}


def put(installation: Installation, hook: Hook, **fields: object) -> dict:
    answer = installation.api.put(f"/api/hooks/{hook.id}", fields)
    assert answer.status == 200, answer
    return answer.json


def disable(installation: Installation, hook: Hook) -> None:
    put(installation, hook, status="disabled")
    for worker in installation.workers:
        if worker.running:
            eventually(
                lambda one=worker: api(one).get(f"/api/hooks/{hook.id}").json["status"] == "disabled", timeout=10
            )


def missed(installation: Installation, hook: Hook) -> dict:
    answer = installation.api.get(f"/api/hooks/{hook.id}/missed")
    assert answer.status == 200, answer
    return answer.json


def fire(installation: Installation, organization: str, count: int) -> None:
    for number in range(count):
        installation.produce("events", f"11-{number}", event(organization), partition=number % 4)


def nothing_left(installation: Installation, hook: Hook) -> bool:
    return missed(installation, hook) == {
        "records": 0,
        "since": None,
        "available_from": None,
        "sending": False,
        "stretches": [],
    }


def ids_of(hook: Hook) -> list[str]:
    return [request["id"] for request in hook.requests()]


def test_what_was_missed_is_sent_with_the_ids_of_live_deliveries(installation: Installation, organization: str) -> None:
    hook, other = installation.create_hook(organization), installation.create_hook(organization)
    fire(installation, organization, 8)
    hook.received(8)
    disable(installation, hook)
    fire(installation, organization, 40)
    other.received(48)
    assert len(hook.requests()) == 8
    shown = eventually(lambda: (found := missed(installation, hook))["records"] >= 40 and found)
    assert {one["why"] for one in shown["stretches"]} == {"disabled"}
    assert {one["end"] for one in shown["stretches"]} == {None}
    assert len(shown["stretches"]) == 4  # a partition of the topic each
    answer = put(installation, hook, status="active", resume="all")
    assert answer["status"] == "active"
    assert answer["missed"]["records"] >= 40
    hook.received(48)
    eventually(lambda: nothing_left(installation, hook))
    fire(installation, organization, 4)
    hook.received(52)
    assert len(set(ids_of(hook))) == 52
    eventually(lambda: installation.totals(hook) == (52, 52, 0))


def test_all_kinds_of_records_are_kept_for_a_disabled_hook(installation: Installation, organization: str) -> None:
    app = installation.create_hook(organization, "issue", "event_alert", app_id="billing")
    service = installation.create_hook(organization, "event.alert")
    for hook in (app, service):
        disable(installation, hook)
    installation.produce("alerts", "11", alert(organization, app_id="billing"))
    installation.produce("resource-changes", "Group:1001", change(organization))
    # It runs ahead of its resource, which comes while the hook is disabled.
    ahead = change(organization, instance_id="late", instance=None, action="resolved")
    installation.produce("resource-changes", "Group:late", ahead)
    installation.produce("resources", "Group:late", {"id": "late", "title": "at last"})
    eventually(lambda: len(missed(installation, app)["stretches"]) >= 2)
    eventually(lambda: missed(installation, service)["stretches"])
    for hook in (app, service):
        put(installation, hook, status="active", resume="all")
    service.received(1)
    app.received(3)
    assert len(set(ids_of(app))) == 3
    assert {request["headers"]["sentry-hook-resource"] for request in app.requests()} == {"event_alert", "issue"}


def test_what_is_to_be_skipped_is_neither_sent_nor_retried(installation: Installation, organization: str) -> None:
    hook, other = installation.create_hook(organization), installation.create_hook(organization)
    installation.receiver.behave(hook.path, status=500)
    fire(installation, organization, 1)
    eventually(lambda: installation.pending(hook))
    disable(installation, hook)
    tried = len(hook.requests())
    fire(installation, organization, 8)
    other.received(9)
    eventually(lambda: missed(installation, hook)["stretches"])
    assert installation.pending(hook)
    installation.receiver.behave(hook.path)
    undecided = installation.api.put(f"/api/hooks/{hook.id}", {"status": "active"})
    assert undecided.status == 409
    assert undecided.json["missed"]["records"] >= 8
    assert "resume" in undecided.json["detail"]
    assert put(installation, hook, status="active", resume="skip")["missed"]["records"] >= 8
    eventually(lambda: nothing_left(installation, hook))
    eventually(lambda: installation.pending(hook) == [])
    fire(installation, organization, 1)
    hook.received(tried + 1)
    eventually(lambda: installation.totals(hook)[1] == 1)


def test_what_nobody_decided_about_is_sent_and_a_finding_is_undone_by_a_step_only(
    installation: Installation, organization: str
) -> None:
    sentinel, path = installation.create_hook(organization), installation.path()
    gone, moved = installation.receiver.url(f"{path}?gone"), installation.receiver.url(f"{path}/moved")
    hook_id = installation.write_hook(organization, url=gone)
    shown = f"/api/hooks/{hook_id}"

    def status() -> tuple[str, str]:
        hook = installation.api.get(shown).json
        return hook["status"], hook["url"]

    def written(**fields: object) -> None:
        installation.produce("hooks", hook_id, hook_record(hook_id, organization, **fields))

    fire(installation, organization, 1)
    eventually(lambda: status()[0] == "disabled")
    fire(installation, organization, 4)
    sentinel.received(5)
    # Who only says again that it is to be active undoes nothing.
    written(url=moved)
    eventually(lambda: status() == ("disabled", moved))
    fire(installation, organization, 1)
    sentinel.received(6)
    written(url=moved, status="disabled")
    eventually(lambda: installation.api.get(shown).json["status_reason"] == "disabled by its owner")
    written(url=moved)
    # Nobody has said what becomes of what it missed.
    eventually(lambda: len(installation.receiver.requests(f"{path}/moved")) == 5)
    assert status()[0] == "active"
    written(url=gone)
    eventually(lambda: status() == ("active", gone))
    fire(installation, organization, 1)
    eventually(lambda: status()[0] == "disabled")
    fire(installation, organization, 2)
    sentinel.received(9)
    written(url=moved, resume="skip")
    eventually(lambda: status() == ("active", moved))
    fire(installation, organization, 1)
    eventually(lambda: len(installation.receiver.requests(f"{path}/moved")) >= 6)
    eventually(lambda: not installation.api.get(f"{shown}/missed").json["stretches"])
    assert len(installation.receiver.requests(f"{path}/moved")) == 6


def test_a_hook_is_resumed_from_a_time_on(installation: Installation, organization: str) -> None:
    hook, other = installation.create_hook(organization), installation.create_hook(organization)
    disable(installation, hook)
    fire(installation, organization, 8)
    other.received(8)
    middle = max(request["time"] for request in other.requests())
    eventually(lambda: time.time() > middle + 1.0)
    fire(installation, organization, 5)
    other.received(13)
    put(installation, hook, status="active", resume=middle + 0.5)
    hook.received(5)
    eventually(lambda: nothing_left(installation, hook))
    assert len(hook.requests()) == 5


def test_catching_up_goes_on_after_a_kill(install, organization: str) -> None:
    one: Installation = install(partitions=4, resume_rate=100, session_timeout=4)
    for _ in range(2):
        one.add_worker()
    hook, other = one.create_hook(organization), one.create_hook(organization)
    disable(one, hook)
    values = [json.dumps(event(organization)).encode() for _ in range(1500)]
    one.produce_with("events", "11", values[:500])
    one.produce_with("events", "12", values[500:1000])
    one.produce_with("events", "13", values[1000:])
    eventually(lambda: one.receiver.count(other.path)["ids"] == 1500, timeout=60)
    put(one, hook, status="active", resume="all")
    eventually(lambda: one.receiver.count(hook.path)["ids"] >= 200, timeout=60)
    one.workers[0].kill()
    eventually(lambda: one.receiver.count(hook.path)["ids"] == 1500, timeout=90)
    eventually(lambda: nothing_left(one, hook), timeout=30)
    eventually(lambda: one.totals(hook)[1] == 1500, timeout=30)


def test_a_replay_is_counted_first_and_has_the_first_ids(installation: Installation, organization: str) -> None:
    began = time.time()
    hook = installation.create_hook(organization)
    fire(installation, organization, 12)
    hook.received(12)
    first = set(ids_of(hook))
    path = f"/api/hooks/{hook.id}/replay"
    counted = installation.api.post(path, {"from": began, "dry_run": True})
    assert (counted.status, counted.json["matches"]) == (200, 12), counted
    assert counted.json["records"] >= 12
    assert len(hook.requests()) == 12
    started = installation.api.post(path, {"from": began, "topics": ["events"]})
    assert started.status == 202, started
    hook.received(24)
    eventually(lambda: nothing_left(installation, hook))
    assert set(ids_of(hook)) == first
    assert len(hook.requests()) == 24
    eventually(lambda: installation.totals(hook) == (12, 12, 0))
    assert installation.api.delete(f"{path}/{started.json['replay']}").status == 404
    disable(installation, hook)
    assert installation.api.post(path, {"from": began}).status == 409


def test_a_replay_that_is_stopped_sends_no_more(install, organization: str) -> None:
    one: Installation = install(partitions=4, resume_rate=20)
    for _ in range(2):
        one.add_worker()
    began = time.time()
    hook = one.create_hook(organization)
    one.produce_with("events", "11", [json.dumps(event(organization)).encode() for _ in range(200)])
    eventually(lambda: one.receiver.count(hook.path)["ids"] == 200, timeout=60)
    path = f"/api/hooks/{hook.id}/replay"
    replay = one.api.post(path, {"from": began}).json["replay"]
    eventually(lambda: one.receiver.count(hook.path)["requests"] >= 210)
    # By the worker that does not send it, too: the second one is asked.
    stopped = api(one.workers[1]).delete(f"{path}/{replay}")
    assert stopped.status == 204, stopped
    sent = one.receiver.count(hook.path)["requests"]
    eventually(lambda: nothing_left(one, hook))
    # Longer than what writes how far a replay is would take to bring it back.
    until = time.time() + 3.0
    eventually(lambda: time.time() > until)
    assert nothing_left(one, hook)
    assert one.receiver.count(hook.path)["requests"] <= sent + 5  # what was under way
    assert one.receiver.count(hook.path)["requests"] < 390


def test_why_a_record_fired_and_why_not(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization)
    of_another = installation.create_hook(organization, "event.alert", project_ids=["12"])
    written = installation.produce("events", "11", event(organization))
    (request,) = hook.received(1)
    source = f"{written.topic()}:{written.partition()}:{written.offset()}"
    eventually(lambda: installation.totals(hook) == (1, 1, 0))
    answer = installation.api.get("/api/explain", source=source)
    assert answer.status == 200, answer
    by_hook = {one["hook_id"]: one for one in answer.json["hooks"]}
    assert by_hook[hook.id]["matched"]
    assert by_hook[hook.id]["webhook_id"] == request["id"]
    assert [attempt["outcome"] for attempt in by_hook[hook.id]["attempts"]] == ["delivered"]
    assert not by_hook[of_another.id]["matched"]
    assert by_hook[of_another.id]["why"] == (
        "it did not subscribe to event.created; the record is of project 11, and it gets those of 12"
    )
    failing = installation.create_hook(organization)
    installation.receiver.behave(failing.path, status=500)
    second = installation.produce("events", "11", event(organization))
    eventually(lambda: installation.pending(failing))
    for worker in installation.workers:  # any worker asks the one that has what waits
        source_of = f"{second.topic()}:{second.partition()}:{second.offset()}"
        hooks = api(worker).get("/api/explain", source=source_of).json["hooks"]
        (explained,) = (one for one in hooks if one["hook_id"] == failing.id)
        assert explained["pending"]
        assert explained["pending"][0]["webhook_id"] == explained["webhook_id"]
    later = installation.api.get("/api/explain", source=source).json["hooks"]
    (of_late,) = (one for one in later if one["hook_id"] == failing.id)
    assert (of_late["matched"], of_late["attempts"]) == (False, [])
    assert "only a replay can send this record" in of_late["why"]
    by_event = installation.api.get("/api/explain", event_id=answer.json["record"]["event_id"])
    assert by_event.json["source"] == source
    assert installation.api.get("/api/explain", source=f"events:{written.partition()}:999999").status == 404
