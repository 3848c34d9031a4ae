"""What goes out for a message, in each format."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from support.examples import HOOK

from streamhooks.delivery.links import Links
from streamhooks.records.exact_json import ExactNumber
from streamhooks.records.message import Message
from streamhooks.webhooks.rendering import Rendering, unsupported
from streamhooks.webhooks.tasks import process_message

PAID = Message("order.paid", "acme", {"total": ExactNumber("1.10"), "to": "Zoë"}, "7", "o-1", 1769860800.5, "/shop")


def sent(message: Any, format_: str) -> tuple[bytes, dict[str, str]]:
    hook = replace(HOOK, format=format_)
    payload = process_message.render(Rendering(Links("http://s")), hook, message)
    return payload.body, payload.headers("msg_1", 5, payload.body)


def test_standard_webhooks():
    body, headers = sent(PAID, "standard")
    assert (
        body
        == '{"type":"order.paid","timestamp":"2026-01-31T12:00:00.500+00:00","data":{"total":1.10,"to":"Zoë"}}'.encode()
    )
    assert headers == {"Content-Type": "application/json"}


@pytest.mark.parametrize("data", [None, 7, "text", [1], {"a": "Zoë"}])
def test_the_data_alone_as_it_came(data):
    body, headers = sent(replace(PAID, data=data), "data")
    assert orjson.loads(body) == data
    assert body.isascii() == (data != {"a": "Zoë"})
    assert headers == {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("message", "source"),
    [
        (PAID, "/shop"),
        (replace(PAID, source=None), "/organizations/acme/projects/7"),
        (replace(PAID, source=None, organization_id="a/b", project_id=None), "/organizations/a%2Fb"),
    ],
)
def test_a_cloud_event_is_read_by_others(message, source):
    body, headers = sent(message, "cloudevents")
    assert headers == {"Content-Type": "application/cloudevents+json; charset=utf-8"}
    event = from_http(
        HTTPMessage({name.lower(): text for name, text in headers.items()}, body), JSONFormat(), CloudEvent
    )
    assert (event.get_id(), event.get_type(), event.get_source()) == ("o-1", "order.paid", source)
    assert event.get_extension("organizationid") == message.organization_id
    assert event.get_extension("projectid") == message.project_id
    assert event.get_time().timestamp() == 1769860800.5
    assert event.get_data() == {"total": 1.1, "to": "Zoë"}


def test_a_stored_message_goes_out_as_a_live_one():
    for format_ in ("standard", "cloudevents", "data"):
        stored = orjson.loads(Message("a", "1", {"b": 1}, None, "i", 5.25).to_json())
        assert sent(stored, format_) == sent(Message("a", "1", {"b": 1}, None, "i", 5.25), format_)


def test_hooks_of_one_format_share_a_body():
    rendering = Rendering(Links("http://s"))
    first = rendering.message(PAID, "standard")
    assert rendering.message(PAID, "data") != first
    assert rendering.message(PAID, "standard") is first
    assert rendering.message(replace(PAID, type="b"), "standard") != first


def test_a_call_of_the_other_side_of_sentry_is_not_sent():
    messages = replace(HOOK, format="data")
    assert unsupported(messages, of_messages=True) is None
    assert unsupported(HOOK, of_messages=False) is None
    for hook, of_messages in ((messages, False), (HOOK, True)):
        refused = unsupported(hook, of_messages=of_messages)
        assert refused is not None
        assert refused.request is None
        assert refused.verdict.kind == "rejected"
