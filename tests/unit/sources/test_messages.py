"""What becomes a message, and which calls it causes; CloudEvents are read as PyPI's `cloudevents` writes them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from support.examples import EVENT, hook
from test_calls import CHANGE, TOPICS, calls

from streamhooks.errors import BrokenRecord
from streamhooks.kafka.reader import Record
from streamhooks.records.event import Event
from streamhooks.records.exact_json import ExactNumber
from streamhooks.records.formats import encode_avro
from streamhooks.records.ids import source_id, webhook_id
from streamhooks.records.message import Message
from streamhooks.sources.kinds import SourceKind
from streamhooks.sources.messages import message_of, sent_message
from streamhooks.sources.origin import origin_of

PAID: dict[str, Any] = {"type": "order.paid", "organization_id": "1", "data": {"total": 120}}
ATTRIBUTES = {
    "type": "order.paid",
    "source": "/shop",
    "id": "o-1",
    "time": "2026-01-31T12:00:00Z",
    "organizationid": "1",
    "projectid": "7",
}
SENT = Message("order.paid", "1", {"total": 120}, "7", "o-1", 1769860800.0, "/shop")
ORDERS, ALL = hook(1, "order.*", format="standard"), hook(2, "*", format="data")


def record(kind: SourceKind, value: Any, headers=()) -> Record:
    value = value if isinstance(value, bytes | None) else json.dumps(value).encode()
    return Record(kind.topic(TOPICS), 3, 5, 1500, b"k", value, headers)


def read(value: Any, headers=()) -> Message:
    found = SourceKind.MESSAGES.read(record(SourceKind.MESSAGES, value, headers), None)
    assert isinstance(found, Message)
    return found


def cloud_event(data: Any = PAID["data"]) -> CloudEvent:
    attributes = {**ATTRIBUTES, "time": datetime.fromisoformat("2026-01-31T12:00:00+00:00")}
    return CloudEvent(
        {"specversion": "1.0", **{name: one for name, one in attributes.items() if one is not None}}, data
    )


def of_kafka(message: KafkaMessage) -> tuple[bytes, tuple[tuple[str, bytes], ...]]:
    value = message.value.encode() if isinstance(message.value, str) else message.value
    return value, tuple(
        (name, one if isinstance(one, bytes) else one.encode()) for name, one in message.headers.items()
    )


@pytest.mark.parametrize("mode", [to_binary, to_structured])
def test_cloud_events_of_both_modes_are_messages(mode):
    assert read(*of_kafka(mode(cloud_event(), JSONFormat()))) == SENT


@pytest.mark.parametrize("mode", [to_binary, to_structured])
def test_cloud_events_without_data(mode):
    assert read(*of_kafka(mode(cloud_event(None), JSONFormat()))) == replace(SENT, data=None)


def test_a_structured_one_is_known_without_its_header():
    value, _ = of_kafka(to_structured(cloud_event(), JSONFormat()))
    assert read(value) == SENT


def test_ids_in_the_data_of_a_structured_one_are_data():
    fields = {"specversion": "1.0", **ATTRIBUTES, "data": {"organization_id": "2", "specversion": "2"}}
    assert read(fields) == replace(SENT, data=fields["data"])


def test_a_message_may_have_a_cloud_event_as_its_data():
    data = {"specversion": "1.0", **ATTRIBUTES}
    for value in (json.dumps(PAID | {"data": data}).encode(), encode_avro(Message("order.paid", "1", data))):
        assert read(value) == Message("order.paid", "1", data)


@pytest.mark.parametrize(
    "content_type", [b"application/cloudevents+json; charset=utf-8", b"Application/CloudEvents+JSON"]
)
def test_content_types_of_structured_ones(content_type):
    with pytest.raises(BrokenRecord, match=r"^specversion: must be 1\.0"):
        read(PAID, (("Content-Type", content_type),))


def test_headers_without_a_value_are_none():
    assert read(PAID, (("content-type", None), ("ce_specversion", None), ("ce_id", None))) == read(PAID)
    headers = {**{f"ce_{name}": value.encode() for name, value in ATTRIBUTES.items()}, "ce_specversion": b"1.0"}
    assert read(b"1", tuple({**headers, "ce_projectid": None, "content-type": None}.items())) == replace(
        SENT, data=1, project_id=None
    )


def test_what_is_null_is_as_if_it_were_not_there():
    assert read(PAID | {"specversion": None}) == read(PAID)
    assert read({"specversion": "1.0", **ATTRIBUTES, "data": PAID["data"], "data_base64": None}) == SENT


def test_attributes_that_are_not_sent_on_may_be_anything():
    headers = {**{f"ce_{name}": value.encode() for name, value in ATTRIBUTES.items()}, "ce_specversion": b"1.0"}
    assert read(b"1", tuple({**headers, "ce_tenant": b"\xff", "ce_subject": b""}.items())) == replace(SENT, data=1)


def test_a_message_may_be_avro():
    assert read(encode_avro(SENT)) == SENT


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (None, (), "tombstone"),
        (b"[]", (), "not a JSON object"),
        ({"type": "a b", "organization_id": "1"}, (), "^type: "),
        ({"specversion": "0.3", **ATTRIBUTES}, (), "specversion: must be 1.0"),
        ({"specversion": "1.0", **ATTRIBUTES, "organizationid": None}, (), "^organizationid: "),
        ({"specversion": "1.0", **ATTRIBUTES, "id": ""}, (), "^id: "),
        ({"specversion": "1.0", **ATTRIBUTES, "data_base64": "AA=="}, (), "data must be JSON"),
        ([{}], (("content-type", b"application/cloudevents-batch+json"),), "content-type: "),
        (b"\xff", (("ce_specversion", b"1.0"), ("ce_id", b"\xff")), "UTF-8"),
        (b"text", (("ce_specversion", b"1.0"), ("content-type", b"text/plain")), "data must be JSON"),
        (None, (("ce_specversion", b"1.0"),), "tombstone"),
        ({"specversion": "1.0", **ATTRIBUTES, "time": "now"}, (), "^time: must be RFC 3339"),
        ({"specversion": "1.0", **ATTRIBUTES, "organizationid": True}, (), "^organizationid: must be an id"),
        ({"specversion": "1.0", **ATTRIBUTES, "projectid": ""}, (), "^projectid: must not be empty"),
        ({"specversion": "1.0", **ATTRIBUTES, "type": None}, (), "^type: must be a text"),
    ],
)
def test_what_can_not_be_read_says_why(value, headers, reason):
    with pytest.raises(BrokenRecord, match=reason):
        read(value, headers)


def test_each_message_hook_gets_a_message_once_with_an_id_from_the_coordinates():
    one = record(SourceKind.MESSAGES, PAID)
    made = calls(ORDERS, ALL, hook(3, "event.created"), hook(4, "*", app_id="a"))
    found = made.of(SourceKind.MESSAGES, one, origin_of(one, 2000))
    assert [call.hook_id for call in found] == [ORDERS.id, ALL.id]
    assert [call.webhook_id for call in found] == [
        webhook_id(one.topic, 3, 5, 1500, hook_id) for hook_id in (ORDERS.id, ALL.id)
    ]
    (_, message), (_, same) = (call.args for call in found)
    assert message is same, "it is rendered once"
    assert message == Message("order.paid", "1", {"total": 120}, None, source_id(one.topic, 3, 5, 1500), 1.5)
    again = made.again(ALL, one, "replay", "x")
    assert again is not None
    assert (again.webhook_id, again.args) == (found[1].webhook_id, found[1].args)


@pytest.mark.parametrize("milliseconds", [-1, 0, 1500, 2**63 - 1])
def test_a_message_of_a_record_with_any_timestamp_can_be_read_again(milliseconds):
    sent = sent_message(read(PAID), record(SourceKind.MESSAGES, PAID)._replace(timestamp=milliseconds))
    again = Message.from_fields(sent.to_fields())
    assert again.to_fields() == sent.to_fields()


@pytest.mark.parametrize(
    ("written", "moment"),
    [(1769860800, 1769860800.0), (ExactNumber("1769860800.50"), 1769860800.5), ("2016-12-31T23:59:60Z", 1483228800.0)],
)
def test_a_message_of_an_event_has_its_time(written, moment):
    message = message_of(Event.from_fields({**EVENT, "datetime": written}))
    assert message is not None
    assert message.timestamp == moment


def test_the_original_records_are_messages_as_well():
    alert = {"event": EVENT, "rule": "many", "app_id": "a", "additional_payload_key": "k", "additional_payload": 1}
    made = calls(ALL)
    found = {}
    for kind, value in (
        (SourceKind.EVENTS, EVENT),
        (SourceKind.ALERTS, alert),
        (SourceKind.RESOURCE_CHANGES, CHANGE | {"instance": {"a": 1}}),
        (SourceKind.RESOURCE_CHANGES, CHANGE | {"data": {"b": 2}}),
    ):
        one = record(kind, value)
        (call,) = [call for call in made.of(kind, one, origin_of(one, 0)) if call.hook_id == ALL.id]
        message = call.args[1]
        found[message.type] = message.data
        assert (message.organization_id, call.event) == ("1", message.type)
        assert message.id is not None
        assert message.timestamp is not None
    assert found["event.created"]["event_id"] == EVENT["event_id"]
    assert found["event.alert"] == {"event": found["event.created"], "rule": "many", "k": 1}
    assert found["issue.created"] == {"b": 2}


def test_the_same_id_of_a_producer_is_a_duplicate_within_the_window():
    made = calls(ALL, window=60.0)
    first = record(SourceKind.MESSAGES, PAID | {"id": "o-1"})
    second, other = first._replace(offset=6), record(SourceKind.MESSAGES, PAID | {"id": "o-2"})
    assert [len(made.of(SourceKind.MESSAGES, one, origin_of(one, 0))) for one in (first, second, first, other)] == [
        *(1, 0, 1, 1),
    ]
    without = record(SourceKind.MESSAGES, PAID)
    assert len(made.of(SourceKind.MESSAGES, without, origin_of(without, 0))) == 1
    moved = without._replace(offset=9)
    assert len(made.of(SourceKind.MESSAGES, moved, origin_of(moved, 0))) == 1
