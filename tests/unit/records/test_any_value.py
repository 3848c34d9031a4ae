"""Values of topics that are not ours: JSON, or Avro with a writer's schema from a registry, of any shape."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from io import BytesIO
from typing import Any
from uuid import UUID

import fastavro
import pytest

from streamhooks.errors import BrokenRecord
from streamhooks.records.exact_json import dumps
from streamhooks.records.formats import decode_any
from streamhooks.records.registry import SchemaRegistry

ID = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")


def registry(schema: object, kind: str = "AVRO") -> SchemaRegistry:
    answer = json.dumps({"schema": json.dumps(schema), "schemaType": kind}).encode()
    return SchemaRegistry("http://registry", lambda _path: answer)


def wire(schema: Any, datum: object) -> bytes:
    body = BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema), datum)
    return b"\x00\x00\x00\x00\x07" + body.getvalue()


def as_json(schema: Any, datum: object) -> Any:
    """Return the JSON of a value of Avro, as text."""
    return dumps(decode_any(wire(schema, datum), registry(schema))).decode()


def logical(kind: str, name: str, **more: object) -> dict[str, object]:
    return {"type": kind, "logicalType": name, **more}


@pytest.mark.parametrize(
    ("schema", "datum", "found"),
    [
        (logical("bytes", "decimal", precision=40, scale=4), Decimal("12345678901234567890.1000"),
         "12345678901234567890.1000"),
        (logical("long", "timestamp-millis"), datetime(2026, 11, 28, 10, 0, 0, 500000, UTC),
         '"2026-11-28T10:00:00.500Z"'),
        (logical("long", "timestamp-micros"), datetime(2026, 11, 28, 10, tzinfo=UTC), '"2026-11-28T10:00:00Z"'),
        (logical("long", "local-timestamp-millis"), datetime(2026, 11, 28, 10), '"2026-11-28T10:00:00"'),
        (logical("int", "date"), date(2026, 11, 28), '"2026-11-28"'),
        (logical("int", "time-millis"), time(10, 30), '"10:30:00"'),
        (logical("string", "uuid"), ID, f'"{ID}"'),
        ("bytes", b"\x00\xff", '"AP8="'),
        ({"type": "fixed", "name": "F", "size": 2}, b"ab", '"YWI="'),
        ({"type": "enum", "name": "E", "symbols": ["PAID"]}, "PAID", '"PAID"'),
        ({"type": "map", "values": "long"}, {"a": 1}, '{"a":1}'),
        ({"type": "array", "items": ["null", "double"]}, [None, 0.5], "[null,0.5]"),
        ("string", "grüße", '"grüße"'),
    ],
)  # fmt: skip
def test_what_avro_has_becomes_what_json_can_hold(schema: Any, datum: object, found: str) -> None:
    assert as_json(schema, datum) == found
    # Also in a record, whatever its field is called.
    record = {"type": "record", "name": "R", "fields": [{"name": "event_id", "type": schema}]}
    assert as_json(record, {"event_id": datum}) == f'{{"event_id":{found}}}'


@pytest.mark.parametrize("value", [b'{"a":[1.10]}', b"[1]", b'"a"', b"12345678901234567890123", b"null"])
def test_json_may_be_any_value_and_stays_as_it_is(value: bytes) -> None:
    assert dumps(decode_any(value)) == value
    assert dumps(decode_any(b"\x00\x00\x00\x00\x07" + value, registry({}, "JSON"))) == value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "tombstone"),
        (b"", "empty"),
        (b"{", "not JSON"),
        (b"\x00\x00\x00\x00\x07\x02a", "no schema registry is configured"),
        (b"\xc3\x01abcdefgh", "only the wire format"),
    ],
)
def test_what_cannot_be_read_says_why(value: bytes | None, reason: str) -> None:
    with pytest.raises(BrokenRecord, match=reason):
        decode_any(value)


def test_a_number_that_json_does_not_have_is_refused() -> None:
    with pytest.raises(BrokenRecord, match="not a JSON number"):
        as_json("double", float("nan"))
