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
