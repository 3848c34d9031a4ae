"""What filters mean for the hooks of a record: live, sent again, counted for a replay, and explained."""

from __future__ import annotations

import json
from dataclasses import replace

from support.examples import EVENT, hook

from streamhooks.history.explain import explain
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.reader import Record
from streamhooks.kafka.topics import Topics
from streamhooks.records.hook import Hook
from streamhooks.sources.calls import Calls
from streamhooks.sources.duplicates import Duplicates
from streamhooks.sources.filtering import would_send
from streamhooks.sources.kinds import SourceKind
from streamhooks.sources.origin import origin_of
from streamhooks.sources.rules import read_source
from streamhooks.sources.topics import Sources

TOPICS = Topics("p.")
RECORD = Record("p.events", 0, 5, 1500, b"k", json.dumps({**EVENT, "data": {"n": 3}}).encode())
MATCH, NO_MATCH, MISSING, FAILED = (
    replace(hook(number, "event.created"), filter=text, format="data")
    for number, text in enumerate(
        ("message.data.data.n > 1", "message.data.data.n > 5", "message.data.x > 5", "message.data.data.n")
    )
)
NO_BOOL = "its value is of type int, not bool"
ALL = (MATCH, NO_MATCH, MISSING, FAILED)


def table(*hooks: Hook) -> HooksTable:
    made = HooksTable("hooks", "states")
    made.apply([Record("hooks", 0, 0, 0, one.id.encode(), one.to_json()) for one in hooks])
    return made


def calls(*hooks: Hook) -> Calls:
    return Calls(
        table(*hooks),
        Sources(TOPICS),
        partition_of=lambda _hook: 0,
        partitions=1,
        duplicates=Duplicates(0.0),
        clock=lambda: 2.0,
    )


def test_a_live_record_is_judged_for_each_hook() -> None:
    found = calls(*ALL).of(SourceKind.EVENTS, RECORD, origin_of(RECORD, 2000))
    assert {call.hook_id: call.is_fit for call in found} == {MATCH.id: True, FAILED.id: False}


def test_what_a_disabled_hook_misses_is_judged_when_it_is_sent() -> None:
    disabled = replace(NO_MATCH, status="disabled")
    (call,) = calls(disabled).of(SourceKind.EVENTS, RECORD, origin_of(RECORD, 2000))
    assert (call.hook_id, call.is_fit) == (disabled.id, False)


def test_a_record_that_is_sent_again_is_judged_by_the_filter_of_now() -> None:
    made = calls(*ALL)
    assert made.again(NO_MATCH, RECORD, "replay", "x") is None
    sent = made.again(replace(NO_MATCH, filter="message.data.data.n > 2"), RECORD, "replay", "x")
    assert sent is not None
    assert sent.is_fit
    failed = made.again(FAILED, RECORD, "resume", "x")
    assert failed is not None
    assert not failed.is_fit


def test_a_replay_counts_what_passes() -> None:
    source = read_source(SourceKind.EVENTS, RECORD, None)
    assert [would_send(one, source, RECORD) for one in ALL] == [True, False, False, False]


def test_the_filter_is_part_of_the_explanation() -> None:
    _, explained = explain(RECORD, SourceKind.EVENTS, table(*ALL))
    assert {one.hook.id: (one.matched, one.why) for one in explained} == {
        MATCH.id: (True, "it subscribed to event.created, and its filter lets it pass"),
        NO_MATCH.id: (False, "it subscribed to event.created, but its filter keeps it back: it is false"),
        MISSING.id: (False, "it subscribed to event.created, but its filter keeps it back: there is no x"),
        FAILED.id: (
            True,
            "it subscribed to event.created, but its filter can't be evaluated, so it is a dead letter: " + NO_BOOL,
        ),
    }


def test_a_change_is_judged_when_its_resource_is_known() -> None:
    change = {"action": "created", "sender": "Order", "instance_id": "9", "organization": {"id": "1", "slug": "acme"}}
    record = RECORD._replace(topic="p.resource-changes", value=json.dumps(change).encode())
    wanted = replace(MATCH, events=("order.created",))
    _, (one,) = explain(record, SourceKind.RESOURCE_CHANGES, table(wanted))
    assert (one.matched, one.why) == (
        True, "it subscribed to order.created, and its filter is asked when the resource is known",
    )  # fmt: skip
    with_data = record._replace(value=json.dumps({**change, "data": {"data": {"n": 1}}}).encode())
    _, (one,) = explain(with_data, SourceKind.RESOURCE_CHANGES, table(wanted))
    assert (one.matched, one.why) == (
        False, "it subscribed to order.created, but its filter keeps it back: it is false",
    )  # fmt: skip
    (call,) = calls(wanted).of(SourceKind.RESOURCE_CHANGES, with_data, origin_of(with_data, 2000))
    assert call.hook_id is None  # of the fan-out for app hooks
