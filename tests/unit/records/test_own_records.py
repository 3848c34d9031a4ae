"""The records that only workers write."""

from __future__ import annotations

import orjson
import pytest

from streamhooks.errors import BrokenRecord
from streamhooks.records.call import DelayedCall
from streamhooks.records.dead_letter import DeadLetter
from streamhooks.records.firing import Attempt, Firing
from streamhooks.records.formats import decode, encode_avro
from streamhooks.records.notice import Notice

CALL = {"id": "c", "task": "deliver", "attempt": 2, "due": 1000, "created": 10, "reason": "retry"}
ATTEMPT = {"id": "msg_1", "attempt": 1, "at": 5, "outcome": "dead", "duration_ms": 3}
LETTER = {"id": "d", "at": 5, "reason": "410"}
NOTICE = {"hook_id": "h", "what": "disabled", "why": "410", "at": 5}


def test_arguments_may_be_fragments_of_json():
    call = DelayedCall(
        "c", "deliver", 1, 1000, 10, "countdown", [orjson.Fragment(b'{"a":1}')], {"k": orjson.Fragment("[]")}
    )
    for value in (call.to_json(), encode_avro(call)):
        read = decode(DelayedCall, value)
        assert (read.args, read.kwargs) == ([{"a": 1}], {"k": []})


def test_bodies_are_left_out_when_there_are_none():
    with_bodies = Attempt("msg_1", 1, 5, "dead", request="{}", response="")
    assert with_bodies.to_fields()["request"] == "{}"
    assert with_bodies.to_fields()["response"] == ""
    assert {"request", "response"}.isdisjoint(Attempt("msg_1", 1, 5, "delivered").to_fields())


def test_json_of_a_firing_is_as_documented():
    firing = Firing(
        "h",
        (Attempt("msg_1", 1, 5, "delivered", 200, None, 3.5, "events:0:1", "event.created", "http://x/"),),
    )
    assert orjson.loads(firing.to_json()) == {
        "hook_id": "h",
        "attempts": [
            {"id": "msg_1", "attempt": 1, "at": 5, "outcome": "delivered", "status": 200, "error": None}
            | {"duration_ms": 3.5, "source": "events:0:1", "event": "event.created", "url": "http://x/", "cause": None}
        ],
    }


def test_raw_bytes_of_a_dead_letter_are_base64():
    letter = DeadLetter("d", 5, "not JSON", raw=b"\x00\xff")
    assert orjson.loads(letter.to_json())["raw"] == "AP8="
    assert decode(DeadLetter, letter.to_json()) == letter


@pytest.mark.parametrize(
    ("record", "fields", "field", "values"),
    [
        (DelayedCall, CALL, "attempt", (0, None, True, 1.0)),
        (DelayedCall, CALL, "due", (None, -1, 2**63, "1")),
        (DelayedCall, CALL, "reason", (None, "later")),
        (DelayedCall, CALL, "args", ({}, "[]")),
        (DelayedCall, CALL, "kwargs", ([], 1)),
        (DelayedCall, CALL, "last", ("error", [])),
        (DeadLetter, LETTER, "raw", ("not base64", "A", "\u00e9", 1)),
        (DeadLetter, LETTER, "task", ([], "deliver")),
        (DeadLetter, LETTER, "truncated", (1, "yes")),
        (DeadLetter, LETTER, "redriven", (-1, "1")),
        (Notice, NOTICE, "what", (None, "paused")),
        (Notice, NOTICE, "since", (-1, "now")),
        (Firing, {"hook_id": "h"}, "attempts", ("[]", {})),
    ],
)
def test_broken_records_name_the_field(record, fields, field, values):
    record.from_fields(fields)
    for value in values:
        with pytest.raises(BrokenRecord, match=f"^{field}: "):
            record.from_fields(fields | {field: value})


def test_broken_inner_records_name_the_path():
    with pytest.raises(BrokenRecord, match=r"^task\.name: "):
        DeadLetter.from_fields(LETTER | {"task": {"args": []}})
    with pytest.raises(BrokenRecord, match=r"^attempts\.1\.outcome: "):
        Firing.from_fields({"hook_id": "h", "attempts": [ATTEMPT, ATTEMPT | {"outcome": "lost"}]})
    with pytest.raises(BrokenRecord, match=r"^attempts\.0: "):
        Firing.from_fields({"hook_id": "h", "attempts": ["x"]})
