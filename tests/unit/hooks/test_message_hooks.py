"""Message hooks: their types and patterns, and that the index finds what a plain matcher says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_hooks_table import hook, ids, table, written

from streamhooks.errors import BrokenRecord
from streamhooks.hooks.matching import ask_of_messages, matches, reasons_against
from streamhooks.records.hook import Hook
from streamhooks.records.hook_events import expand_types, is_type, names_of

SEGMENTS = st.sampled_from(["a", "b", "A", "order", "order_x", "x-1"])
TYPES = st.lists(SEGMENTS, min_size=1, max_size=4).map(".".join)
PATTERNS = st.just("*") | TYPES | TYPES.map(lambda name: f"{name}.*")
WISHES = st.lists(
    st.tuples(st.lists(PATTERNS, min_size=1, max_size=3), st.lists(st.sampled_from("12"), unique=True)), max_size=6
)


def plainly(pattern: str, name: str) -> bool:
    """Tell whether a pattern is for a type, segment by segment."""
    if pattern == "*":
        return True
    wanted, given = pattern.split("."), name.split(".")
    if wanted[-1] != "*":
        return wanted == given
    return len(given) >= len(wanted) and given[: len(wanted) - 1] == wanted[:-1]


@given(PATTERNS, TYPES)
def test_patterns_are_as_a_plain_matcher_says(pattern, name):
    assert (pattern in names_of(name)) == plainly(pattern, name)
    assert expand_types([pattern]) == (pattern,)


@given(WISHES, TYPES, st.sampled_from(["1", "2", None]))
def test_the_index_finds_the_message_hooks_that_match(wishes, name, project):
    made = table(
        *(
            written(hook(number, format="data", events=events, project_ids=projects))
            for number, (events, projects) in enumerate(wishes)
        )
    )
    ask = ask_of_messages(name, "1", project)
    wanted = {
        number
        for number, (events, projects) in enumerate(wishes)
        if any(plainly(one, name) for one in events) and (not projects or project in projects)
    }
    assert ids(made.matching(ask)) == wanted
    assert {int(one.id, 16) for one in made if matches(one, ask)} == wanted
    assert made.has_message_hooks == bool(wishes)


@pytest.mark.parametrize("name", ["", ".", "a.", "a..b", "*.a", "a*", "a.*.b", "**", "a b", "é", "x" * 201, 7])
def test_what_is_neither_a_type_nor_a_pattern_is_refused(name):
    assert not isinstance(name, str) or not is_type(name)
    with pytest.raises(BrokenRecord, match=r"^events: "):
        expand_types(["order.paid", name])


def test_only_message_hooks_get_messages():
    made = table(
        written(hook(1)),
        written(hook(2, app_id="a", events=["order.paid", "*"])),
        written(hook(3, format="standard", events=["order.*"])),
        written(hook(4, format="cloudevents", events=["order.paid"], organization_id="2")),
    )
    ask = ask_of_messages("order.paid", "1", None)
    assert ids(made.matching(ask)) == {3}
    assert next(reasons_against(made.get(f"{1:032x}"), ask)) == (
        "order.paid is for message hooks, and this is a service hook"
    )


def test_a_hook_of_an_app_has_the_format_of_sentry():
    fields = {"id": "0" * 32, "organization_id": "1", "url": "http://e.test", "events": ["*"], "secret": "s" * 16}
    assert Hook.from_fields(fields | {"app_id": "a"}).format == "sentry"
    with pytest.raises(BrokenRecord, match="format: must be sentry for the hook of an app"):
        Hook.from_fields(fields | {"app_id": "a", "format": "data"})
    with pytest.raises(BrokenRecord, match="format: must be one of sentry, standard, cloudevents, data"):
        Hook.from_fields(fields | {"events": ["event.created"], "format": "xml"})


def test_who_asks_a_service_hook_for_a_type_is_told_how_to_get_it():
    fields = {"id": "0" * 32, "organization_id": "1", "url": "http://e.test", "secret": "s" * 16}
    with pytest.raises(BrokenRecord, match="its format must be standard, cloudevents or data"):
        Hook.from_fields(fields | {"events": ["order.paid"]})


def test_whether_there_are_message_hooks_is_known_while_they_come_and_go():
    made = table(written(hook(1)))
    for fields, is_one in (({"format": "data"}, True), ({"format": "standard"}, True), ({}, False)):
        made.apply([written(hook(1, **fields))])
        assert made.has_message_hooks == is_one
