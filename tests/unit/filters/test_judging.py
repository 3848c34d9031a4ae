from __future__ import annotations

import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamhooks.cel.expression import Expression
from streamhooks.cel.values import values_of
from streamhooks.errors import EvaluationFailed, MissingKey
from streamhooks.filters import parts
from streamhooks.filters.bounds import LARGEST_KEPT, LARGEST_LOOPED, LARGEST_READ, LARGEST_SEARCH
from streamhooks.filters.judging import Subject, Verdict, compiled_filter, subject_of
from streamhooks.records.exact_json import loads
from streamhooks.records.message import Message


def subject(data: Any) -> Subject:
    return subject_of(Message("order.paid", "1", data, timestamp=1_767_225_600.5))


@pytest.mark.parametrize(
    ("text", "data", "verdict"),
    [
        ("message.data.total > 100", {"total": 101}, Verdict("match")),
        ("message.data.total > 100", {"total": 100}, Verdict("no_match", "it is false")),
        ("message.data.total > 100", {"totals": 101}, Verdict("no_match", "there is no total")),
        ("message.data.total > 100", {}, Verdict("no_match", "there is no total")),
        ("message.data.a.b.c == 1", {"a": {}}, Verdict("no_match", "there is no b")),
        ("has(message.data.total)", {}, Verdict("no_match", "it is false")),
        ("!has(message.data.total)", {}, Verdict("match")),
        ("message.data.items.exists(i, i.price > 3)", {"items": [{"price": 4}, {}]}, Verdict("match")),
        ("message.type == 'order.paid' && message.organization_id == '1'", None, Verdict("match")),
        ("message.project_id == null && message.id == null", None, Verdict("match")),
        ("message.timestamp == timestamp('2026-01-01T00:00:00.5Z')", None, Verdict("match")),
        ("message.data == null", None, Verdict("match")),
        ("true", {"any": 1}, Verdict("match")),
        ("size(message) == 6", {"any": 1}, Verdict("match")),
        ("message['data']['total'] == 3 && message.data.total == 3", {"total": 3}, Verdict("match")),
    ],
)
def test_a_filter_is_judged(text: str, data: Any, verdict: Verdict) -> None:
    assert subject(data).judge(text) == verdict


@pytest.mark.parametrize(
    ("text", "data", "why"),
    [
        ("message.data.total > 100", {"total": "101"}, "No such overload"),
        ("message.data.total > 100", {"total": None}, "No such overload"),
        ("message.data.total > 100", [], "Unexpected type"),
        ("message.data[0] == 1", [], "index out of bounds"),
        ("message.data.total", {"total": 1}, "its value is of type int, not bool"),
        ("message.data.total", {"total": None}, "its value is of type null, not bool"),
        ("message.data.total >", {}, "it can't be compiled: position 21"),
        ("message.data.total / 0 > 1", {"total": 1}, "division by zero"),
        ("message.data.total + 1 > 1", {"total": 2**63 - 1}, "overflow"),
    ],
)
def test_what_can_not_be_judged_fails_with_a_reason(text: str, data: Any, why: str) -> None:
    verdict = subject(data).judge(text)
    assert verdict.kind == "failed"
    assert why in verdict.why


def test_a_comprehension_is_refused_on_a_large_message_whatever_it_reads() -> None:
    text = "message.data.items.exists(i, i == 1)"
    fits = {"items": [1], "pad": "x" * (LARGEST_LOOPED - len('{"items":[1],"pad":""}'))}
    assert subject(fits).judge(text) == Verdict("match")
    over = {**fits, "pad": fits["pad"] + "x"}
    assert subject(over).judge(text).kind == "failed"
    assert str(LARGEST_LOOPED) in subject(over).judge(text).why
    assert subject(over).judge("message.data.items == [1]") == Verdict("match")


def test_what_a_filter_reads_is_bounded_times_the_weight_of_its_patterns() -> None:
    of_64 = f"message.data.matches('{'.' * 64}')"
    assert LARGEST_SEARCH // 64 == LARGEST_READ, "a pattern of at most 64 characters may search all that a filter reads"
    most = LARGEST_READ - len('{"data":""}') - 200
    assert subject("x" * most).judge(of_64) == Verdict("match")
    heavy = f"message.data.matches('a{'.' * 30}{'.' * 30}') || message.data.matches('a{'.' * 200}{{2}}b')"
    verdict = subject("ac" * 20_000).judge(heavy)
    assert verdict.kind == "failed"
    assert "its patterns of 471 characters" in verdict.why
    assert subject("ac" * 5_000).judge(heavy) == Verdict("match")


@pytest.mark.parametrize("written", ["2026-01-01T00:00:00.0009Z", "2026-01-01T00:00:00.123456Z", 1_767_225_600.0009])
def test_a_retry_sees_the_timestamp_that_the_first_attempt_saw(written: str | float) -> None:
    message = Message.from_fields({"type": "order.paid", "organization_id": "1", "timestamp": written})
    again = Message.from_fields(message.to_fields())
    for compared in ("> timestamp('2026-01-01T00:00:00Z')", "== timestamp('2026-01-01T00:00:00.123Z')"):
        text = f"message.timestamp {compared}"
        assert subject_of(message).judge(text) == subject_of(again).judge(text)


def test_of_many_parts_of_a_message_only_some_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    converted: list[weakref.ref[Any]] = []

    class Context:
        """What is kept, without the library."""

    def convert(_: object) -> Context:
        context = Context()
        converted.append(weakref.ref(context))
        return context

    monkeypatch.setattr(parts, "values_of", convert)
    monkeypatch.setattr(Expression, "evaluate", lambda *_: True)
    asked = subject({"pad": "x" * (LARGEST_READ // 3), **dict.fromkeys(map(str, range(100)), 1)})
    for number in range(100):
        assert asked.judge(f"message.data.pad == '' || message.data.n{number} == 1") == Verdict("match")
    assert len(converted) == 100
    assert 0 < sum(one() is not None for one in converted) * LARGEST_READ // 3 <= LARGEST_KEPT


def test_what_a_filter_reads_is_bounded_times_its_readings() -> None:
    data = {"pad": "x" * (LARGEST_READ // 2 - 100), "total": 1}
    once, twice = "size(message.data.pad) > 1", "size(message.data.pad) > 1 && message.data.pad != ''"
    assert subject(data).judge(once) == Verdict("match")
    assert subject(data).judge(twice) == Verdict("match")
    assert subject(data).judge(twice + " && message.data.total == 1").kind == "failed"
    assert "more than" in subject(data).judge(twice + " && message.data.total == 1").why
    assert subject({"pad": "x" * LARGEST_READ * 4, "total": 1}).judge("message.data.total == 1") == Verdict("match")


def test_a_message_is_converted_once_for_filters_of_the_same_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    converted = []
    monkeypatch.setattr(parts, "values_of", lambda variables: converted.append(variables) or values_of(variables))
    one = subject({"total": 5, "pad": ["never"]})
    for number in range(10):
        one.judge(f"message.data.total > {number}")
    assert converted == [{"message": {"data": {"total": 5}}}]


def test_any_timestamp_of_a_record_is_compared() -> None:
    one = subject_of(Message("order.paid", "1", {}, timestamp=1e15))
    assert one.judge("message.timestamp > timestamp('2026-01-01T00:00:00Z')") == Verdict("match")


def test_numbers_as_written_are_compared() -> None:
    one = subject(loads('{"price": 1.10, "big": 123456789012345678901234567890, "max": 18446744073709551615}'))
    assert one.judge("message.data.price == 1.1 && message.data.big > 5 && message.data.max > 5u").kind == "match"
    assert subject({"name": "\ud800"}).judge("message.data.name != 'x'").kind == "match"


@pytest.mark.parametrize("data", [2**64, {1, 2}, {"a": object()}])
def test_what_json_does_not_have_fails(data: Any) -> None:
    for text in ("message.data == 1", "message.data.exists(i, i == 1)"):
        verdict = subject(data).judge(text)
        assert verdict.kind == "failed"
        assert verdict.why.startswith("it names what is no JSON: ")


_NAMES = st.sampled_from(["a", "b", "c"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=12,
)
_PATHS = st.lists(_NAMES, max_size=3).map(lambda names: ".".join(["message.data", *names]))
_TERMS = st.one_of(
    _PATHS.map(lambda path: f"{path} == 1"),
    _PATHS.map(lambda path: f"size({path}) > 1"),
    _PATHS.map(lambda path: f"has({path}.a)"),
    _PATHS.map(lambda path: f"{path}.exists(i, i == 'a')"),
    _PATHS.map(lambda path: f"{path}['b'] == message.data"),
)


@given(st.lists(_TERMS, min_size=1, max_size=3), st.sampled_from([" && ", " || "]), _JSON)
def test_parts_of_a_message_are_judged_as_the_whole(terms: list[str], operator: str, data: Any) -> None:
    text = operator.join(terms)
    if text.count(".exists(") > 1:
        return
    try:
        value = compiled_filter(text).expression.evaluate(values_of({"message": {"data": data}}))
        expected = "match" if value else "no_match"
    except MissingKey:
        expected = "no_match"
    except EvaluationFailed:
        expected = "failed"
    assert subject(data).judge(text).kind == expected
