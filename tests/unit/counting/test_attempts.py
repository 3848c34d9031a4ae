"""The quick way to read a record of `firings` finds what the careful one does, and never takes a broken one."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamhooks.counting import attempts
from streamhooks.counting.attempts import read
from streamhooks.errors import BrokenRecord
from streamhooks.records.firing import Attempt, Firing
from streamhooks.records.formats import decode, encode_avro

HOOK = "a" * 32
ONE = Attempt("msg_1", 1, 5, "retried", 500, None, 1.5, "events:0:1", "issue.created", "http://u", "live", "{}", "no")

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(["delivered", "dead", "failed", "live", "test", 0, 1, -1, 2**63 - 1, 2**63, "", "\ud800"]),
    st.lists(st.integers(), max_size=2),
    st.just({}),
)
changes = st.dictionaries(st.sampled_from([*ONE.to_fields(), "hook_id", "attempts", "more"]), values, max_size=3)
gone = st.sets(st.sampled_from([*ONE.to_fields()]), max_size=2)


def carefully(value: bytes) -> tuple[str, list[tuple[object, ...]]] | str:
    try:
        firing = decode(Firing, value)
    except BrokenRecord as broken:
        return str(broken)
    return firing.hook_id, [(one.id, one.attempt, one.at, one.outcome, one.cause) for one in firing.attempts]


def found(value: bytes) -> tuple[str, list[tuple[object, ...]]] | str:
    try:
        hook_id, plain, raw = read(value)
    except BrokenRecord as broken:
        return str(broken)
    assert len(orjson.loads(raw)["attempts"]) == len(plain)
    return hook_id, [(one.id, one.attempt, one.at, one.outcome, one.cause) for one in plain]


@given(changes, gone, st.sampled_from(["first", "second", "record"]))
def test_both_ways_find_the_same(changed: dict, missing: set, where: str) -> None:
    fields = Firing(HOOK, (ONE, ONE)).to_fields()
    target = fields if where == "record" else fields["attempts"][where == "second"]
    target |= changed
    for name in missing:
        target.pop(name, None)
    try:
        value = orjson.dumps(fields)
    except TypeError:  # of a number or text that JSON does not have
        return
    assert found(value) == carefully(value)


DEEP = b'{"hook_id":"a","attempts":[],"more":%s%s}' % (b"[" * 2000, b"]" * 2000)


@pytest.mark.parametrize(
    "value", [b"", b"{}", b"[]", b"null", b'"a"', b"{", b'{"hook_id":"a","attempts":[[]]}', b"\xff", DEEP]
)
def test_what_is_broken_is_told_with_its_reason(value: bytes) -> None:
    assert found(value) == carefully(value)


def test_what_our_workers_write_goes_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def carefully(_value: object) -> None:
        raise AssertionError

    monkeypatch.setattr(attempts, "_carefully", carefully)
    well = Attempt("msg_2", 1, 5, "delivered", 204, None, 1.0, None, None, "http://u", cause="live")
    value = Firing(HOOK, (ONE, well)).to_json()
    assert found(value) == (HOOK, [("msg_1", 1, 5, "retried", "live"), ("msg_2", 1, 5, "delivered", "live")])
    assert read(value).value is value


def test_an_avro_record_is_read_and_kept_as_json() -> None:
    hook_id, plain, raw = read(encode_avro(Firing(HOOK, (ONE,))))
    assert (hook_id, plain[0].id) == (HOOK, "msg_1")
    assert orjson.loads(raw)["attempts"][0]["url"] == "http://u"
