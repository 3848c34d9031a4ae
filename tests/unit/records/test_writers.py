"""Schemas of writers by which a few bytes would make values without end, or end the process."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import fastavro
import pytest

from streamhooks.errors import BrokenRecord
from streamhooks.records import formats, schemas
from streamhooks.records.event import Event
from streamhooks.records.writers import DEEPEST, parse_writer

from .test_registry import EVENT, OTHER, Answers, registry


def record(name: str, *types: object) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": f"f{n}", "type": one} for n, one in enumerate(types)]}


def many(items: object) -> dict[str, Any]:
    return {"type": "array", "items": items}


def by_name(kind: object) -> dict[str, Any]:
    return {"type": "map", "values": kind}


def chain(length: int, first: object, *, times: int = 1) -> list[object]:
    """Return a union in which each record holds the one before it so many times."""
    links = [record("R0", first)]
    links.extend(record(f"R{n}", *[f"R{n - 1}"] * times) for n in range(1, length))
    return links


def nested(levels: int, kind: object) -> object:
    for _ in range(levels):
        kind = many(kind)
    return kind


NOTHING = {"type": "fixed", "name": "Nothing", "size": 0}
ITEMS = "items that take too few bytes"
ITSELF = "contains itself"
REFUSED = {
    "nulls": (many("null"), ITEMS),
    "nulls in objects": (many({"type": "null"}), ITEMS),
    "lists of nulls": (many(many("null")), ITEMS),
    "maps of lists of nulls": (by_name(many("null")), ITEMS),
    "a union with nulls": (["null", many("null")], ITEMS),
    "fixed without bytes": (many(NOTHING), ITEMS),
    "empty records": (many(record("Empty")), ITEMS),
    "records of nulls": (many(record("R", "null", "null")), ITEMS),
    "records in records": (many(record("R", record("S", "null"))), ITEMS),
    "by its name": (record("R", NOTHING, many("Nothing")), ITEMS),
    "many nulls beside a byte": (many(record("R", "int", *["null"] * 20)), ITEMS),
    "many nulls in a branch": (many(["null", record("R", "int", *["null"] * 30)]), ITEMS),
    "doubled again and again": (chain(60, "null", times=2), "too many values that take no bytes"),
    "doubled in a field": (record("R", "string", chain(60, "null", times=2)), "too many values"),
    "itself": (record("R", "R"), ITSELF),
    "itself perhaps": (record("R", ["null", "R"]), ITSELF),
    "lists of itself": (record("R", "int", many("R")), ITSELF),
    "maps of itself": (record("R", by_name("R")), ITSELF),
    "by another": (record("R", record("S", ["null", "R"])), ITSELF),
    "deep": (nested(DEEPEST + 1, "int"), "levels deep"),
    "deep by names": (chain(DEEPEST + 1, "int"), "levels deep"),
    "deeper than Python reads": (nested(450, "int"), "levels deep"),
}  # fmt: skip


@pytest.mark.parametrize(("schema", "why"), REFUSED.values(), ids=REFUSED)
def test_refused(schema: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_writer(json.dumps(schema))


TAKEN = {
    "ints": many("int"),
    "maps of nulls": by_name("null"),
    "nulls or ints": many(["null", "int"]),
    "some nulls beside bytes": many(record("R", "string", "long", *["null"] * 10)),
    "a field of nulls": record("R", "null", "int"),
    "many fields of nulls": record("R", *["null"] * 1000),
    "nested": nested(DEEPEST - 1, "int"),
    "a name twice": record("R", record("S", "int"), "S", many("S")),
    "an enum": many({"type": "enum", "name": "E", "symbols": ["A"]}),
    "fixed": many({"type": "fixed", "name": "F", "size": 16}),
    "records of records": many(record("R", record("S", "string", record("T", "string")), ["null", "string"])),
    "marks in a union": many(["null", record("Deleted"), record("Moved", "string")]),
}


@pytest.mark.parametrize("schema", TAKEN.values(), ids=TAKEN)
def test_taken(schema: object) -> None:
    assert parse_writer(json.dumps(schema))


def test_our_own_schemas_are_taken() -> None:
    for path in schemas.folder().rglob("*.avsc"):
        assert parse_writer(path.read_text())


def with_field(kind: object) -> dict[str, Any]:
    """Return the schema of somebody's events, with a field of their own at the front."""
    return {**OTHER, "fields": [{"name": "extra", "type": kind}, *OTHER["fields"]]}


GIVEN = {**EVENT, "own": 5, "project": {"id": "2", "slug": "p", "name": "P"}}


def decode(schema: dict[str, Any], field: bytes, given: dict[str, Any] = GIVEN, rest: object = OTHER) -> Event:
    body = BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(rest), given)
    value = b"\x00\x00\x00\x00\x07" + field + body.getvalue()
    return formats.decode(Event, value, registry(Answers(_7={"schema": json.dumps(schema)})))


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("kind", "field", "why"),
    [
        (many("null"), b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f", ITEMS),  # 2**62 of them
        (record("Node", ["null", "Node"]), b"\x02" * 1_000_000, ITSELF),
        (record("Node", "Node"), b"", ITSELF),
    ],
)
def test_a_bomb_is_a_broken_record(kind: object, field: bytes, why: str) -> None:
    with pytest.raises(BrokenRecord, match=f"Avro: the schema 7 of the schema registry can't be read: .*{why}"):
        decode(with_field(kind), field)


DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2}
MEGABYTE = b"\x80\x89\x7a" + b"\x7f" * 1_000_000


@pytest.mark.timeout(30)
def test_a_decimal_without_end_breaks_the_record() -> None:
    first, *others = OTHER["fields"]
    for schema in (with_field(DECIMAL), {**OTHER, "fields": [{**first, "type": DECIMAL}, *others]}):
        with pytest.raises(BrokenRecord, match="a decimal of more than 256 bytes"):
            decode(schema, MEGABYTE)
