from __future__ import annotations

import json
import re
import tracemalloc
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from support.documents import as_written, documents, number_texts

from streamhooks.records import exact_json
from streamhooks.records.exact_json import ExactNumber, dumps, in_ascii, loads, may_change

USUAL = """
    0 -0 1 -1 0.0 -0.0 1.0 1.10 0.1 1E5 1e5 1e+5 1e-05 1e-7 0.00001 1e16 1e400 -1e400 1795746417.0 1795746417.123
    9223372036854775807 9223372036854775808 18446744073709551615 18446744073709551616 -9223372036854775808
    -9223372036854775809 123456789012345678901234567890 0.1000000000000000000000000000001 0.30000000000000004
    79228162514264337593543950335.12 100000000000000000000.0 5e-324 1.7976931348623157e308 2.2250738585072014E-308
"""
NUMBERS = [*USUAL.split(), "1" * 400, "1" * 5000, "0." + "3" * 400]
AROUND = ["%s", " %s\n", "[%s]", '{"a":%s}', '{"a":[%s,%s],"b":{"c":%s}}', '{"a": %s }', "[\n%s\t,\r%s ]"]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("around", AROUND)
def test_a_number_goes_out_as_it_came(number: str, around: str) -> None:
    text = around.replace("%s", number)
    for written in (text, text.encode()):
        assert dumps(loads(written)).decode() == re.sub(r"\s", "", text)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_that_orjson_would_change_is_seen(number: str) -> None:
    text = f'{{"a":{number}}}'.encode()
    try:
        changes = orjson.dumps(orjson.loads(text)) != text
    except orjson.JSONDecodeError:
        changes = True
    assert may_change(text) or not changes


def test_ordinary_texts_are_left_to_orjson() -> None:
    ordinary = {
        "event_id": "3e5" * 10 + "12",
        "datetime": "2026-11-22T10:00:00.123Z",
        "id": "123456789012345678901234567890",
        "count": 12345,
        "signed": -12,
        "text": "see 10.0.0.1, e.g. version 1.2.3, -0.5 of all: even 1E5",
        "nested": [{"a": None, "b": [True, "0.1"]}],
    }
    assert not may_change(orjson.dumps(ordinary))
    assert not may_change(json.dumps(ordinary, indent=2).encode())
    assert loads(json.dumps(ordinary)) == ordinary


def test_what_orjson_writes_as_it_came_is_left_to_orjson(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is three times as fast, and what we write is read again and again."""
    ours = dumps({"at": 1795746417.123, "big": 2**64 - 1, "texts": ["1.10", "ü"], "none": None, "small": 1e-7})
    assert may_change(ours)
    with monkeypatch.context() as patched:
        patched.setattr(exact_json, "_carefully", lambda _data: pytest.fail("it is read twice"))
        value = loads(ours)
        with pytest.raises(pytest.fail.Exception):
            loads(ours.replace(b"1795746417.123", b"1795746417.1230"))
    assert dumps(value) == ours
    assert dumps(loads(ours.replace(b"1e-7", b"1E-7"))) == ours.replace(b"1e-7", b"1E-7")


@pytest.mark.parametrize("text", ["\ud83d", "x\ude00", "\ud83d\ud83d\ude00", "a\ud800b\udfffc"])
def test_half_a_surrogate_is_escaped_as_it_came(text: str) -> None:
    written = json.dumps({"a": text, "b": [text, 1, {"c": text}], text: {"d": 1}}, separators=(",", ":"))
    assert loads(written) == json.loads(written)
    assert in_ascii(dumps(loads(written))).decode() == written
    exact = written.replace(":1", ":1.10")
    assert in_ascii(dumps(loads(exact))).decode() == exact


NO_NUMBER = "{ nul NaN [Infinity] [-Infinity] 01 1. .5 [1e] +1 0x10 [1.10,] [1.10"
NO_JSON = ["", " ", '"\x01"', "1.10 2", '{"a":1.10,}', '{"\\ud83d":1.10 "b":2}', '"\\ud83d', "\ufeff\ufeff1"]


@pytest.mark.parametrize("text", [*NO_JSON, *NO_NUMBER.split()])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        loads(text)


NO_UTF_8 = [b"\xff", b'{"a":1.10,"b":"\xe9"}', b'"\xed\xa0\xbd"', b'["\\ud83d","\xff"]', '{"a":1}'.encode("utf-16")]


@pytest.mark.parametrize("data", NO_UTF_8)
def test_what_is_no_utf_8_is_refused(data: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        loads(data)


def test_a_byte_order_mark_is_skipped() -> None:
    assert loads(b'\xef\xbb\xbf{"a":1}') == {"a": 1}
    assert dumps(loads(b'\xef\xbb\xbf{"a":1.10}')) == b'{"a":1.10}'


@pytest.mark.parametrize("inside", ["1", "1.10", '"\\ud83d"'])
def test_what_is_nested_without_end_is_refused(inside: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        loads("[" * 100_000 + inside + "]" * 100_000)


def test_long_numbers_cost_no_more_than_their_length() -> None:
    # To convert the first one would take minutes.
    for number in ("1" * 1_000_000, "1." + "1" * 1_000_000, "1e" + "1" * 1_000_000):
        assert dumps(loads(f"[{number}]")) == f"[{number}]".encode()


def test_exact_numbers_compare_by_their_text() -> None:
    assert ExactNumber("1.10") == ExactNumber("1.10")
    assert ExactNumber("1.10") != ExactNumber("1.1")
    assert len({ExactNumber("1e5"), ExactNumber("1e5")}) == 1
    assert float(ExactNumber("1.10")) == 1.1
    assert [ExactNumber(text).is_integer for text in ("-0", "1" * 30, "1.0", "1e5")] == [True, True, False, False]


@given(documents())
def test_any_json_keeps_its_numbers_and_its_texts(document: str) -> None:
    out = dumps(loads(document))
    assert as_written(out) == as_written(document)
    ascii_out = in_ascii(out)
    assert ascii_out.isascii()
    assert as_written(ascii_out) == as_written(document)
    assert loads(ascii_out) == loads(document)


@given(documents())
def test_in_ascii_it_is_what_python_writes(document: str) -> None:
    usual = json.loads(document, parse_float=lambda _: 0, parse_int=lambda _: 0)
    assert in_ascii(dumps(usual)) == json.dumps(usual, separators=(",", ":")).encode()


@given(number_texts)
def test_no_number_changes_its_value(number: str) -> None:
    assert Decimal(dumps(loads(number)).decode()) == Decimal(number)


@pytest.mark.parametrize(
    "value", [{"text": "x"}, {"text": "x" * 300}, {"half": "\ud800" * 50}, {"n": ExactNumber("1e400")}]
)
def test_what_is_kept_takes_no_more_than_its_length(value: dict[str, object]) -> None:
    number = 500
    tracemalloc.start()
    try:
        kept = [dumps(value) for _ in range(number)]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < number * (len(kept[0]) + 100)
