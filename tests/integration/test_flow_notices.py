"""Notices about hooks, sent to the hooks that subscribed to them: once, and without loops."""

from __future__ import annotations

import json

from installation import Hook, Installation, event
from standardwebhooks import Webhook
from support import eventually

SETTINGS = {"retry_delay": 0.3, "max_retries": 1}


def subscriber(installation: Installation, organization: str, **fields: str) -> Hook:
    return installation.create_hook(organization, "hook.disabled", app_id="ops", **fields)


def disable(installation: Installation, organization: str) -> Hook:
    """Make a hook whose endpoint is gone, and have it disabled."""
    hook = installation.create_hook(organization, behaviour="gone&key=planted")
    installation.produce("events", "11", event(organization))
    eventually(lambda: installation.api.get(f"/api/hooks/{hook.id}").json["status"] == "disabled")
    return hook


def test_a_hook_that_was_disabled_is_told_to_those_who_subscribed(
    installation: Installation, organization: str
) -> None:
    ops = subscriber(installation, organization, behaviour="status=500&fail=1")
    elsewhere = subscriber(installation, f"{organization}-other")
    hook = disable(installation, organization)
    requests = ops.received(2)
    assert len({request["id"] for request in requests}) == 1
    Webhook(ops.secret).verify(requests[1]["body"], requests[1]["headers"])
    assert requests[1]["headers"]["sentry-hook-resource"] == "hook"
    body = json.loads(requests[1]["body"])
    assert (body["action"], body["installation"]) == ("disabled", {"uuid": ops.id})
    about = body["data"]["hook"]
    assert about["id"] == hook.id
    assert "410" in about["why"]
    assert "planted" not in requests[1]["body"]
    eventually(lambda: installation.totals(ops) == (2, 1, 1))
    assert elsewhere.requests() == []


def test_who_gets_notices_causes_none(installation: Installation, organization: str) -> None:
    one = subscriber(installation, organization, behaviour="gone")
    other = subscriber(installation, organization)
    first = disable(installation, organization)
    eventually(lambda: installation.api.get(f"/api/hooks/{one.id}").json["status"] == "disabled")
    # It is in the topic all the same; what comes later is told to who is left.
    eventually(lambda: one.id in [json.loads(record.value())["hook_id"] for record in installation.records("notices")])
    second = disable(installation, organization)
    told = [json.loads(request["body"])["data"]["hook"]["id"] for request in other.received(2)]
    assert told == [first.id, second.id]
    assert len(one.requests()) == 1


def test_a_breaker_that_opens_is_told_once_however_often_it_does(installation: Installation, organization: str) -> None:
    ops = installation.create_hook(organization, "hook.breaker_opened", app_id="ops")
    hook = installation.create_hook(organization)

    def breaker() -> str:
        return installation.api.get(f"/api/hooks/{hook.id}").json["breaker"]

    for _ in range(2):
        installation.receiver.behave(hook.path, status=500)
        for _ in range(25):
            installation.produce("events", "11", event(organization))
        eventually(lambda: breaker() == "open")
        listed = installation.api.get("/api/hooks", organization_id=organization, state="breaker_open").json["hooks"]
        assert [(one["id"], one["trouble"]) for one in listed] == [(hook.id, "breaker_open")]
        installation.receiver.behave(hook.path)
        eventually(lambda: breaker() == "closed", timeout=60)
    (request,) = ops.received(1)
    body = json.loads(request["body"])
    assert (body["action"], body["data"]["hook"]["id"]) == ("breaker_opened", hook.id)
    told = [json.loads(record.value()) for record in installation.records("notices")]
    assert [notice["what"] for notice in told if notice["hook_id"] == hook.id] == ["breaker_opened"]
