"""A schema registry: what it is asked, how often, and what its answers mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, date, datetime, time
from decimal import Decimal
from io import BytesIO
from uuid import UUID

import fastavro
import pytest

from streamhooks.errors import BrokenRecord, RegistryAway
from streamhooks.records import formats, schemas
from streamhooks.records.event import Event
from streamhooks.records.exact_json import ExactNumber, dumps
from streamhooks.records.registry import MOST_KNOWN, MOST_REFERENCES, MOST_UNKNOWN, UNKNOWN_FOR, SchemaRegistry

EVENT = {
    "event_id": "ab" * 16,
    "type": "error",
    "datetime": 1_700_000_000,
    "organization": {"id": 1, "slug": "acme"},
    "project": {"id": 2, "slug": "p", "name": "P"},
    "group": None,
}
#: as another program may have it: without the fields that have defaults, with one of its own, under a namespace
OTHER = {
    "type": "record",
    "name": "Event",
    "namespace": "com.example",
    "fields": [
        {"name": "event_id", "type": "string"},
        {"name": "type", "type": "string"},
        {"name": "datetime", "type": "long"},
        {"name": "own", "type": "int"},
        {"name": "organization", "type": {"type": "record", "name": "Organization", "fields": [
            {"name": "id", "type": "long"}, {"name": "slug", "type": "string"}]}},
        {"name": "project", "type": {"type": "record", "name": "Project", "fields": [
            {"name": "id", "type": "string"}, {"name": "slug", "type": "string"}, {"name": "name", "type": "string"}]}},
    ],
}  # fmt: skip


class Answers:
    """Stands for HTTP: an answer by id (`_7`) or by path, or what is raised."""

    def __init__(self, **answers: object) -> None:
        self.answers: dict[str, object] = answers
        self.asked: list[int | str] = []

    def __call__(self, path: str) -> bytes:
        schema_id = path.removeprefix("schemas/ids/")
        self.asked.append(int(schema_id) if schema_id != path else path)
        answer = self.answers.get(f"_{schema_id}" if schema_id != path else path, LookupError(f"no {path}"))
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()


def schema_text(name: str = "Event") -> str:
    return (schemas.folder() / f"{name}.avsc").read_text()


def wire(schema_id: int, schema: object, datum: dict) -> bytes:
    body = BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema), datum)
    return b"\x00" + schema_id.to_bytes(4, "big") + body.getvalue()


def registry(fetch: Answers, clock: Callable[[], float] = lambda: 0.0) -> SchemaRegistry:
    return SchemaRegistry("http://unused", fetch, clock)


def test_our_own_schema() -> None:
    asked = Answers(_7={"schema": schema_text()})
    known = registry(asked)
    value = wire(7, json.loads(schema_text()), {**EVENT, "further": "{}"} | {
        name: {**EVENT[name], "further": "{}"} for name in ("organization", "project")
    })  # fmt: skip
    for _ in range(3):
        event = formats.decode(Event, value, known)
    assert (event.event_id, event.organization_id, event.project_id) == ("ab" * 16, "1", "2")
    assert asked.asked == [7]


def test_a_schema_of_somebody_else() -> None:
    value = wire(70_000, OTHER, {**EVENT, "own": 5, "project": {"id": "2", "slug": "p", "name": "P"}})
    event = formats.decode(Event, value, registry(Answers(_70000={"schema": json.dumps(OTHER)})))
    assert event.fields["datetime"] == 1_700_000_000
    assert event.group is None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (LookupError("the schema registry has no schema 7"), "has no schema 7"),
        ({"schemaType": "PROTOBUF", "schema": "{}"}, "'PROTOBUF', not Avro or JSON"),
        ({"schema": "{"}, "can't be read"),
        (
            {"schema": '{"type": "record", "name": "A", "fields": [{"name": "b", "type": "Elsewhere"}]}'},
            "can't be read",
        ),
        ({}, "can't be read"),
        (b"<html>", "can't be read"),
        ({"schema": '"string"'}, "is not a record"),
        ({"schema": "{}", "references": [{"subject": "a"}]}, "can't be read: KeyError"),
        ({"schema": "{}", "references": [{"name": "A", "subject": "a", "version": 1}]}, "no subjects/a/versions/1"),
    ],
)
def test_what_makes_a_record_broken(answer: object, why: str) -> None:
    with pytest.raises(BrokenRecord, match=f"Avro: .*{why}"):
        formats.decode(Event, b"\x00\x00\x00\x00\x07\x02a", registry(Answers(_7=answer)))


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


def test_json_in_the_wire_format() -> None:
    known = registry(Answers(_7={"schemaType": "JSON", "schema": '{"type": "object"}'}))
    value = json.dumps({**EVENT, "data": {"n": "N"}}).replace('"N"', "1.10").encode()
    event = formats.decode(Event, b"\x00\x00\x00\x00\x07" + value, known)
    assert event.fields["data"] == {"n": ExactNumber("1.10")}
    with pytest.raises(BrokenRecord, match="not JSON"):
        formats.decode(Event, b"\x00\x00\x00\x00\x07{", known)


def test_an_unknown_id_is_asked_for_again_after_a_while() -> None:
    now, asked = [100.0], Answers()
    known = registry(asked, lambda: now[0])
    for moment in (100.0, 100.0, 100.0 + UNKNOWN_FOR - 1):
        now[0] = moment
        with pytest.raises(LookupError):
            known.schema(7)
    assert asked.asked == [7]
    now[0] = 100.0 + UNKNOWN_FOR
    asked.answers["_7"] = {"schema": schema_text()}
    assert known.schema(7)["name"].endswith("Event")


def test_no_answer_is_no_verdict() -> None:
    asked = Answers(_7=RegistryAway("away"))
    known = registry(asked)
    value = b"\x00\x00\x00\x00\x07\x02a"
    for call in (known.learn, lambda value: formats.decode(Event, value, known)):
        with pytest.raises(RegistryAway):
            call(value)
    assert known.trouble == "away"
    asked.answers["_7"] = {"schema": schema_text()}
    assert not known.knows(value)
    known.learn(value)
    assert known.knows(value)
    assert known.trouble is None


@pytest.mark.parametrize("value", [None, b"", b"{}", b"\xc3\x01" + b"\x00" * 9, b"\x00", b"\x00\x01\x02\x03"])
def test_what_needs_no_registry(value: bytes | None) -> None:
    asked = Answers()
    registry(asked).learn(value)
    assert asked.asked == []


def test_the_one_of_the_process() -> None:
    value = wire(7, OTHER, {**EVENT, "own": 5, "project": {"id": "2", "slug": "p", "name": "P"}})
    formats.use_registry(registry(Answers(_7={"schema": json.dumps(OTHER)})))
    try:
        assert formats.decode(Event, value).event_id == "ab" * 16
    finally:
        formats.use_registry(None)
    with pytest.raises(BrokenRecord, match="no schema registry is configured"):
        formats.decode(Event, value)


def test_nobody_listens() -> None:
    with pytest.raises(RegistryAway) as raised:
        SchemaRegistry("http://user:hunter2hunter2@127.0.0.1:9").schema(7)
    assert "hunter2" not in str(raised.value)


def test_ids_that_are_made_up_are_bounded_and_wait_for_one_another() -> None:
    now, asked = [100.0], Answers(_7={"schema": schema_text()})
    known = registry(asked, lambda: now[0])

    def value(schema_id: int) -> bytes:
        return b"\x00" + schema_id.to_bytes(4, "big") + b"a"

    known.learn(value(7))
    for schema_id in range(1000, 1000 + MOST_UNKNOWN):
        known.learn(value(schema_id))
    assert len(asked.asked) == 1 + MOST_UNKNOWN
    with pytest.raises(RegistryAway, match=f"did not know {MOST_UNKNOWN} schemas"):
        known.learn(value(999_999))
    assert known.trouble is None
    for schema_id in (7, 1000, 1999):  # what was told is told
        known.learn(value(schema_id))
    assert len(asked.asked) == 1 + MOST_UNKNOWN
    now[0] += UNKNOWN_FOR
    for schema_id in range(5000, 5000 + MOST_UNKNOWN):
        known.learn(value(schema_id))
    assert len(asked.asked) == 1 + 2 * MOST_UNKNOWN
    assert len(known._unknown) == MOST_UNKNOWN


def test_schemas_are_bounded() -> None:
    asked = Answers(**{f"_{schema_id}": {"schema": '"string"'} for schema_id in range(MOST_KNOWN + 10)})
    known = registry(asked)
    for schema_id in range(MOST_KNOWN + 10):
        assert known.schema(schema_id)
    assert len(known._schemas) == MOST_KNOWN
    assert known.schema(0)
