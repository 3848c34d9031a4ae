"""Events to service hooks: who gets one, and what goes out to the byte."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from importlib.metadata import version

import pytest
from installation import Hook, Installation, alert, event
from standardwebhooks import Webhook, WebhookVerificationError
from support import eventually

SETTINGS = {"base_url": "https://hooks.example.com/", "retry_delay": 0.3}
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


@pytest.fixture
def sentinel(installation: Installation, organization: str) -> Hook:
    """A hook that every event of the organization fires: what it got, all others would have got too."""
    return installation.create_hook(organization)


def fire(installation: Installation, sentinel: Hook, value: dict) -> None:
    """Write an event and wait until it, and one written behind it, were delivered to the sentinel."""
    before = len(sentinel.requests())
    key = value["project"]["id"]
    installation.produce("events", key, value)
    installation.produce("events", key, value)
    sentinel.received(before + 2)


def test_the_body_is_payload_v0(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization)
    given = event(organization)
    installation.produce("events", "11", given)
    (request,) = hook.received()
    group_url = "https://hooks.example.com/organizations/acme/issues/1001/"
    assert request["body"] == compact(
        {
            "project": {"slug": "shop", "name": "Shop"},
            "group": {**given["group"], "url": group_url},
            "event": {**given, "url": f"{group_url}events/{given['event_id']}/"},
        }
    )


def test_an_event_without_a_group(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization)
    installation.produce("events", "11", event(organization, group=None))
    (request,) = hook.received()
    assert json.loads(request["body"])["group"] is None


def test_both_families_of_headers(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization)
    installation.produce("events", "11", event(organization))
    (request,) = hook.received()
    headers, body = request["headers"], request["body"]
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == f"streamhooks/{version('streamhooks')}"
    assert headers["x-servicehook-guid"] == hook.id
    assert headers["x-servicehook-signature"] == _hex_hmac(hook.secret, body)
    assert headers["x-servicehook-timestamp"] == headers["webhook-timestamp"]
    assert abs(int(headers["webhook-timestamp"]) - request["time"]) < 60
    assert headers["webhook-id"]
    assert "." not in headers["webhook-id"]
    assert "sentry-hook-resource" not in headers


def test_a_standard_webhooks_library_verifies_it(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization)
    given = event(organization)
    installation.produce("events", "11", given)
    (request,) = hook.received()
    verified = Webhook(hook.secret).verify(request["body"], request["headers"])
    assert verified["event"]["event_id"] == given["event_id"]
    with pytest.raises(WebhookVerificationError):
        Webhook(hook.secret).verify(request["body"] + " ", request["headers"])


def test_a_secret_of_the_callers_own(installation: Installation, organization: str) -> None:
    secret = "not base64, but 16 and more: ä"
    hook = installation.create_hook(organization, secret=secret)
    installation.produce("events", "11", event(organization))
    (request,) = hook.received()
    assert request["headers"]["x-servicehook-signature"] == _hex_hmac(secret, request["body"])
    Webhook(base64.b64encode(secret.encode()).decode()).verify(request["body"], request["headers"])


def test_ids_may_be_integers_and_the_time_seconds(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, project_ids=["77"])
    given = event(organization, datetime=1790000000.5)
    given["project"]["id"], given["group"]["id"] = 77, 5
    installation.produce("events", "77", given)
    (request,) = hook.received()
    sent = json.loads(request["body"])["event"]
    assert (sent["project"]["id"], sent["group"]["id"], sent["datetime"]) == ("77", "5", 1790000000.5)


def test_the_trace_of_the_record_goes_on(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, behaviour="status=500&fail=1")
    installation.produce("events", "11", event(organization), headers={"traceparent": TRACEPARENT})
    requests = hook.received(2)
    assert [request["headers"]["traceparent"] for request in requests] == [TRACEPARENT] * 2


def test_projects_of_the_hook_and_of_the_organization(installation: Installation, organization: str) -> None:
    sentinel = installation.create_hook(organization)
    one = installation.create_hook(organization, project_ids=["11"])
    both = installation.create_hook(organization, project_ids=["12", "11"])
    other = installation.create_hook(organization, project_ids=["12"])
    fire(installation, sentinel, event(organization, "11"))
    assert [len(hook.received(2)) for hook in (one, both)] == [2, 2]
    assert other.requests() == []


def test_who_is_not_fired(installation: Installation, organization: str, sentinel: Hook) -> None:
    quiet = [
        installation.create_hook(f"{organization}-other"),
        installation.create_hook(organization, project_ids=["12"]),
        installation.create_hook(organization, "event.alert"),
        installation.create_hook(organization, "issue", "event_alert", app_id="pager"),
        installation.create_hook(organization, status="disabled"),
    ]
    deleted = installation.create_hook(organization)
    assert installation.api.delete(f"/api/hooks/{deleted.id}").status == 204
    fire(installation, sentinel, event(organization))
    assert [hook.requests() for hook in (*quiet, deleted)] == [[]] * 6


def test_one_delivery_a_hook_and_record(installation: Installation, organization: str, sentinel: Hook) -> None:
    hook = installation.create_hook(organization, "event.alert", "event.created", project_ids=["11", "12"])
    given = event(organization)
    fire(installation, sentinel, given)
    hook.received(2)
    installation.produce("alerts", "11", alert(organization))
    requests = hook.received(3)
    # The same event in two records is two deliveries: the record is what counts.
    assert len(requests) == len({request["id"] for request in requests}) == 3
    assert {request["id"] for request in requests}.isdisjoint(request["id"] for request in sentinel.requests())


def test_a_hook_is_enabled_again(installation: Installation, organization: str, sentinel: Hook) -> None:
    hook = installation.create_hook(organization, status="disabled")
    fire(installation, sentinel, event(organization))
    assert installation.api.put(f"/api/hooks/{hook.id}", {"status": "active", "resume": "skip"}).status == 200
    fire(installation, sentinel, event(organization))
    assert len(hook.received(2)) == 2


def test_a_hook_from_the_topic(installation: Installation, organization: str, sentinel: Hook) -> None:
    path = installation.path()
    hook_id = installation.write_hook(organization, url=installation.receiver.url(path))
    fire(installation, sentinel, event(organization))
    eventually(lambda: len(installation.receiver.requests(path)) == 2)
    assert {request["headers"]["x-servicehook-guid"] for request in installation.receiver.requests(path)} == {hook_id}
    installation.produce("hooks", hook_id, None)
    eventually(lambda: installation.api.get(f"/api/hooks/{hook_id}").status == 404)
    fire(installation, sentinel, event(organization))
    assert len(installation.receiver.requests(path)) == 2


def _hex_hmac(secret: str, body: str) -> str:
    return hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
