"""Filters of hooks of messages, through Kafka: live, in retries, in replays, and as dead letters."""

from __future__ import annotations

import json
from typing import Any

from installation import Hook, Installation, change, coordinates
from support import eventually

#: a change may come before its resource
SETTINGS = {"retry_delay": 1}
LARGE = "message.data.total > 100"


def pay(installation: Installation, organization: str, total: Any, **data: Any) -> str:
    value = {"type": "order.paid", "organization_id": organization, "data": {"total": total, **data}}
    return coordinates(installation.produce("messages", organization, value))


def hook_of(installation: Installation, organization: str, text: str, *events: str, **fields: Any) -> Hook:
    return installation.create_hook(organization, *(events or ("order.*",)), format="data", filter=text, **fields)


def totals(requests: list[dict[str, Any]]) -> list[Any]:
    return sorted(json.loads(request["body"])["total"] for request in requests)


def put(installation: Installation, hook: Hook, **fields: Any) -> None:
    answer = installation.api.put(f"/api/hooks/{hook.id}", fields)
    assert answer.status == 200, answer


def explained(installation: Installation, source: str) -> dict[str, tuple[bool, str]]:
    found = installation.api.get(f"/api/explain?source={source}").json
    return {one["hook_id"]: (one["matched"], one["why"]) for one in found["hooks"]}


def test_only_what_passes_is_sent_and_the_others_say_why(installation: Installation, organization: str) -> None:
    large = hook_of(installation, organization, LARGE)
    small = hook_of(installation, organization, "message.data.total <= 100")
    every = installation.create_hook(organization, "*", format="data")
    pay(installation, organization, 120)
    source = pay(installation, organization, 99)
    every.received(2)
    assert totals(large.received()) == [120]
    assert totals(small.received()) == [99]
    assert explained(installation, source) == {
        large.id: (False, "it subscribed to order.paid, but its filter keeps it back: it is false"),
        small.id: (True, "it subscribed to order.paid, and its filter lets it pass"),
        every.id: (True, "it subscribed to order.paid"),
    }


def test_what_can_not_be_evaluated_is_a_dead_letter_and_sent_with_another_filter(
    installation: Installation, organization: str
) -> None:
    hook = hook_of(installation, organization, LARGE)
    every = installation.create_hook(organization, "*", format="data")
    pay(installation, organization, "120")
    every.received()
    letter = eventually(lambda: next(iter(letters(installation, hook)), None), timeout=30)
    assert letter["reason"].startswith("the filter of its hook can't be evaluated: No such overload")
    assert hook.requests() == []
    put(installation, hook, filter="double(message.data.total) > 100.0")
    answer = installation.api.post("/api/dead-letters/redrive", {"letters": [letter["letter"]]})
    assert answer.status == 202
    (request,) = hook.received()
    assert request["headers"]["webhook-id"] == letter["webhook_id"]


def letters(installation: Installation, hook: Hook) -> list[dict[str, Any]]:
    return installation.api.get(f"/api/dead-letters?hook_id={hook.id}").json["dead_letters"]


def test_a_retry_goes_by_the_filter_of_its_time(installation: Installation, organization: str) -> None:
    hook = hook_of(installation, organization, LARGE, behaviour="status=500", retry_schedule=[600])
    pay(installation, organization, 120)
    (pending,) = eventually(lambda: installation.pending(hook))
    put(installation, hook, filter="message.data.total > 1000")
    retry = f"/api/hooks/{hook.id}/pending/{pending['webhook_id']}/retry"
    assert installation.api.post(retry).status == 202
    eventually(lambda: not installation.pending(hook))
    assert len(hook.requests()) == 1
    assert letters(installation, hook) == []


def test_a_replay_sends_what_the_changed_filter_lets_pass(installation: Installation, organization: str) -> None:
    hook = hook_of(installation, organization, "message.data.total > 1000")
    every = installation.create_hook(organization, "*", format="data")
    for total in (50, 120, 500):
        pay(installation, organization, total)
    every.received(3)
    assert hook.requests() == []
    put(installation, hook, filter=LARGE)
    found = installation.api.post(f"/api/hooks/{hook.id}/replay", {"from": 0, "dry_run": True}).json
    assert found["matches"] == 2
    assert installation.api.post(f"/api/hooks/{hook.id}/replay", {"from": 0}).status == 202
    assert totals(hook.received(2)) == [120, 500]


def test_a_comprehension_is_refused_on_a_large_message(installation: Installation, organization: str) -> None:
    hook = hook_of(installation, organization, "message.data.items.exists(i, i == 3)")
    pay(installation, organization, 1, items=[1, 3])
    pay(installation, organization, 2, items=[3], pad="x" * 70_000)
    assert totals(hook.received()) == [1]
    letter = eventually(lambda: next(iter(letters(installation, hook)), None), timeout=30)
    assert "a filter with a comprehension is for 65536" in letter["reason"]


def test_a_change_is_judged_when_its_resource_is_known(installation: Installation, organization: str) -> None:
    hook = hook_of(installation, organization, "message.data.order.total > 100", "order.created")
    every = installation.create_hook(organization, "order.created", format="data")
    for number, total in (("1", 50), ("2", 120)):
        key = f"{organization}-{number}"
        installation.produce("resources", f"Order:{key}", {"id": key, "total": total})
        value = change(organization, sender="Order", action="created", instance_id=key)
        value = {name: one for name, one in value.items() if name not in ("instance", "data")}
        installation.produce("resource-changes", f"Order:{key}", value)
    every.received(2)
    assert [json.loads(request["body"])["order"]["total"] for request in hook.received()] == [120]
    assert letters(installation, hook) == []


def test_a_filter_is_tried_on_the_latest_messages(installation: Installation, organization: str) -> None:
    every = installation.create_hook(organization, "*", format="data")
    for total in (50, 120, "x"):
        pay(installation, organization, total)
    every.received(3)
    wanted = {"filter": LARGE, "organization_id": organization, "events": ["order.*"]}
    found = installation.api.post("/api/filters/try", wanted).json
    assert (found["match"], found["no_match"], found["failed"]) == (1, 1, 1)
    assert {one["type"] for one in found["tried"]} == {"order.paid"}
    none = installation.api.post("/api/filters/try", wanted | {"events": ["invoice.*"]}).json
    assert none["tried"] == []
    refused = installation.api.post("/api/filters/try", wanted | {"filter": "message.data."})
    assert refused.status == 400
    assert refused.json["filter"].startswith("position 14: ")
