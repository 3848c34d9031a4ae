"""Messages and CloudEvents to message hooks, in each format; and the original records as messages."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from cloudevents.core.bindings.kafka import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from installation import Hook, Installation, event
from standardwebhooks import Webhook

PAID = {"type": "order.paid", "data": {"total": 120, "to": "Zoë"}}


def verified(hook: Hook, request: dict) -> object:
    assert not [name for name in request["headers"] if name.startswith(("x-servicehook", "sentry-"))]
    return Webhook(hook.secret).verify(request["body"], request["headers"])


def test_a_message_goes_out_in_the_format_of_each_hook(installation: Installation, organization: str) -> None:
    hooks = {
        name: installation.create_hook(organization, "order.*", format=name)
        for name in ("standard", "cloudevents", "data")
    }
    other = installation.create_hook(organization, "order", format="data")
    of_sentry = installation.create_hook(organization)
    value = PAID | {"organization_id": organization, "id": "o-1", "timestamp": "2026-01-31T12:00:00Z"}
    installation.produce("messages", "any", value)
    sent = {name: verified(hook, hook.received()[0]) for name, hook in hooks.items()}
    at = "2026-01-31T12:00:00.000+00:00"
    assert sent["standard"] == {"type": "order.paid", "timestamp": at, "data": PAID["data"]}
    assert sent["data"] == PAID["data"]
    assert sent["cloudevents"] == {
        "specversion": "1.0", "id": "o-1", "source": f"/organizations/{organization}", "type": "order.paid", "time": at,
        "datacontenttype": "application/json", "organizationid": organization, "data": PAID["data"],
    }  # fmt: skip
    ids = {hook.received()[0]["headers"]["webhook-id"] for hook in hooks.values()}
    assert len(ids) == 3
    assert not other.requests()
    assert not of_sentry.requests()


def test_cloud_events_of_both_modes(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, "*", format="cloudevents")
    for number, mode in enumerate((to_binary, to_structured)):
        attributes = {
            "specversion": "1.0", "type": "order.paid", "source": "/shop", "id": f"o-{number}",
            "time": datetime(2026, 1, 31, 12, tzinfo=UTC), "organizationid": organization,
        }  # fmt: skip
        made = mode(CloudEvent(attributes, PAID["data"]), JSONFormat())
        installation.produce("messages", "any", made.value, headers=made.headers)
    found = [verified(hook, request) for request in hook.received(2)]
    assert {one["id"] for one in found} == {"o-0", "o-1"}
    assert {(one["source"], one["type"], json.dumps(one["data"])) for one in found} == {
        ("/shop", "order.paid", json.dumps(PAID["data"]))
    }


def test_an_event_is_a_message_as_well(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, "event.created", format="standard")
    given = event(organization)
    installation.produce("events", "11", given)
    sent = verified(hook, hook.received()[0])
    assert (sent["type"], sent["data"]["event_id"]) == ("event.created", given["event_id"])


def test_a_message_that_can_not_be_read_is_a_dead_letter(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, "*", format="data")
    broken = installation.produce("messages", "k", {"type": "order paid", "organization_id": organization})
    installation.produce("messages", "k", PAID | {"organization_id": organization})
    hook.received()
    letter = installation.dead_letter_at(broken)
    assert letter["reason"].startswith("type: must be segments")
