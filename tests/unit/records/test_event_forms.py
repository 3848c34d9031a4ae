"""An event whose fields are all in their final form is read at once; the careful reading gives the same."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streamhooks.errors import BrokenRecord
from streamhooks.records import event as module
from streamhooks.records.event import Event
from streamhooks.records.exact_json import ExactNumber, dumps

VALUES = st.sampled_from(
    ["acme", "", "é", "\ud800", 7, True, None, 1.5, [], ["acme"], {}, {"id": "7"}, {"id": 7}, ExactNumber("12"), ...]
)
PATHS = st.sampled_from(
    [
        *("event_id", "type", "datetime", "organization", "project", "group", "data", "release"),
        *("organization.id", "organization.slug", "project.id", "project.slug", "project.name", "group.id"),
    ]
)


def event() -> dict[str, Any]:
    return {
        "event_id": "fe225b0ad4a84a2fb0f6f4f4c5f2c0de",
        "type": "error",
        "datetime": "2026-01-31T12:00:00.123456Z",
        "organization": {"id": "1", "slug": "acme"},
        "project": {"id": "22", "slug": "shop", "name": "Shöp"},
        "group": {"id": "333"},
        "data": {"message": "boom"},
    }


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    fields = event()
    for path, value in changes.items():
        *parents, name = path.split(".")
        inner = fields
        for parent in parents:
            inner = inner.get(parent)
        if not isinstance(inner, dict):
            continue
        if value is ...:
            inner.pop(name, None)
        else:
            inner[name] = value
    return fields


def read(fields: dict[str, Any]) -> bytes | str:
    try:
        return dumps(Event.from_fields(fields).fields)
    except BrokenRecord as broken:
        return str(broken)


def test_an_event_in_its_final_form_is_not_copied():
    fields = event()
    assert Event.from_fields(fields).fields is fields


@given(st.dictionaries(PATHS, VALUES, max_size=2))
def test_both_readings_give_the_same(changes):
    fields = changed(changes)
    at_once = read(fields)
    is_final, module._is_in_final_form = module._is_in_final_form, lambda _: False
    try:
        assert read(fields) == at_once
    finally:
        module._is_in_final_form = is_final
