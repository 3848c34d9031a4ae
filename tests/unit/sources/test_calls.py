"""What becomes of a source record: the calls of a live one, and the one that sends it to a hook again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from support.examples import EVENT, hook

from streamhooks.errors import BrokenRecord
from streamhooks.hooks.matching import matches, reasons_against
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.reader import Record
from streamhooks.kafka.topics import Topics
from streamhooks.records.event import Event
from streamhooks.records.hook import Hook
from streamhooks.records.ids import derived_id, webhook_id
from streamhooks.sources.calls import Calls
from streamhooks.sources.duplicates import Duplicates
from streamhooks.sources.kinds import OF_USERS, SourceKind
from streamhooks.sources.origin import Origin, origin_of
from streamhooks.sources.rules import asks, read_source
from streamhooks.sources.topics import Sources

TOPICS = Topics("p.")
SOURCES = Sources(TOPICS)
CHANGE: dict[str, Any] = {
    "action": "Created",
    "sender": "Group",
    "instance_id": "9",
    "organization": {"id": "1", "slug": "acme"},
    "project_id": "7",
    "actor": {"id": "5"},
}
CHANGE_ARGS = ["Created", "Group", "9", "1", "7"]


SERVICE = hook(1, "event.created", "event.alert")
PAGER = hook(2, "event_alert", "issue", app_id="pager")
EVERY = hook(3, "*", app_id="other")


def record(kind: SourceKind, value: dict[str, Any] | None) -> Record:
    return Record(kind.topic(TOPICS), 11, 5, 1500, b"k", None if value is None else json.dumps(value).encode())


def calls(*hooks: Hook, window: float = 0.0) -> Calls:
    table = HooksTable("hooks", "states")
    table.apply([Record("hooks", 0, 0, 0, one.id.encode(), one.to_json()) for one in hooks])
    return Calls(
        table,
        SOURCES,
        partition_of=lambda hook_id: int(hook_id, 16),
        partitions=4,
        duplicates=Duplicates(window),
        clock=lambda: 2.0,
    )


def live(kind: SourceKind, value: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The calls with all hooks there: task, hook, partition of `delayed`, event, arguments."""
    one = record(kind, value)
    made = calls(SERVICE, PAGER, EVERY).of(kind, one, origin_of(one, 2000))
    for call in made:
        assert (call.source, call.created) == (f"{one.topic}:11:5", 2000)
        expected = origin_of(one, 0).id if call.hook_id is None else derived_id(origin_of(one, 0).id, call.hook_id)
        assert call.id == call.webhook_id == expected
    return [(call.task, call.hook_id, call.partition, call.event, plain(call.args)) for call in made]


def again(kind: SourceKind, value: dict[str, Any], to: Hook) -> tuple[Any, ...] | None:
    """The call that sends a record again: task, hook, partition of `delayed`, event, arguments."""
    one = record(kind, value)
    call = calls().again(to, one, "replay", "once more")
    if call is None:
        return None
    assert (call.cause, call.id) == ("replay", derived_id(call.webhook_id, "once more"))
    if call.hook_id is not None:
        assert call.webhook_id == webhook_id(one.topic, 11, 5, 1500, call.hook_id)
    return call.task, call.hook_id, call.partition, call.event, plain(call.args)


def plain(args: list[Any]) -> list[Any]:
    return [arg.fields if isinstance(arg, Event) else arg for arg in args]


def service_call(event: str) -> tuple[Any, ...]:
    return "streamhooks.process_service_hook", SERVICE.id, 1, event, [SERVICE.id, EVENT]


def test_an_event_goes_to_the_service_hooks_of_its_project() -> None:
    assert live(SourceKind.EVENTS, EVENT) == [service_call("event.created")]
    assert again(SourceKind.EVENTS, EVENT, SERVICE) == service_call("event.created")
    assert again(SourceKind.EVENTS, EVENT, EVERY) is None


def test_an_alert_also_looks_for_the_hooks_of_its_app() -> None:
    alert = {"event": EVENT, "rule": "r", "app_id": "pager", "additional_payload_key": "k", "additional_payload": [1]}
    fan_out = ("streamhooks.send_alert_event", None, 3, "event_alert.triggered", [EVENT, "r", "pager", "k", [1]])
    assert live(SourceKind.ALERTS, alert) == [service_call("event.alert"), fan_out]
    assert live(SourceKind.ALERTS, alert | {"app_id": None}) == [service_call("event.alert")]
    assert again(SourceKind.ALERTS, alert, SERVICE) == service_call("event.alert")
    args = [PAGER.id, EVENT, "r", "k", [1]]
    delivery = ("streamhooks.send_alert_webhook", PAGER.id, 2, "event_alert.triggered", args)
    assert again(SourceKind.ALERTS, alert, PAGER) == delivery
    assert again(SourceKind.ALERTS, alert, EVERY) is None, "it is of another app"


CHANGED, SENT = "streamhooks.process_resource_change", "streamhooks.send_resource_change_webhook"


@pytest.mark.parametrize(
    ("fields", "args", "data"),
    [
        ({"instance": {"a": 1}}, [{"a": 1}, {"id": "5"}], {"issue": {"a": 1}}),
        ({"data": {"b": 2}}, [None, {"id": "5"}, None, {"b": 2}], {"b": 2}),
        ({"instance": {"a": 1}, "data": {"b": 2}}, [{"a": 1}, {"id": "5"}, None, {"b": 2}], {"b": 2}),
    ],
)
def test_a_change_looks_for_the_hooks_of_apps(fields: dict[str, Any], args: list[Any], data: dict[str, Any]) -> None:
    change = CHANGE | fields
    assert live(SourceKind.RESOURCE_CHANGES, change) == [(CHANGED, None, 3, "issue.created", [*CHANGE_ARGS, *args])]
    delivery = (SENT, PAGER.id, 2, "issue.created", [PAGER.id, "issue.created", data, {"id": "5"}])
    assert again(SourceKind.RESOURCE_CHANGES, change, PAGER) == delivery
    assert again(SourceKind.RESOURCE_CHANGES, change, SERVICE) is None


def test_a_change_whose_resource_is_to_be_found_waits_for_it_for_one_hook() -> None:
    assert live(SourceKind.RESOURCE_CHANGES, CHANGE) == [
        (CHANGED, None, 3, "issue.created", [*CHANGE_ARGS, None, {"id": "5"}])
    ]
    assert again(SourceKind.RESOURCE_CHANGES, CHANGE, PAGER) == (
        CHANGED, None, 3, "issue.created", [*CHANGE_ARGS, None, {"id": "5"}, PAGER.id],
    )  # fmt: skip


def test_an_error_without_its_instance_is_told_when_it_is_live_and_sent_to_nobody() -> None:
    change = CHANGE | {"sender": "Error"}
    assert [call[0] for call in live(SourceKind.RESOURCE_CHANGES, change)] == [CHANGED]
    assert again(SourceKind.RESOURCE_CHANGES, change, EVERY) is None


def test_a_notice_is_sent_again_as_it_was_first() -> None:
    about = hook(4, "event.created")
    notice = {"hook_id": about.id, "what": "disabled", "why": "w", "since": 3.0, "at": 4000}
    one = record(SourceKind.NOTICES, notice)
    for_all = calls(about, SERVICE, hook(5, "hook.*", app_id="ops"), hook(6, "hook.failing", app_id="ops"))
    (first,) = for_all.of(SourceKind.NOTICES, one, origin_of(one, 2000))
    second = for_all.again(hook(5, "hook.*", app_id="ops"), one, "replay", "once more")
    assert second is not None
    assert (second.args, second.webhook_id) == (first.args, first.webhook_id)
    assert first.args[:2] == [hook(5).id, "hook.disabled"]
    assert for_all.again(SERVICE, one, "replay", "once more") is None
    gone = record(SourceKind.NOTICES, notice | {"hook_id": "0" * 32})
    assert for_all.of(SourceKind.NOTICES, gone, origin_of(gone, 0)) == []


def test_what_another_record_told_before_is_told_once() -> None:
    one, of_window = Origin("first", "s", 0, 0, None), calls(SERVICE, window=60.0)
    other = structs.replace(one, id="second")
    alert = {"event": EVENT, "rule": "r"}
    for kind, value, different in (
        (SourceKind.EVENTS, EVENT, EVENT | {"event_id": "f" * 32}),
        (SourceKind.ALERTS, alert, alert | {"rule": "another"}),
    ):
        assert len(of_window.of(kind, record(kind, value), one)) == 1
        assert of_window.of(kind, record(kind, value), other) == []
        assert len(of_window.of(kind, record(kind, value), one)) == 1
        assert len(of_window.of(kind, record(kind, different), other)) == 1
    change = record(SourceKind.RESOURCE_CHANGES, CHANGE)
    assert all(of_window.of(SourceKind.RESOURCE_CHANGES, change, origin) for origin in (one, other))


@pytest.mark.parametrize("topic", ["p.hooks", "events", "other.events"])
def test_what_is_of_no_source_topic_is_sent_to_nobody(topic: str) -> None:
    with pytest.raises(BrokenRecord):
        calls().again(SERVICE, record(SourceKind.EVENTS, EVENT)._replace(topic=topic), "replay", "x")
    with pytest.raises(BrokenRecord, match="it is not a record of events, alerts, resource-changes, messages"):
        read_source(SOURCES.of(topic), Record(topic, 0, 0, 0, None, b"{}"), None)


events_of_apps = st.lists(st.sampled_from(["event_alert", "event_alert.*", "issue", "comment.*", "*", "hook.failing"]))
types = st.lists(st.sampled_from(["event.created", "event.*", "event.alert", "issue.created", "order.*", "order", "*"]))
some_hooks = st.one_of(
    st.lists(st.sampled_from(["event.created", "event.alert"])).map(lambda events: hook(1, *events)),
    events_of_apps.map(lambda events: hook(1, *events, app_id="pager")),
    types.map(lambda types: hook(1, *types, format="data")),
)


@given(some_hooks)
def test_a_hook_is_only_matched_by_kinds_that_can_fire_it(one: Hook) -> None:
    values = {
        SourceKind.EVENTS: EVENT,
        SourceKind.ALERTS: {"event": EVENT, "rule": "r", "app_id": "pager"},
        SourceKind.RESOURCE_CHANGES: CHANGE | {"instance": {}},
        SourceKind.MESSAGES: {"type": "order.paid", "organization_id": "1"},
    }
    for kind in OF_USERS:
        source = read_source(kind, record(kind, values[kind]), None)
        if any(matches(one, ask) for ask in asks(source)):
            assert kind.can_fire(one), [list(reasons_against(one, ask)) for ask in asks(source)]
