"""Messages that are sent again: retries in the format of their time, resumes, replays; and tests and explanations."""

from __future__ import annotations

import json
import time

from installation import Hook, Installation, coordinates
from standardwebhooks import Webhook
from support import api, eventually

PAID = {"type": "order.paid", "data": {"total": 120, "to": "Zoë"}, "timestamp": "2026-01-31T12:00:00Z"}


def verified(hook: Hook, request: dict) -> object:
    return Webhook(hook.secret).verify(request["body"], request["headers"])


def test_a_retry_has_the_format_that_its_hook_has_then(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, "order.*", behaviour="status=500&fail=1", format="standard")
    installation.produce("messages", "any", PAID | {"organization_id": organization, "id": "o-1"})
    (waiting,) = eventually(lambda: installation.pending(hook))
    assert installation.api.put(f"/api/hooks/{hook.id}", {"format": "data"}).json["format"] == "data"
    for worker in installation.workers:
        eventually(lambda one=worker: api(one).get(f"/api/hooks/{hook.id}").json["format"] == "data")
    eventually(
        lambda: installation.api.post(f"/api/hooks/{hook.id}/pending/{waiting['call_id']}/retry").status in (202, 404)
    )
    first, second = hook.received(2)
    assert json.loads(first["body"])["type"] == "order.paid"
    assert verified(hook, second) == PAID["data"]
    assert first["id"] == second["id"]


def test_missed_messages_are_resumed_and_replayed_with_the_first_ids(
    installation: Installation, organization: str
) -> None:
    began = time.time()
    hook = installation.create_hook(organization, "order.*", format="cloudevents")
    path = f"/api/hooks/{hook.id}"
    assert installation.api.put(path, {"status": "disabled"}).status == 200
    for worker in installation.workers:
        eventually(lambda one=worker: api(one).get(path).json["status"] == "disabled")
    written = installation.produce("messages", "any", PAID | {"organization_id": organization})
    installation.produce("messages", "any", PAID | {"type": "invoice.paid", "organization_id": organization})
    eventually(lambda: installation.api.get(f"{path}/missed").json["stretches"])
    assert installation.api.put(path, {"status": "active", "resume": "all"}).status == 200
    (resumed,) = hook.received()
    eventually(lambda: not installation.api.get(f"{path}/missed").json["stretches"])
    counted = installation.api.post(f"{path}/replay", {"from": began, "topics": ["messages"], "dry_run": True})
    assert counted.json["matches"] == 1, counted
    assert installation.api.post(f"{path}/replay", {"from": began, "topics": ["messages"]}).status == 202
    replayed = hook.received(2)[1]
    assert (replayed["id"], replayed["body"]) == (resumed["id"], resumed["body"])
    assert verified(hook, replayed)["type"] == "order.paid"
    eventually(lambda: installation.totals(hook) == (1, 1, 0))
    explained = installation.api.get("/api/explain", source=coordinates(written)).json
    (told,) = explained["hooks"]
    assert explained["record"]["type"] == "order.paid"
    assert (told["matched"], told["why"], told["webhook_id"]) == (True, "it subscribed to order.paid", resumed["id"])
    assert {attempt["outcome"] for attempt in told["attempts"]} == {"delivered"}


def test_a_message_hook_is_tested_with_a_type_that_it_gets(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, "order.*", format="standard")
    path = f"/api/hooks/{hook.id}/test"
    assert installation.api.post(path, {"event": "order.refunded"}).json["outcome"] == "delivered"
    assert verified(hook, hook.received()[0])["type"] == "order.refunded"
    assert installation.api.post(path, {"event": "invoice.paid"}).status == 400
    assert installation.api.post(path).json["outcome"] == "delivered"
    assert verified(hook, hook.received(2)[1])["type"] == "order.sample"
