from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from streamhooks.errors import BrokenRecord
from streamhooks.records.event import Alert, Event, ResourceChange
from streamhooks.records.exact_json import ExactNumber

EVENT: dict[str, Any] = {
    "event_id": "fe225b0ad4a84a2fb0f6f4f4c5f2c0de",
    "type": "error",
    "datetime": "2026-01-31T12:00:00.123456Z",
    "organization": {"id": 1, "slug": "acme"},
    "project": {"id": "22", "slug": "shop", "name": "Shop", "platform": "python"},
    "group": {"id": 333, "title": "Boom"},
    "data": {"message": "boom"},
    "release": "1.0",
}
ALERT = {"event": EVENT, "rule": "many errors", "app_id": 7}
CHANGE: dict[str, Any] = {
    "action": "created",
    "sender": "Group",
    "instance_id": 5,
    "organization": {"id": 1, "slug": "acme"},
    "project_id": 22,
    "instance": {"id": 5},
}


def changed(fields: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy with one field set; `...` removes it."""
    copy = deepcopy(fields)
    *parents, name = path.split(".")
    inner = copy
    for parent in parents:
        inner = inner[parent]
    if value is ...:
        del inner[name]
    else:
        inner[name] = value
    return copy


def test_event_gives_what_was_sent_with_ids_as_texts():
    event = Event.from_fields(EVENT)
    assert (event.event_id, event.type, event.datetime) == (EVENT["event_id"], "error", EVENT["datetime"])
    assert (event.organization_id, event.organization_slug, event.project_id) == ("1", "acme", "22")
    assert event.project == EVENT["project"]
    assert (event.group, event.group_id) == ({"id": "333", "title": "Boom"}, "333")
    assert event.fields["release"] == "1.0"
    assert list(event.fields) == list(EVENT)


def test_event_leaves_the_given_fields_alone():
    given = deepcopy(EVENT)
    Event.from_fields(given)
    assert given == EVENT


@pytest.mark.parametrize("group", [None, ...])
def test_event_without_group(group):
    event = Event.from_fields(changed(EVENT, "group", group))
    assert event.group is None
    assert event.group_id is None


def test_event_id_in_lower_case():
    assert Event.from_fields(changed(EVENT, "event_id", "F" * 32)).fields["event_id"] == "f" * 32


@pytest.mark.parametrize(
    "value",
    [
        *(
            "2026-01-31",
            "20260131T120000Z",
            "2026-01-31 12:00:00+01:00",
            "2026-01-31t12:00:00z",
            "2026-W05-6",
        ),
        *("2026-01-31T12:00:00.123456789Z", 0, 1769860800, 1769860800.5, -1, ExactNumber("1769860800.50")),
        # RFC 3339's leap second, ISO 8601's end of a day.
        *("2016-12-31T23:59:60Z", "2016-12-31 23:59:60.5z", "20161231T235960Z", "2017-01-01T08:59:60+09:00"),
        *("2026-01-31T24:00:00Z", "2026-01-31T24:00", "20260131T240000Z", "2026-01-31T24:00:00.000+01:00"),
    ],
)
def test_event_datetime(value):
    assert Event.from_fields(changed(EVENT, "datetime", value)).datetime == value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *(("event_id", value) for value in ("f" * 31, "f" * 33, "g" * 32, "f" * 32 + "\n", 1, None, ...)),
        ("event_id", "fe225b0a-d4a8-4a2f-b0f6-f4f4c5f2c0de"),
        *(("type", value) for value in ("", 1, None, ...)),
        *(("datetime", value) for value in ("", "yesterday", "2026-13-01", "2026-01-31x12:00", "1769860800")),
        *(("datetime", f"2026-01-31T{time}") for time in ("12:00:61Z", "24:00:01Z", "24:01", "25:00:00", "12:60:00")),
        *(("datetime", ExactNumber(text)) for text in ("1e400", "1769860800000.0")),
        *(("datetime", value) for value in (None, ..., True, [], {}, float("nan"), float("inf"), 1769860800000)),
        *(("organization", value) for value in (None, ..., [], "acme", 1)),
        *(("organization.id", value) for value in (None, ..., "", True, 1.5, [], {})),
        *(("organization.slug", value) for value in (None, ..., "", 1)),
        *(("project", value) for value in (None, ..., [])),
        *(("project.id", value) for value in (None, ..., False)),
        *(("project.slug", value) for value in (None, ..., 1)),
        *(("project.name", value) for value in (None, ..., 1)),
        *(("group", value) for value in (False, [], "333", 333)),
        *(("group.id", value) for value in (None, ..., True)),
        *(("data", value) for value in ([], "text", 1, ExactNumber("1.10"))),
        *(
            ("organization.id", value)
            for value in ("\ud83d", ExactNumber("1.10"), ExactNumber("1" * 201), ExactNumber("1e5"))
        ),
    ],
)
def test_broken_event_names_the_field(path, value):
    with pytest.raises(BrokenRecord, match=f"^{path}: "):
        Event.from_fields(changed(EVENT, path, value))


def test_alert():
    alert = Alert.from_fields(ALERT | {"additional_payload_key": "settings", "additional_payload": [1]})
    assert (alert.rule, alert.app_id) == ("many errors", "7")
    assert (alert.additional_payload_key, alert.additional_payload) == ("settings", [1])
    assert alert.event.group_id == "333"


@pytest.mark.parametrize("change", [{}, {"additional_payload": None}])
def test_an_alert_with_a_key_and_no_payload_is_one_without_both(change):
    alert = Alert.from_fields(ALERT | {"additional_payload_key": "k"} | change)
    assert (alert.additional_payload_key, alert.additional_payload) == (None, None)


def test_data_that_is_null_is_absent():
    event = Event.from_fields(changed(EVENT, "data", None))
    assert event.fields == Event.from_fields(changed(EVENT, "data", ...)).fields
    assert "data" not in event.fields


@pytest.mark.parametrize("digits", ["18446744073709551617", "-9223372036854775809", "1" * 199])
def test_an_id_of_many_digits_is_an_id(digits):
    fields = changed(changed(EVENT, "group.id", ExactNumber(digits)), "organization.id", ExactNumber(digits))
    event = Event.from_fields(changed(fields, "project.id", int(digits)))
    assert (event.group_id, event.organization_id, event.project_id) == (digits, digits, digits)


def test_a_change_may_bring_all_its_data():
    fields = {
        "action": "created", "sender": "Comment", "instance_id": 5, "organization": {"id": 1, "slug": "acme"},
        "data": {"comment_id": 5, "issue_id": 7},
    }  # fmt: skip
    change = ResourceChange.from_fields(fields)
    assert change.data == {"comment_id": 5, "issue_id": 7}
    assert ResourceChange.from_fields(change.to_fields()) == change
    with pytest.raises(BrokenRecord, match="data: must be an object"):
        ResourceChange.from_fields(fields | {"data": [1]})


@pytest.mark.parametrize("payload", [0, False, "", [], {}])
def test_alert_with_a_payload_that_is_false(payload):
    alert = Alert.from_fields(ALERT | {"additional_payload_key": "k", "additional_payload": payload})
    assert alert.additional_payload == payload


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"additional_payload": {}}, "additional_payload"),
        ({"additional_payload_key": "", "additional_payload": {}}, "additional_payload_key"),
        ({"additional_payload_key": 1, "additional_payload": {}}, "additional_payload_key"),
        ({"rule": None}, "rule"),
        ({"app_id": True}, "app_id"),
        ({"event": None}, "event"),
        ({"event": changed(EVENT, "project.id", ...)}, "event.project.id"),
    ],
)
def test_broken_alert_names_the_field(change, field):
    with pytest.raises(BrokenRecord, match=f"^{field}: "):
        Alert.from_fields(ALERT | change)


def test_resource_change():
    change = ResourceChange.from_fields(CHANGE)
    assert (change.action, change.sender, change.instance_id) == ("created", "Group", "5")
    assert (change.organization_id, change.organization_slug, change.project_id) == ("1", "acme", "22")
    assert (change.instance, change.actor) == ({"id": 5}, None)


def test_resource_change_without_what_may_be_missing():
    change = ResourceChange.from_fields(changed(changed(CHANGE, "instance", ...), "project_id", None))
    assert (change.instance, change.project_id) == (None, None)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *(("action", value) for value in (None, ..., "", 1, "a b")),
        *(("sender", value) for value in (None, ..., "", "Group\r\nX-Evil: 1", "Gr\u00fcppe", "x" * 201)),
        *(("instance_id", value) for value in (None, ..., True, "")),
        *(("organization", value) for value in (None, ...)),
        *(("organization.id", value) for value in (None, ...)),
        *(("organization.slug", value) for value in (None, ...)),
        *(("project_id", value) for value in (True, "", [])),
        *(("instance", value) for value in ([], "x", False)),
        *(("actor", value) for value in ([], "x", 0)),
    ],
)
def test_broken_resource_change_names_the_field(path, value):
    with pytest.raises(BrokenRecord, match=f"^{path}: "):
        ResourceChange.from_fields(changed(CHANGE, path, value))
