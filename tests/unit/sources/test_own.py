"""What a record of a topic of one's own becomes."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import fastavro
import pytest

from streamhooks.errors import BrokenRecord
from streamhooks.filters.bounds import LARGEST_LOOPED, LARGEST_READ
from streamhooks.kafka.reader import Record
from streamhooks.records.exact_json import ExactNumber
from streamhooks.records.message import Message
from streamhooks.records.writers import parse_writer
from streamhooks.sources.own import FIELDS, OwnTopic, Rule
from streamhooks.sources.own_values import formula_of

VALUE: dict[str, Any] = {
    "status": "paid", "customer": {"id": 17, "ref": "acme"}, "total": 120, "at": "2026-01-31T12:00:00Z",
    "ms": 1_769_860_800_123, "lines": [{"sku": "A-1", "price": 5}], "ship-to": "DE", "coupon": None,
}  # fmt: skip
MINE = {"type": "'order.paid'", "organization_id": "'1'"}


def own(**expressions: str) -> OwnTopic:
    rules = {name: Rule(name, formula_of(text)) for name, text in (MINE | expressions).items()}
    return OwnTopic("orders", tuple(rules[name] for name in FIELDS if name in rules), rules.get("when"), None)


def record(value: Any = VALUE, *, key: bytes | None = b"k-1", headers=(), timestamp: int = 1500) -> Record:
    value = value if isinstance(value, bytes | None) else json.dumps(value).encode()
    return Record("orders", 3, 5, timestamp, key, value, headers)


def read(value: Any = VALUE, *, key: bytes | None = b"k-1", headers=(), **expressions: str) -> Message:
    message = own(**expressions).read(record(value, key=key, headers=headers), None)
    assert message is not None
    return message


def failure(value: Any = VALUE, *, key: bytes | None = b"k-1", headers=(), **expressions: str) -> str:
    with pytest.raises(BrokenRecord) as broken:
        own(**expressions).read(record(value, key=key, headers=headers), None)
    return str(broken.value)


def test_only_type_and_organization_are_needed() -> None:
    assert read() == Message("order.paid", "1", VALUE)


def test_each_field_has_its_expression() -> None:
    assert read(
        type='"order." + value.status',
        organization_id="value.customer.id",
        project_id="value.customer.ref",
        id="topic + '/' + key",
        timestamp="value.at",
        data="value.customer",
    ) == Message("order.paid", "17", VALUE["customer"], "acme", "orders/k-1", 1769860800.0)


@pytest.mark.parametrize(
    ("expression", "data"),
    [
        ("value", VALUE),
        ("value.customer.ref", "acme"),
        ("value['ship-to']", "DE"),
        ('value["lines"][0].sku', "A-1"),
        ("value.lines[0]", {"sku": "A-1", "price": 5}),
        ("value.coupon", None),
        ("value . total // what it costs", 120),
        ("key", "k-1"),
        ("headers", {"a": "2", "b": None}),
        ("headers.a", "2"),
        ("headers['b']", None),
        ("topic", "orders"),
        ("partition", 3),
        ("offset", 5),
        ("timestamp", "1970-01-01T00:00:01.500Z"),
        ("string(partition) + ':' + string(offset)", "3:5"),
        ('{"sku": value.lines[0].sku, "in": headers.a}', {"in": "2", "sku": "A-1"}),
        ("[value.total, 1.5, null, true, timestamp]", [120, 1.5, None, True, "1970-01-01T00:00:01.500Z"]),
        ("value.lines.exists(i, i.price > 3)", True),
        ("has(value.discount) ? value.discount : 0", 0),
        ("timestamp < timestamp('2026-01-01T00:00:00Z')", True),
        ("b'abc'", "YWJj"),
    ],
)
def test_data_is_what_the_expression_makes(expression: str, data: Any) -> None:
    assert read(data=expression, headers=(("a", b"1"), ("b", None), ("a", b"2"))).data == data


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [
        ("value.at", 1769860800.0),
        ("timestamp(value.at)", 1769860800.0),
        ("value.ms / 1000", 1769860800.0),
        ("double(value.ms) / 1000.0", 1769860800.123),
        ("timestamp", 1.5),
        ("value.coupon", None),
    ],
)
def test_a_timestamp_is_a_time_a_text_or_epoch_seconds(expression: str, seconds: float | None) -> None:
    assert read(timestamp=expression).timestamp == seconds


def test_an_id_may_be_an_integer() -> None:
    assert read(id="value.customer.id").id == "17"
    assert read(b'{"id": 123456789012345678901}', id="value.id").id == "123456789012345678901"
    assert read(id="value.coupon", project_id="value.coupon") == read()


def test_ids_keep_their_digits() -> None:
    for digits in ("9007199254740993", "9223372036854775807", "12345678901234567890", "1234567890123456789012345"):
        value = b'{"id": %s}' % digits.encode()
        for expression in ("value.id", "string(value.id)", "has(value.x) ? value.x : value.id"):
            assert read(value, organization_id=expression).organization_id == digits
        assert read(value, organization_id="'n' + string(value.id)").organization_id == f"n{digits}"
        assert json.dumps(read(value, data='{"id": string(value.id)}').data) == f'{{"id": "{digits}"}}'


def test_what_is_only_named_is_sent_as_it_came() -> None:
    value = b'{"price": 1.10, "big": 1e400, "text": "\\ud83d", "z": 1, "a": 2}'
    assert read(value).data["price"] == ExactNumber("1.10")
    assert list(read(value).data) == ["price", "big", "text", "z", "a"]
    assert read(value, data="value.big").data == ExactNumber("1e400")
    assert read(value, data="value.text").data == "\ud83d"
    assert read(value, data="[value.price]").data == [1.1]


@pytest.mark.parametrize(
    ("value", "expressions", "why"),
    [
        (VALUE, {"organization_id": "value.custom.id"}, "organization_id: there is no custom: has() tells whether"),
        (VALUE, {"organization_id": "'c' + value.custom"}, "organization_id: there is no custom: has() tells"),
        (VALUE, {"when": "value.paid == true"}, "when: there is no paid: has() tells"),
        (VALUE, {"when": "value.status"}, "when: its value is of type string, not bool"),
        (VALUE, {"when": "value.coupon"}, "when: its value is of type null, not bool"),
        (VALUE, {"when": "value.total > 'a'"}, "when: No such overload"),
        (VALUE, {"type": "value.total"}, "type: must be a text"),
        (VALUE, {"type": "value.at"}, "type: must be segments of letters"),
        (VALUE, {"type": "value.coupon"}, "type: must be a text"),
        (VALUE, {"organization_id": "value.coupon"}, "organization_id: must be an id (a text or an integer)"),
        (VALUE, {"organization_id": "value.customer"}, "organization_id: must be an id (a text or an integer)"),
        (VALUE, {"organization_id": "double(value.total)"}, "organization_id: must be an id (a text or an integer)"),
        (VALUE, {"organization_id": "value.status.id"}, "organization_id: status is of type string, and has no id"),
        (VALUE, {"organization_id": "value.coupon.id"}, "organization_id: coupon is of type null, and has no id"),
        (VALUE, {"organization_id": "value.lines[1].id"}, "organization_id: index out of bounds: 1"),
        (VALUE, {"organization_id": "value.lines.id"}, "organization_id: lines is of type list, and has no id"),
        (VALUE, {"organization_id": "headers['org']"}, "organization_id: there is no org: has() tells"),
        (VALUE, {"id": "value.customer"}, "id: must be a text"),
        (VALUE, {"id": "value.total == 120"}, "id: must be a text"),
        (VALUE, {"timestamp": "value.ms"}, "timestamp: 1769860800123 is no epoch seconds: for milliseconds, write"),
        (VALUE, {"timestamp": "value.status"}, "timestamp: must be RFC 3339 or epoch seconds"),
        (VALUE, {"timestamp": "-1"}, "timestamp: must be RFC 3339 or epoch seconds"),
        (VALUE, {"data": "value.total / 0"}, "data: "),
        (VALUE, {"data": "1.0 / 0.0"}, "data: "),
        (VALUE, {"data": "{value.total: 1}"}, "data: its value is no JSON: "),
        (VALUE, {"data": "duration('3s')"}, "data: its value is no JSON: "),
        (b"{", {}, "not JSON: "),
        (b"{", {"id": "value.id"}, "not JSON: "),
        (b"", {}, "the value is empty"),
        (b"\x00\x00\x00\x00\x07abc", {}, "no schema registry is configured"),
        (b"\xc3\x01abcdefghij", {}, "Avro: only the wire format of a schema registry names the schema"),
        ("text", {"id": "value.id"}, "id: value is of type string, and has no id"),
    ],
)  # fmt: skip
def test_a_failure_names_the_field_and_the_reason(value: Any, expressions: dict[str, str], why: str) -> None:
    assert failure(value, **expressions).startswith(why)


def test_when_chooses_the_records() -> None:
    paid = own(when='value.status == "paid"')
    assert paid.read(record(), None) == Message("order.paid", "1", VALUE)
    assert paid.read(record(VALUE | {"status": "open"}), None) is None
    # What is not chosen need not be readable by the other expressions, nor at all.
    assert own(when="value.status != 'paid'", organization_id="value.nothing").read(record(), None) is None
    assert own(when="'order' in headers").read(record(b"\xff"), None) is None


def test_a_tombstone_is_told_as_on_other_topics() -> None:
    assert failure(None, when="false") == "tombstone"


@pytest.mark.parametrize("key", [b"\xff\xfe", b"\x00\x00\x00\x00\x01\x06abc", (42).to_bytes(8, "big")])
def test_a_binary_key_fails_only_what_names_it(key: bytes) -> None:
    assert read(key=key) == Message("order.paid", "1", VALUE)
    for expression in ("key", "'k' + key"):
        assert failure(key=key, organization_id=expression) == "organization_id: the key is not text in UTF-8"


def test_no_key_is_null() -> None:
    assert read(key=None, project_id="key") == read()
    assert read(key=None, id="key == null ? 'none' : key").id == "none"
    assert read(key="ключ".encode(), id="key").id == "ключ"
    assert failure(key=b"", organization_id="key") == "organization_id: must not be empty"


def test_binary_headers_are_left_out() -> None:
    headers = (("event", b"paid"), ("trace", b"\xff\x01"), ("number", b"\x00\x00\x00\x05"))
    assert read(headers=headers, data="headers").data == {"event": "paid"}
    assert read(headers=headers, type="'order.' + headers.event").type == "order.paid"
    assert failure(headers=headers, id="headers.trace").startswith("id: there is no trace")


def test_what_an_expression_reads_is_bounded_but_naming_is_free() -> None:
    large = {"pad": "x" * LARGEST_READ, "total": 1}
    assert read(large, data="value.pad", id="string(value.total)", when="value.total > 0").data == large["pad"]
    assert "more than" in failure(large, when="size(value.pad) > 1")
    assert "more than" in failure(large, data='{"order": value}')
    looped = {"items": [1], "pad": "x" * LARGEST_LOOPED}
    assert read(looped, when="value.items.exists(i, i == 1)").data == looped
    assert "a comprehension" in failure(looped, when="value.pad != '' && value.items.exists(i, i == 1)")


def test_data_that_an_expression_makes_is_not_nested_deeper_than_a_value() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    assert read(deep).data == deep
    assert failure(deep, data="[value]").startswith("data: JSON nested more than 200 levels deep")


@pytest.mark.parametrize("timestamp", [-1, 0, 10**18])
def test_any_timestamp_of_a_record_is_readable(timestamp: int) -> None:
    message = own(when="timestamp >= timestamp('1970-01-01T00:00:00Z')", timestamp="timestamp").read(
        record(timestamp=timestamp), None
    )
    assert message is not None
    assert message.timestamp is not None


class Registry:
    """Has one schema, under every id."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.parsed = parse_writer(json.dumps(schema))

    def schema(self, schema_id: int) -> Any:
        if schema_id == 404:
            raise LookupError("the schema registry has no schemas/ids/404")
        return self.parsed


def test_avro_is_read_by_the_registry() -> None:
    kinds = {
        "number": "long",
        "customer": ["null", "string"],
        "total": {"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 2},
        "placed": {"type": "long", "logicalType": "timestamp-millis"},
    }
    fields = [{"name": name, "type": kind} for name, kind in kinds.items()]
    schema = {"type": "record", "name": "Order", "fields": fields}
    body, total = BytesIO(), 1050
    plain = {
        **schema,
        "fields": [{**one, "type": "bytes" if one["name"] == "total" else one["type"]} for one in fields],
    }
    order = {"number": 2**63 - 1, "customer": "acme", "total": total.to_bytes(2, "big"), "placed": 1_769_860_800_123}
    fastavro.schemaless_writer(body, fastavro.parse_schema(plain), order)
    value, registry = b"\x00\x00\x00\x00\x07" + body.getvalue(), Registry(schema)
    topic = own(
        organization_id="value.customer", id="value.number", timestamp="value.placed", when="value.total > 10.0"
    )
    sent = {
        "number": 2**63 - 1,
        "customer": "acme",
        "total": ExactNumber("10.50"),
        "placed": "2026-01-31T12:00:00.123Z",
    }
    assert topic.read(record(value), registry) == Message(
        "order.paid", "acme", sent, id=str(2**63 - 1), timestamp=1769860800.123
    )
    with pytest.raises(BrokenRecord, match="Avro: the schema registry has no schemas/ids/404"):
        topic.read(record(b"\x00" + (404).to_bytes(4, "big") + body.getvalue()), registry)
