"""What message hooks get follows from the record and its coordinates: a crash, a retry and a replay change nothing."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.examples import EVENT, hook
from test_calls import CHANGE, TOPICS, calls

from streamhooks.delivery.links import Links
from streamhooks.kafka.reader import Record
from streamhooks.records.call import DelayedCall
from streamhooks.records.formats import decode
from streamhooks.records.hook import Hook
from streamhooks.records.ids import webhook_id
from streamhooks.sources.kinds import SourceKind
from streamhooks.sources.origin import origin_of
from streamhooks.tasks.call import Call
from streamhooks.webhooks.rendering import Rendering
from streamhooks.webhooks.tasks import process_message

HOOKS = {
    one.id: one for one in (hook(n, "*", format=name) for n, name in enumerate(("standard", "cloudevents", "data")))
}
PLACES = st.tuples(st.integers(0, 20), st.integers(0, 2**40), st.integers(0, 2**42))
MOMENTS = st.none() | st.floats(0, 2**35) | st.just("2026-01-31T12:00:00.123456+02:00")
NUMBERS = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
DATA: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
VALUES = st.one_of(
    st.tuples(st.just(SourceKind.EVENTS), DATA.map(lambda data: EVENT | {"further": data})),
    st.tuples(st.just(SourceKind.ALERTS), DATA.map(lambda data: {"event": EVENT | {"further": data}, "rule": "r"})),
    st.tuples(st.just(SourceKind.RESOURCE_CHANGES), DATA.map(lambda data: CHANGE | {"data": {"further": data}})),
    st.tuples(
        st.just(SourceKind.MESSAGES),
        st.fixed_dictionaries(
            {"type": st.just("order.paid"), "organization_id": st.just("1")},
            optional={"data": DATA, "id": st.none() | st.just("o-1"), "timestamp": MOMENTS},
        ),
    ),
)


def sent(call: Call) -> tuple[str, bytes]:
    """Return the `webhook-id` and the body of a delivery."""
    assert call.hook_id is not None
    return call.webhook_id, process_message.render(
        Rendering(Links("http://s")), HOOKS[call.hook_id], *call.args[1:]
    ).body


def stored(call: Call) -> Call:
    """Return the call as `delayed` holds it for a retry."""
    return Call.from_record(decode(DelayedCall, call.record(attempt=2, due=0, reason="retry")), call.partition)


def deliveries(kind: SourceKind, record: Record, now_ms: int, *hooks: Hook) -> dict[str, Call]:
    """Return the calls of a live record by hook, without the one that finds the hooks of apps."""
    made = calls(*hooks).of(kind, record, origin_of(record, now_ms))
    return {call.hook_id: call for call in made if call.hook_id is not None}


@given(VALUES, PLACES)
def test_ids_and_bodies_are_the_same_through_crash_retry_and_replay(value: tuple[SourceKind, Any], place: Any) -> None:
    kind, fields = value
    record = Record(kind.topic(TOPICS), *place, b"k", json.dumps(fields).encode())
    first = deliveries(kind, record, 2000, *HOOKS.values())
    assert set(first) == set(HOOKS)
    # Another worker takes the record up later, and knows the hooks in another order.
    after_crash = deliveries(kind, record, 90_000, *reversed(HOOKS.values()))
    assert {name: sent(call) for name, call in after_crash.items()} == {
        name: sent(call) for name, call in first.items()
    }
    for name, call in first.items():
        assert call.webhook_id == webhook_id(record.topic, *place, name)
        replayed = calls().again(HOOKS[name], record, "replay", "x")
        assert replayed is not None
        assert sent(call) == sent(stored(call)) == sent(replayed)
        assert replayed.id != call.id
