"""Why a record fired a hook, or did not, in words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.examples import EVENT, hook

from streamhooks.errors import BrokenRecord
from streamhooks.history.explain import explain
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.reader import Record
from streamhooks.records.hook import Hook
from streamhooks.records.ids import webhook_id
from streamhooks.sources.kinds import SourceKind

ALERT = {"event": EVENT, "rule": "r", "app_id": "pager"}
CHANGE = {
    "action": "created",
    "sender": "Error",
    "instance_id": "9",
    "organization": {"id": "1", "slug": "acme"},
    "instance": {},
}


def explained(kind: SourceKind | None, value: dict[str, Any], *hooks: Hook) -> list[tuple[int, bool, str]]:
    """Return the number of each hook, whether it matched, and why."""
    table = HooksTable("hooks", "states")
    table.apply([Record("hooks", 0, 0, 0, one.id.encode(), one.to_json()) for one in hooks])
    record = Record(f"p.{kind}", 3, 7, 1_000_000, b"k", json.dumps(value).encode())
    _, found = explain(record, kind, table)
    for one in found:
        assert one.webhook_id == webhook_id(record.topic, 3, 7, 1_000_000, one.hook.id)
    return [(int(one.hook.id, 16), one.matched, one.why) for one in found]


def test_those_that_it_fired_come_first_and_other_organizations_are_left_out() -> None:
    hooks = [
        hook(1, "event.alert"),
        hook(2, "event.created", organization_id="2"),
        hook(3, "event.created", project_ids=["7"]),
        hook(4, "event.created", status="disabled"),
    ]
    assert explained(SourceKind.EVENTS, EVENT, *hooks) == [
        (3, True, "it subscribed to event.created"),
        (4, True, "it subscribed to event.created, but is disabled now: disabled by its owner"),
        (1, False, "it did not subscribe to event.created"),
    ]


def test_every_reason_is_named() -> None:
    made, other_event = "1970-01-01T01:00:00+00:00", "it did not subscribe to event.created"
    of_app = "event.created is for service hooks, and this is an app hook"
    hooks = [
        hook(1, "event.alert", project_ids=["8"], date_created=made),
        hook(2, "issue.created", app_id="pager", project_ids=["8", "9"]),
    ]
    assert explained(SourceKind.EVENTS, EVENT, *hooks) == [
        (
            1,
            False,
            f"{other_event}; the record is of project 7, and it gets those of 8; it was created later: {made}",
        ),
        (
            2,
            False,
            f"{of_app}; {other_event}; the record is of project 7, and it gets those of 8, 9",
        ),
    ]


def test_of_an_alert_the_reason_is_that_of_the_hooks_kind() -> None:
    hooks = [hook(1, "event.created"), hook(2, "*", app_id="pager"), hook(3, "issue", app_id="other")]
    assert explained(SourceKind.ALERTS, ALERT, *hooks) == [
        (2, True, "it subscribed to event_alert.triggered"),
        (1, False, "it did not subscribe to event.alert"),
        (
            3,
            False,
            "the record is for app pager, and it belongs to app other; it did not subscribe to event_alert.triggered",
        ),
    ]
    of_no_app = explained(SourceKind.ALERTS, ALERT | {"app_id": None}, hooks[1])
    assert of_no_app == [(2, False, "event.alert is for service hooks, and this is an app hook")]


def test_a_change_of_no_project_is_only_for_hooks_of_every_project() -> None:
    hooks = [hook(1, "error", app_id="a"), hook(2, "error", app_id="a", project_ids=["7"])]
    assert explained(SourceKind.RESOURCE_CHANGES, CHANGE, *hooks) == [
        (1, True, "it subscribed to error.created"),
        (2, False, "the record is of no project, and it gets those of 7"),
    ]


def test_an_error_without_its_instance_says_so() -> None:
    why = "an Error without its instance fires nothing"
    assert explained(SourceKind.RESOURCE_CHANGES, CHANGE | {"instance": None}, hook(1, "*", app_id="a")) == [
        (1, False, why)
    ]


def test_message_hooks_are_told_what_they_get_of_messages_and_of_events() -> None:
    hooks = [
        hook(1, "order.*", format="standard"),
        hook(2, "order.refunded", format="data", project_ids=["8"]),
        hook(3, "event.created"),
        hook(4, "*", format="cloudevents"),
    ]
    message = {"type": "order.paid", "organization_id": "1", "project_id": 7}
    subscribed, other = "it subscribed to order.paid", "it did not subscribe to order.paid"
    assert explained(SourceKind.MESSAGES, message, *hooks) == [
        (1, True, subscribed),
        (4, True, subscribed),
        (2, False, f"{other}; the record is of project 7, and it gets those of 8"),
        (3, False, f"order.paid is for message hooks, and this is a service hook; {other}"),
    ]
    assert explained(SourceKind.EVENTS, EVENT, *hooks[2:]) == [
        (3, True, "it subscribed to event.created"),
        (4, True, "it subscribed to event.created"),
    ]


def test_a_hook_that_was_created_later_is_also_told_of_its_filter() -> None:
    later = "1970-01-01T01:00:00+00:00"
    message = {"type": "order.paid", "organization_id": "1", "data": {"total": 80}}
    hooks = [
        hook(number, "order.paid", format="standard", filter=f"message.data.total > {least}", date_created=later)
        for number, least in ((1, 50), (2, 100))
    ]
    kept_back = "it subscribed to order.paid, but its filter keeps it back: it is false"
    assert explained(SourceKind.MESSAGES, message, *hooks) == [
        (1, False, f"it was created later: {later}; only a replay can send this record"),
        (2, False, f"{kept_back}; it was created later: {later}"),
    ]


@pytest.mark.parametrize("kind", [SourceKind.NOTICES, None])
def test_a_record_of_another_kind_is_not_explained(kind: SourceKind | None) -> None:
    notice = {"hook_id": "a" * 32, "what": "disabled", "why": "w", "since": None, "at": 1}
    with pytest.raises(BrokenRecord, match="it is not a record of events, alerts, resource-changes"):
        explained(kind, notice, hook(1, "*", app_id="a"))
