"""Alerts: to the service hooks of the project, and to the hooks of the app that is to be notified."""

from __future__ import annotations

import hashlib
import hmac
import json

from installation import Hook, Installation, alert
from standardwebhooks import Webhook
from support import eventually

SETTINGS = {"base_url": "https://hooks.example.com", "retry_delay": 0.3, "max_retries": 1}
ACTOR = {"type": "application", "id": "streamhooks", "name": "streamhooks"}


def app_hook(installation: Installation, organization: str, app: str = "pager", **fields: object) -> Hook:
    return installation.create_hook(organization, "event_alert.triggered", app_id=app, **fields)


def test_a_service_hook_gets_the_event(installation: Installation, organization: str) -> None:
    hook = installation.create_hook(organization, "event.alert")
    given = alert(organization)
    installation.produce("alerts", "11", given)
    (request,) = hook.received()
    body = json.loads(request["body"])
    assert list(body) == ["project", "group", "event"]
    group_url = "https://hooks.example.com/organizations/acme/issues/1001/"
    assert body["group"] == {**given["event"]["group"], "url": group_url}
    assert body["event"] == {**given["event"], "url": f"{group_url}events/{given['event']['event_id']}/"}
    assert request["headers"]["x-servicehook-guid"] == hook.id
    Webhook(hook.secret).verify(request["body"], request["headers"])


def test_an_app_gets_the_alert(installation: Installation, organization: str) -> None:
    hook = app_hook(installation, organization)
    given = alert(organization, app_id="pager")
    installation.produce("alerts", "11", given)
    (request,) = hook.received()
    sent, headers = given["event"], request["headers"]
    group_url = "https://hooks.example.com/organizations/acme/issues/1001/"
    url = f"{group_url}events/{sent['event_id']}/"
    links = {"url": url, "web_url": url, "issue_url": group_url, "issue_id": "1001"}
    expected = {
        "action": "triggered",
        "installation": {"uuid": hook.id},
        "data": {"event": {**sent, **links}, "triggered_rule": "High error rate"},
        "actor": ACTOR,
    }
    assert request["body"] == json.dumps(expected, separators=(",", ":"))
    assert headers["content-type"] == "application/json"
    assert headers["sentry-hook-resource"] == "event_alert"
    assert headers["sentry-hook-timestamp"] == headers["webhook-timestamp"]
    assert headers["request-id"]
    signature = hmac.new(hook.secret.encode(), request["body"].encode(), hashlib.sha256).hexdigest()
    assert headers["sentry-hook-signature"] == signature
    assert "x-servicehook-guid" not in headers
    Webhook(hook.secret).verify(request["body"], headers)


def test_the_additional_payload(installation: Installation, organization: str) -> None:
    hook = app_hook(installation, organization)
    extra = {"id": 7, "settings": [{"name": "channel", "value": "#on-call"}]}
    given = alert(organization, app_id="pager", additional_payload_key="issue_alert", additional_payload=extra)
    installation.produce("alerts", "11", given)
    (request,) = hook.received()
    data = json.loads(request["body"])["data"]
    assert list(data) == ["event", "triggered_rule", "issue_alert"]
    assert data["issue_alert"] == extra


def test_a_payload_without_a_key_is_a_broken_record(installation: Installation, organization: str) -> None:
    hook = app_hook(installation, organization)
    written = installation.produce("alerts", "11", alert(organization, app_id="pager", additional_payload={"id": 7}))
    assert "additional_payload" in installation.dead_letter_at(written)["reason"]
    assert hook.requests() == []


def test_a_key_without_a_payload_is_left_out(installation: Installation, organization: str) -> None:
    hook = app_hook(installation, organization)
    for payload in ({}, {"additional_payload": None}):
        only = {"additional_payload_key": "issue_alert", **payload}
        installation.produce("alerts", "11", alert(organization, app_id="pager", **only))
    for request in hook.received(2):
        assert list(json.loads(request["body"])["data"]) == ["event", "triggered_rule"]


def test_all_that_an_alert_fires_and_nothing_else(installation: Installation, organization: str) -> None:
    fired = [
        installation.create_hook(organization, "event.alert"),
        app_hook(installation, organization),
        app_hook(installation, organization, project_ids=["11"]),
        installation.create_hook(organization, "event_alert", "issue", app_id="pager"),
    ]
    quiet = [
        installation.create_hook(organization, "event.created"),
        app_hook(installation, organization, app="another"),
        app_hook(installation, organization, project_ids=["12"]),
        app_hook(installation, organization, status="disabled"),
        app_hook(installation, f"{organization}-other"),
        installation.create_hook(organization, "issue", app_id="pager"),
    ]
    installation.produce("alerts", "11", alert(organization, app_id="pager"))
    installation.produce("alerts", "11", alert(organization, app_id="pager"))
    ids = {request["id"] for hook in fired for request in hook.received(2)}
    assert len(ids) == 8
    assert [hook.requests() for hook in quiet] == [[]] * 6


def test_without_an_app_no_app_is_notified(installation: Installation, organization: str) -> None:
    service = installation.create_hook(organization, "event.alert")
    app = app_hook(installation, organization)
    for app_id in ({}, {"app_id": None}):
        installation.produce("alerts", "11", alert(organization, **app_id))
    service.received(2)
    assert app.requests() == []


def test_one_app_fails_alone(installation: Installation, organization: str) -> None:
    good = app_hook(installation, organization)
    bad = app_hook(installation, organization, behaviour="status=500")
    installation.produce("alerts", "11", alert(organization, app_id="pager"))
    letter = installation.dead_letter_of(bad)
    assert letter["attempts"] == 2
    assert len({request["id"] for request in bad.requests()}) == 1
    assert len(good.requests()) == 1
    eventually(lambda: installation.totals(good) == (1, 1, 0))
    eventually(lambda: installation.totals(bad) == (2, 0, 2))
