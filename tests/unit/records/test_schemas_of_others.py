"""Records in a schema of somebody else: which fields go out, and what is read of them."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

import pytest

from streamhooks.errors import BrokenRecord
from streamhooks.records import formats
from streamhooks.records.event import Event
from streamhooks.records.exact_json import ExactNumber, dumps
from streamhooks.records.registry import MOST_REFERENCES

from .test_registry import EVENT, OTHER, Answers, registry, wire


def test_a_schema_of_somebody_else() -> None:
    value = wire(70_000, OTHER, {**EVENT, "own": 5, "project": {"id": "2", "slug": "p", "name": "P"}})
    event = formats.decode(Event, value, registry(Answers(_70000={"schema": json.dumps(OTHER)})))
    assert event.fields["datetime"] == 1_700_000_000
    assert event.group is None


def read(schema: object, datum: dict, **answers: object) -> Event:
    asked = Answers(_7={"schema": json.dumps(schema)}, **answers)
    return formats.decode(Event, wire(7, deepcopy(schema), datum), registry(asked))


def with_field(name: str, kind: object) -> dict:
    schema = deepcopy(OTHER)
    schema["fields"] = [*(field for field in schema["fields"] if field["name"] != name), {"name": name, "type": kind}]
    return schema


GIVEN = {**EVENT, "own": 5, "project": {"id": "2", "slug": "p", "name": "P"}}
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def logical(kind: str, logical_type: str, **more: object) -> dict:
    return {"type": kind, "logicalType": logical_type, **more}


@pytest.mark.parametrize(
    ("kind", "value", "goes_out"),
    [
        ("string", "1.2.3", b'"1.2.3"'),
        (["null", "string"], None, b"null"),
        ("double", 1e-05, b"1e-05"),
        ("double", 1e16, b"1e+16"),
        ("float", 0.1, b"0.10000000149011612"),
        ("bytes", b"\xff\x00", b'"/wA="'),
        (logical("long", "timestamp-millis"), NOON, b'"2026-11-22T12:00:00Z"'),
        (logical("long", "timestamp-millis"), NOON.replace(microsecond=5000), b'"2026-11-22T12:00:00.005Z"'),
        (logical("long", "timestamp-micros"), NOON.replace(microsecond=5), b'"2026-11-22T12:00:00.000005Z"'),
        (logical("long", "local-timestamp-millis"), NOON.replace(tzinfo=None), b'"2026-11-22T12:00:00"'),
        (logical("int", "date"), date(2026, 11, 22), b'"2026-11-22"'),
        (logical("int", "time-millis"), time(12, 30), b'"12:30:00"'),
        (logical("string", "uuid"), UUID(int=5), b'"00000000-0000-0000-0000-000000000005"'),
        (logical("bytes", "decimal", precision=38, scale=2), Decimal("79228162514264337593543950335.10"),
         b"79228162514264337593543950335.10"),
        (logical("bytes", "decimal", precision=4, scale=3), Decimal("-0.005"), b"-0.005"),
        (logical("bytes", "decimal", precision=4), Decimal(-12), b"-12"),
        ({**logical("fixed", "decimal", precision=10, scale=2), "name": "F", "size": 8}, Decimal("1.10"), b"1.10"),
        ({"type": "enum", "name": "Kind", "symbols": ["error", "default"]}, "error", b'"error"'),
        ({"type": "map", "values": {"type": "array", "items": ["null", "long"]}}, {"a": [None, 1]}, b'{"a":[null,1]}'),
        ({"type": "record", "name": "Release", "fields": [
            {"name": "at", "type": ["null", logical("int", "date")]}, {"name": "by", "type": ["null", "string"]}]},
         {"at": date(2026, 1, 2), "by": None}, b'{"at":"2026-01-02","by":null}'),
    ],
)  # fmt: skip
def test_a_field_that_our_schema_does_not_know_goes_out_as_in_json(
    kind: object, value: object, goes_out: bytes
) -> None:
    for path in ("release", "organization.release"):
        schema, datum = deepcopy(OTHER), deepcopy(GIVEN)
        record, fields = schema, datum
        if "." in path:
            record = next(field for field in schema["fields"] if field["name"] == "organization")["type"]
            fields = datum["organization"]
        record["fields"].append({"name": "release", "type": kind})
        fields["release"] = value
        event = read(schema, datum)
        found = event.fields if "." not in path else event.fields["organization"]
        assert dumps(found["release"]) == goes_out


@pytest.mark.parametrize(
    ("name", "kind", "value", "is_read_as"),
    [
        ("datetime", logical("long", "timestamp-millis"), NOON, "2026-11-22T12:00:00Z"),
        ("datetime", ["null", logical("long", "timestamp-micros")], NOON, "2026-11-22T12:00:00Z"),
        ("event_id", logical("string", "uuid"), UUID("ab" * 16), "ab" * 16),
        ("type", {"type": "enum", "name": "Kind", "symbols": ["error", "default"]}, "error", "error"),
        ("data", {"type": "map", "values": "string"}, {"a": "b"}, {"a": "b"}),
        ("data", ["null", "string"], '{"n":1.10}', {"n": ExactNumber("1.10")}),
        ("further", "string", '{"own2":1}', None),
    ],
)
def test_a_field_of_ours_in_a_type_of_theirs(name: str, kind: object, value: object, is_read_as: object) -> None:
    assert read(with_field(name, kind), {**GIVEN, name: value}).fields.get(name) == is_read_as


@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        ("double", float("nan"), "nan is not a JSON number"),
        ("float", float("inf"), "inf is not a JSON number"),
        (logical("bytes", "decimal", precision=5000), Decimal("9" * 700), "more than 256 bytes"),
    ],
)
def test_a_field_that_can_not_go_out(kind: object, value: object, why: str) -> None:
    with pytest.raises(BrokenRecord, match=why):
        read(with_field("release", kind), {**GIVEN, "release": value})


def test_a_decimal_of_too_many_digits_behind_its_point() -> None:
    schema = with_field("release", logical("bytes", "decimal", precision=600, scale=501))
    with pytest.raises(LookupError, match="the scale of a decimal must be 0 to 500"):
        registry(Answers(_7={"schema": json.dumps(schema)})).schema(7)


def test_a_schema_that_needs_others() -> None:
    address = {"type": "record", "name": "com.acme.Address", "fields": [{"name": "city", "type": "string"}]}
    customer = {"type": "record", "name": "com.acme.Customer", "fields": [{"name": "at", "type": "com.acme.Address"}]}
    schema = with_field("customer", "com.acme.Customer")
    schema["fields"].append({"name": "ship_to", "type": "com.acme.Address"})
    answers = {
        "subjects/a%2Fb/versions/3": {"schema": json.dumps(address)},
        "subjects/customer/versions/1": {
            "schema": json.dumps(customer),
            "references": [{"name": "com.acme.Address", "subject": "a/b", "version": 3}],
        },
        "_7": {
            "schema": json.dumps(schema),
            "references": [
                {"name": "com.acme.Customer", "subject": "customer", "version": 1},
                {"name": "com.acme.Address", "subject": "a/b", "version": 3},
            ],
        },
    }
    asked = Answers(**answers)
    whole = json.loads(json.dumps(schema).replace('"com.acme.Customer"', json.dumps(customer), 1))
    whole = json.loads(json.dumps(whole).replace('"com.acme.Address"', json.dumps(address), 1))
    value = wire(7, whole, {**GIVEN, "customer": {"at": {"city": "Lima"}}, "ship_to": {"city": "Oslo"}})
    known = registry(asked)
    for _ in range(2):
        event = formats.decode(Event, value, known)
        assert event.fields["customer"] == {"at": {"city": "Lima"}}
        assert event.fields["ship_to"] == {"city": "Oslo"}
    assert asked.asked == [7, "subjects/customer/versions/1", "subjects/a%2Fb/versions/3"]


def test_schemas_that_need_each_other_come_to_an_end() -> None:
    def needing(subject: str) -> dict:
        return {
            "schema": '{"type":"record","name":"A","fields":[]}',
            "references": [{"subject": subject, "version": 1}],
        }

    others = {"subjects/a/versions/1": needing("b"), "subjects/b/versions/1": needing("a")}
    endless = Answers(_7=needing("a"), **others)
    assert registry(endless).schema(7)["name"] == "A"
    assert endless.asked == [7, "subjects/a/versions/1", "subjects/b/versions/1"]
    many = {f"subjects/{n}/versions/1": needing(str(n + 1)) for n in range(MOST_REFERENCES + 5)}
    with pytest.raises(LookupError, match=f"more than {MOST_REFERENCES} schemas"):
        registry(Answers(_7=needing("0"), **many)).schema(7)
