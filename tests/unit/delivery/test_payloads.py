from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from streamhooks.delivery.links import Links
from streamhooks.delivery.payloads import (
    alert_data,
    app_hook_body,
    app_hook_headers,
    remembering_last,
    resource_change_data,
    resource_name,
    service_hook_body,
    service_hook_headers,
    standard_headers,
)
from streamhooks.delivery.signing import legacy_signature, standard_signature
from streamhooks.records.event import Event
from streamhooks.settings import GROUP_FIELDS, check_template

EVENT_ID = "0123456789abcdef0123456789abcdef"


def event(**changes: Any) -> Event:
    fields: dict[str, Any] = {
        "event_id": EVENT_ID,
        "type": "error",
        "datetime": "2026-01-02T03:04:05Z",
        "organization": {"id": "1", "slug": "acme"},
        "project": {"id": "2", "slug": "shop", "name": "The Shop"},
        "group": {"id": "77", "title": "Bäd"},
        "data": {"b": 1, "a": [1.5, None, True]},
    }
    return Event.from_fields({**fields, **changes})


@pytest.mark.parametrize("base", ["https://hooks.example", "https://hooks.example/"])
def test_service_hook_bytes(base: str) -> None:
    group_url = "https://hooks.example/organizations/acme/issues/77/"
    assert (
        service_hook_body(event(), Links(base))
        == (
            '{"project":{"slug":"shop","name":"The Shop"},'
            f'"group":{{"id":"77","title":"B\\u00e4d","url":"{group_url}"}},'
            f'"event":{{"event_id":"{EVENT_ID}","type":"error","datetime":"2026-01-02T03:04:05Z",'
            '"organization":{"id":"1","slug":"acme"},"project":{"id":"2","slug":"shop","name":"The Shop"},'
            '"group":{"id":"77","title":"B\\u00e4d"},"data":{"b":1,"a":[1.5,null,true]},'
            f'"url":"{group_url}events/{EVENT_ID}/"}}}}'
        ).encode()
    )


def test_no_group() -> None:
    body = orjson.loads(service_hook_body(event(group=None), Links("https://h.example")))
    assert list(body) == ["project", "group", "event"]
    assert body["group"] is None
    assert body["event"]["url"] is None


@pytest.mark.parametrize("group", [None, {"id": 77}])
def test_an_own_url_of_the_event_stays(group: Any) -> None:
    given = event(group=group, url="HTTPS://own.example/e?1")
    body = orjson.loads(service_hook_body(given, Links("https://h.example")))
    assert body["event"]["url"] == "HTTPS://own.example/e?1"
    assert alert_data(given, "r", Links("https://h.example"))["event"]["web_url"] == "HTTPS://own.example/e?1"


def test_an_own_url_of_the_group_stays_and_the_event_gets_ours() -> None:
    given = event(group={"url": "http://own.example/g", "id": 77})
    body = orjson.loads(service_hook_body(given, Links("https://h.example/base//")))
    assert body["group"]["url"] == "http://own.example/g"
    assert body["event"]["url"] == f"https://h.example/base/organizations/acme/issues/77/events/{EVENT_ID}/"
    assert alert_data(given, "r", Links("https://h.example"))["event"]["issue_url"] == "http://own.example/g"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "/path", "ftp://x", "", None, 5, ["https://x"], "httpx://x"])
def test_what_is_no_url_is_replaced_and_nothing_is_changed_in_place(url: Any) -> None:
    given = event(url=url, group={"url": url, "id": 77})
    body = orjson.loads(service_hook_body(given, Links("https://h.example")))
    assert body["group"]["url"] == "https://h.example/organizations/acme/issues/77/"
    assert body["event"]["url"] == f"https://h.example/organizations/acme/issues/77/events/{EVENT_ID}/"
    assert given.fields["url"] == url
    assert given.fields["group"]["url"] == url


def test_links_follow_the_templates() -> None:
    links = Links(
        "https://h.example/",
        "{base_url}/p/{project}/{group}?org={organization}",
        "https://other.example/{organization}/{event}#{group}",
    )
    body = orjson.loads(service_hook_body(event(organization={"id": "1", "slug": "a&b"}), links))
    assert body["group"]["url"] == "https://h.example/p/shop/77?org=a%26b"
    assert body["event"]["url"] == f"https://other.example/a%26b/{EVENT_ID}#77"


@pytest.mark.parametrize(
    "template",
    [
        "{base_url}/{evnt}",
        "{}",
        "{0}",
        "{base_url.__class__}",
        "{base_url[0]}",
        "{base_url",
        "ftp://x/{group}",
        "",
        "/x",
    ],
)
def test_templates_that_make_no_link_are_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"must|can only have"):
        check_template(template, GROUP_FIELDS)
    assert check_template("{base_url}/{group}", GROUP_FIELDS) == "{base_url}/{group}"


def test_links_stay_links() -> None:
    given = event(organization={"id": "1", "slug": "a/../b c"}, group={"id": "7?x"})
    body = orjson.loads(service_hook_body(given, Links("https://h.example")))
    assert body["group"]["url"] == "https://h.example/organizations/a%2F..%2Fb%20c/issues/7%3Fx/"


def test_app_hook_bytes() -> None:
    data = resource_change_data("issue", orjson.Fragment(b'{"id":"77","z":1,"a":2}'))
    assert app_hook_body("created", "ab" * 16, data, None) == (
        b'{"action":"created","installation":{"uuid":"' + b"ab" * 16 + b'"},'
        b'"data":{"issue":{"id":"77","z":1,"a":2}},'
        b'"actor":{"type":"application","id":"streamhooks","name":"streamhooks"}}'
    )


def test_given_actor_and_data_as_fragment() -> None:
    body = app_hook_body("triggered", "u", orjson.Fragment(b'{"x":1}'), {"type": "user", "name": "n", "id": 1})
    assert body == (
        b'{"action":"triggered","installation":{"uuid":"u"},"data":{"x":1},"actor":{"type":"user","name":"n","id":1}}'
    )


def test_alert_data() -> None:
    links = Links("https://h.example")
    data = alert_data(event(), "CPU > 9", links, "ticket", {"n": 1})
    assert list(data) == ["event", "triggered_rule", "ticket"]
    url = f"https://h.example/organizations/acme/issues/77/events/{EVENT_ID}/"
    assert data["event"] == {
        **event().fields,
        "url": url,
        "web_url": url,
        "issue_url": "https://h.example/organizations/acme/issues/77/",
        "issue_id": "77",
    }
    assert data["triggered_rule"] == "CPU > 9"
    assert data["ticket"] == {"n": 1}
    assert list(alert_data(event(), "r", links)) == ["event", "triggered_rule"]
    # As a call of version 0.1.0 that still waits may have it.
    assert list(alert_data(event(), "r", links, "ticket", None)) == ["event", "triggered_rule"]
    ungrouped = alert_data(event(group=None), "r", links)["event"]
    assert [ungrouped[name] for name in ("url", "web_url", "issue_url", "issue_id")] == [None] * 4
    own = alert_data(event(issue_id="5", web_url="https://mine.example"), "r", links)["event"]
    assert (own["issue_id"], own["web_url"]) == ("5", "https://mine.example")


TEXTS = [
    "Ünïcode",
    "日本語 😀",
    "\u2028\u2029",
    "\x7f\x00\x1f\b\f\n\r\t",
    "/<>&'\"\\",
    "\ud83d",
    "x\ude00\ud83d",
    "\uffff",
]


@pytest.mark.parametrize("text", TEXTS)
def test_bodies_are_the_bytes_of_pythons_json(text: str) -> None:
    given = event(data={"m": text, text: [text]})
    for body in (
        service_hook_body(given, Links("https://h.example")),
        app_hook_body("created", "u", {"issue": {"title": text}}, {"type": "user", "name": text}),
        app_hook_body("triggered", "u", alert_data(given, text, Links("https://h.example"), text, text), None),
    ):
        assert body.isascii()
        assert json.dumps(json.loads(body), separators=(",", ":")).encode() == body
        assert text in texts_in(json.loads(body))


def texts_in(value: Any) -> list[str]:
    """Return all texts in it."""
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in texts_in(one)]
    if isinstance(value, list):
        return [text for one in value for text in texts_in(one)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("Group", "issue"),
        ("Error", "error"),
        ("Comment", "comment"),
        ("Release", "release"),
        ("GROUP", "group"),
    ],
)
def test_resource_names(sender: str, name: str) -> None:
    assert resource_name(sender) == name


def test_headers() -> None:
    body, secret = b"{}", "whsec_" + "QUJD" * 8
    assert list(service_hook_headers("h" * 32, secret, 1700000000, body).items()) == [
        ("Content-Type", "application/json"),
        ("X-ServiceHook-Timestamp", "1700000000"),
        ("X-ServiceHook-GUID", "h" * 32),
        ("X-ServiceHook-Signature", legacy_signature(secret, body)),
    ]
    assert list(app_hook_headers("issue", secret, 1700000000, body, "r" * 32).items()) == [
        ("Content-Type", "application/json"),
        ("Request-ID", "r" * 32),
        ("Sentry-Hook-Resource", "issue"),
        ("Sentry-Hook-Timestamp", "1700000000"),
        ("Sentry-Hook-Signature", legacy_signature(secret, body)),
    ]
    assert standard_headers([secret, "old-secret-16-ch"], "w1", 1700000000, body) == {
        "webhook-id": "w1",
        "webhook-timestamp": "1700000000",
        "webhook-signature": standard_signature([secret, "old-secret-16-ch"], "w1", 1700000000, body),
    }


def test_what_the_hooks_of_a_record_have_in_common_is_made_once_and_for_that_record_only() -> None:
    made: list[tuple[Any, ...]] = []

    @remembering_last
    def make(*args: Any) -> list[Any]:
        made.append(args)
        return list(args)

    first, equal = {"a": 1}, {"a": 1}
    assert make(first, "x") is make(first, "x")
    assert len(made) == 1
    assert make(equal, "x") is not make(first, "x")  # equal is not the same
    assert make(first) == [first]
    assert len(made) == 4
    for number in (1, 2):
        body = app_hook_body("created", "u", {"issue": {"id": number}}, None)
        assert orjson.loads(body)["data"] == {"issue": {"id": number}}
    alerts = [orjson.dumps(alert_data(event(), rule, Links("http://x"))) for rule in ("one", "one", "two")]
    assert [orjson.loads(alert)["triggered_rule"] for alert in alerts] == ["one", "one", "two"]
