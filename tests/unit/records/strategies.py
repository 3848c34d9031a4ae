"""Fields of every record, as hypothesis makes them up: only what docs/reference/records.md allows."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from streamhooks.records.call import DelayedCall
from streamhooks.records.dead_letter import DeadLetter
from streamhooks.records.event import Alert, Event, ResourceChange
from streamhooks.records.firing import Firing
from streamhooks.records.hook import FIELDS, Hook
from streamhooks.records.hook_state import HookState
from streamhooks.records.letter_state import LetterState
from streamhooks.records.message import Message
from streamhooks.records.notice import Notice
from streamhooks.records.stretch import Stretch

texts = st.text(st.characters(codec="utf-8"), max_size=20)
full_texts = texts.filter(bool)
ids = full_texts | st.integers(-(2**63), 2**63 - 1)
hex_32 = st.text("0123456789abcdefABCDEF", min_size=32, max_size=32)
numbers = st.integers(0, 2**40) | st.floats(0, 2**40)
positive = st.floats(0.001, 1000) | st.integers(1, 1000)
longs = st.integers(0, 2**63 - 1)
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(texts, values, max_size=3)
sources = st.just("events:3:17")


def some(
    fields: dict[str, st.SearchStrategy[Any]], **optional: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    """Make fields, and of the optional ones any, which may be null."""
    return st.fixed_dictionaries(fields, optional={name: st.none() | kind for name, kind in optional.items()})


def with_further(fields: st.SearchStrategy[dict[str, Any]], taken: set[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Add fields that docs/reference/records.md does not know."""
    further = st.dictionaries(texts.filter(lambda name: name not in taken) | st.just("further"), values, max_size=2)
    return st.tuples(fields, further).map(lambda both: {**both[0], **both[1]})


organizations = st.fixed_dictionaries({"id": ids, "slug": full_texts})
events = with_further(
    st.fixed_dictionaries(
        {
            "event_id": hex_32,
            "type": full_texts,
            "datetime": st.datetimes().map(lambda at: at.isoformat()) | st.integers(0, 2**35) | st.floats(-1e9, 1e10),
            "organization": with_further(organizations, {"id", "slug"}),
            "project": with_further(
                st.fixed_dictionaries({"id": ids, "slug": full_texts, "name": full_texts}),
                {"id", "slug", "name"},
            ),
        },
        # A null group is left to its own test: Avro can't tell it from an absent one.
        optional={"group": with_further(st.fixed_dictionaries({"id": ids}), {"id"}), "data": objects},
    ),
    {"event_id", "type", "datetime", "organization", "project", "group", "data"},
)
alerts = st.one_of(
    some({"event": events, "rule": texts}, app_id=ids),
    some(
        {"event": events, "rule": texts, "additional_payload_key": full_texts}
        | {"additional_payload": values.filter(lambda value: value is not None)},
        app_id=ids,
    ),
)
names = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
changes = some(
    {"action": names, "sender": names, "instance_id": ids, "organization": organizations},
    project_id=ids,
    instance=objects,
    actor=objects,
)
lines = st.text("a b\u00e9", min_size=1, max_size=100).filter(str.strip)
of_kinds = {
    "line": lines,
    "number": positive,
    "whole": st.integers(1, 100),
    "expression": st.text("ab.=\u00e9", min_size=1),
    "delays": st.lists(numbers, max_size=3),
    "ids": st.lists(ids, max_size=3),
    "headers": st.dictionaries(st.sampled_from(["X-One", "authorization"]), st.just("Bearer \u00e9 t")),
}
hooks = some(
    {
        "id": hex_32,
        "organization_id": ids,
        "url": st.just("https://receiver.example/hook?a=1"),
        "events": st.lists(st.sampled_from(["event.created", "event.alert"]), max_size=4),
        "secret": st.text("abc\u00e9", min_size=16, max_size=256) | st.just("whsec_" + "A" * 43 + "="),
    },
    version=st.integers(0, 3),
    status=st.sampled_from(["active", "disabled"]),
    **{name: of_kinds[said.value.kind] for name, said in FIELDS.items() if said.value.kind in of_kinds},
    date_created=texts,
    resume=st.sampled_from(["skip", "all", "1700000000", "1700000000.5"]),
    resumed_at=numbers,
)
hooks = st.builds(
    lambda fields, previous, earlier: {
        **fields,
        **({} if previous is None else {"previous_secret": previous[0], "previous_secret_until": previous[1]}),
        **({} if earlier is None else {"earlier_secret": earlier[0], "earlier_secret_until": earlier[1]}),
    },
    hooks,
    *[st.none() | st.tuples(texts, numbers)] * 2,
)
states = some(
    {"id": hex_32},
    status_reason=texts,
    disabled_since=numbers,
    failing_since=numbers,
    paused_until=numbers,
    sealed_since=numbers,
    warned_at=numbers,
    open_since=numbers,
    breaker_told_at=numbers,
)
calls = some(
    {"id": full_texts, "task": full_texts, "attempt": st.integers(1, 9), "due": longs, "created": longs}
    | {"reason": st.sampled_from(["retry", "countdown", "overflow", "paused", "resend"])},
    args=st.lists(values, max_size=3),
    kwargs=objects,
    hook_id=texts,
    source=sources,
    webhook_id=texts,
    event=texts,
    last=objects,
    traceparent=texts,
    hops=longs,
    redriven=longs,
    letter=texts,
    earlier=longs,
    starts=longs,
    first_id=texts,
)
attempts = some(
    {"id": full_texts, "attempt": st.integers(1, 9), "at": longs, "duration_ms": numbers}
    | {"outcome": st.sampled_from(["delivered", "retried", "dead", "dropped"])},
    status=st.integers(100, 599),
    error=texts,
    source=sources,
    event=texts,
    url=texts,
    request=texts,
    response=texts,
)
firings = st.fixed_dictionaries({"hook_id": full_texts, "attempts": st.lists(attempts, max_size=3)})
letters = some(
    {"id": full_texts, "at": longs, "reason": texts},
    hook_id=texts,
    task=some({"name": full_texts}, args=st.lists(values, max_size=3), kwargs=objects),
    raw=st.sampled_from(["", "AAAA", "/+8="]),
    attempts=longs,
    last=objects,
    source=sources,
    redriven=longs,
    truncated=st.booleans(),
    webhook_id=texts,
    event=texts,
    hops=longs,
)
stretches = some(
    {"hook_id": hex_32, "id": full_texts, "topic": full_texts, "partition": longs, "next": longs, "since": numbers}
    | {"why": st.sampled_from(["disabled", "replay"])},
    end=longs,
    after=numbers,
    resume=texts,
    not_before=longs,
    before=longs,
    log=texts,
)
letter_states = some(
    {"letter": full_texts, "tries": longs, "at": longs}
    | {"state": st.sampled_from(["open", "sent", "delivered", "dropped"])},
    reason=texts,
    attempts=longs,
    last=objects,
)
notices = some(
    {"hook_id": full_texts, "why": texts, "at": longs}
    | {"what": st.sampled_from(["disabled", "failing", "resumed", "sealed", "breaker_opened", "retention"])},
    since=numbers,
)

messages = some(
    {"type": st.from_regex(r"[a-z0-9_-]{1,8}(\.[a-z0-9_-]{1,8}){0,3}", fullmatch=True), "organization_id": ids},
    data=values,
    project_id=ids,
    id=st.from_regex(r"[a-z0-9 -]{1,20}", fullmatch=True),
    timestamp=st.integers(0, 10**9),
)

RECORDS = {
    Event: events,
    Alert: alerts,
    ResourceChange: changes,
    Hook: hooks,
    HookState: states,
    DelayedCall: calls,
    Firing: firings,
    DeadLetter: letters,
    Notice: notices,
    Stretch: stretches,
    LetterState: letter_states,
    Message: messages,
}
