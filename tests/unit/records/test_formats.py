from __future__ import annotations

from io import BytesIO
from typing import Any

import fastavro
import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from support.depth import examples

from streamhooks.errors import BrokenRecord
from streamhooks.records import schemas
from streamhooks.records.call import DelayedCall
from streamhooks.records.event import Alert, Event, ResourceChange
from streamhooks.records.fields import Record
from streamhooks.records.formats import decode, encode_avro
from streamhooks.records.hook import Hook
from streamhooks.records.packing import pack

from .strategies import RECORDS, values
from .test_event import ALERT, EVENT, changed

every_record = pytest.mark.parametrize("record", list(RECORDS), ids=lambda record: record.__name__)


class FakeRegistry:
    """A schema registry that knows one schema, with the id 7."""

    def __init__(self, known: Any) -> None:
        self.known = fastavro.parse_schema(known)

    def schema(self, schema_id: int) -> Any:
        if schema_id != 7:
            raise LookupError(f"the registry has no schema {schema_id}")
        return self.known


def former(name: str) -> Any:
    text = (schemas.folder() / "former" / f"{name}.avsc").read_bytes()
    return fastavro.parse_schema(orjson.loads(text))


def body(schema: Any, datum: dict[str, Any]) -> bytes:
    file = BytesIO()
    fastavro.schemaless_writer(file, schema, datum)
    return file.getvalue()


def by_schema(name: str, datum: dict[str, Any]) -> bytes:
    text = (schemas.folder() / f"{name}.avsc").read_text("utf-8")
    return b"\xc3\x01" + schemas.fingerprint(text) + body(former(name.partition("/")[2]), datum)


def reason_of(record: type[Record], value: bytes, registry: FakeRegistry) -> str:
    """Return why a value is broken, or nothing if it is not."""
    try:
        decode(record, value, registry)
    except BrokenRecord as broken:
        return str(broken)
    return ""


def present(record: Record) -> dict[str, Any]:
    """Return the fields that are not null; Avro can't tell a null from an absent field."""
    return {name: value for name, value in record.to_fields().items() if value is not None}


@every_record
@given(data=st.data())
def test_round_trips(record, data):
    made = record.from_fields(data.draw(RECORDS[record]))
    assert decode(record, made.to_json()) == made
    assert decode(record, encode_avro(made)) == made


@every_record
@given(data=st.data())
@examples(60)
def test_garbage_is_a_broken_record(record, data):
    """Bytes out of nothing, and real ones with a few bytes changed, cut off or put in."""
    made = record.from_fields(data.draw(RECORDS[record]))
    value = bytearray(data.draw(st.sampled_from([made.to_json(), encode_avro(made)])))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(value)))
        value[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    prefix = data.draw(st.sampled_from([b"", b"\x00\x00\x00\x00\x07", b"\xc3\x01", encode_avro(made)[:10]]))
    registry = FakeRegistry(schemas.load().newest[record.__name__])
    for garbage in (bytes(value), prefix + bytes(value), prefix + data.draw(st.binary(max_size=64))):
        assert len(reason_of(record, garbage, registry)) < 400


@every_record
@given(data=st.data())
def test_wrong_types_are_a_broken_record(record, data):
    """Any JSON in the place of a field."""
    fields = data.draw(RECORDS[record])
    name = data.draw(st.sampled_from(sorted(fields)))
    value = data.draw(values | st.sampled_from(["", [], [{}], {}, [None], {"id": None}]))
    try:
        made = record.from_fields(fields | {name: value})
    except BrokenRecord:
        return
    assert present(decode(record, encode_avro(made))) == present(decode(record, made.to_json())) == present(made)


@every_record
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "^tombstone$"),
        (b"", "empty"),
        (b" ", "JSON"),
        (b"{", "JSON"),
        (b"[]", "object"),
        (b"null", "object"),
        (b'"text"', "object"),
        (b"1", "object"),
        (b"{}", ": must be"),
        (b'{"id":NaN}', "JSON"),
        (b'{"id":"\xff"}', "JSON"),
        (b"\xef\xbb\xbf{}", ": must be"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "JSON"),
        (b'{"a":' + b"[" * 300 + b"]" * 300 + b"}", "deep"),
        (b"x" * 5_000_000, "JSON"),
        (b'{"a":"' + b"x" * 5_000_000 + b'"}', ": must be"),
        (b"\xc3\x01", "fingerprint"),
        (b"\xc3\x01" + b"x" * 7, "fingerprint"),
        (b"\xc3\x01" + b"x" * 8, "fingerprint 7878787878787878"),
        (b"\xc3", "JSON"),
        (b"\x00\x00\x00\x00\x01abc", "no schema registry is configured"),
    ],
)
def test_what_can_not_be_decoded(record, value, reason):
    with pytest.raises(BrokenRecord, match=reason):
        decode(record, value)


def long(number: int) -> bytes:
    """Return an Avro long: zigzag, then 7 bits a byte."""
    number = (number << 1) ^ (number >> 63)
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


@pytest.mark.parametrize("length", [2**40, 2**62, -1, -(2**62)])
def test_lengths_that_lie_are_not_believed(length):
    """The first field of a Hook is a text; its events are a list."""
    head = b"\xc3\x01" + schemas.load().fingerprints["Hook"]
    with pytest.raises(BrokenRecord, match="Avro"):
        decode(Hook, head + long(length) + b"abc")
    with pytest.raises(BrokenRecord, match="Avro"):
        decode(Hook, head + long(32) + b"a" * 32 + long(0) + long(1) + b"1" + long(length) + b"abc")


@every_record
@given(data=st.data())
@examples(20, suppress_health_check=[HealthCheck.too_slow])
def test_cut_or_lengthened_avro(record, data):
    value = encode_avro(record.from_fields(data.draw(RECORDS[record])))
    with pytest.raises(BrokenRecord, match="Avro"):
        decode(record, value + b"\x00")
    with pytest.raises(BrokenRecord, match="Avro"):
        decode(record, value[: data.draw(st.integers(2, len(value) - 1))])


def test_a_record_of_another_topic():
    with pytest.raises(BrokenRecord, match="schema of Event, not of Alert"):
        decode(Alert, encode_avro(Event.from_fields(EVENT)))


def test_previous_schemas_are_resolved_to_the_newest():
    old = by_schema("former/Event-1", pack("Event", {name: EVENT[name] for name in EVENT if name != "release"}))
    event = decode(Event, old)
    assert event.fields == Event.from_fields(changed(EVENT, "release", ...)).fields
    old = by_schema("former/Alert-1", pack("Alert", Alert.from_fields(ALERT).to_fields()))
    assert decode(Alert, old).event.group == {"id": "333", "title": "Boom"}


def test_ids_of_avro_may_be_longs():
    datum = pack("Event", EVENT)
    assert datum["organization"]["id"] == 1
    value = b"\xc3\x01" + schemas.load().fingerprints["Event"] + body(schemas.load().newest["Event"], datum)
    assert decode(Event, value) == Event.from_fields(EVENT)


def test_null_group_of_avro():
    event = decode(Event, encode_avro(Event.from_fields(changed(EVENT, "group", None))))
    assert event.group is None


@pytest.mark.parametrize(
    ("field", "text"), [("data", "{"), ("data", "[]"), ("further", "[]"), ("further", "x"), ("data", "NaN")]
)
def test_json_text_inside_avro_is_checked(field, text):
    datum = pack("Event", EVENT) | {field: text}
    value = b"\xc3\x01" + schemas.load().fingerprints["Event"] + body(schemas.load().newest["Event"], datum)
    with pytest.raises(BrokenRecord):
        decode(Event, value)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), 1e300])
def test_avro_numbers_that_json_lacks(number):
    datum = pack("Event", EVENT) | {"datetime": number}
    value = b"\xc3\x01" + schemas.load().fingerprints["Event"] + body(schemas.load().newest["Event"], datum)
    with pytest.raises(BrokenRecord, match=r"^datetime: "):
        decode(Event, value)


def test_further_fields_never_replace_those_of_the_schema():
    datum = pack("Event", EVENT) | {"further": '{"event_id":"0","extra":1}'}
    value = b"\xc3\x01" + schemas.load().fingerprints["Event"] + body(schemas.load().newest["Event"], datum)
    event = decode(Event, value)
    assert (event.event_id, event.fields["extra"]) == (EVENT["event_id"], 1)


def test_wire_format_of_a_schema_registry():
    """The user's own schema, with a field that ours lacks and without those that have defaults."""
    own = {
        "type": "record",
        "name": "ResourceChange",
        "namespace": "com.acme",
        "fields": [
            {"name": "ours_lacks_it", "type": {"type": "array", "items": "int"}},
            *({"name": name, "type": "string"} for name in ("action", "sender")),
            {"name": "instance_id", "type": "long"},
            {
                "name": "organization",
                "type": {
                    "type": "record",
                    "name": "Organization",
                    "fields": [{"name": "id", "type": "long"}, {"name": "slug", "type": "string"}],
                },
            },
        ],
    }
    registry = FakeRegistry(own)
    datum = {"ours_lacks_it": [1], "action": "paid", "sender": "Invoice", "instance_id": 5}
    value = body(registry.known, datum | {"organization": {"id": 1, "slug": "acme"}})
    change = decode(ResourceChange, b"\x00\x00\x00\x00\x07" + value, registry)
    assert change == ResourceChange("paid", "Invoice", "5", "1", "acme")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\x00", "cut short"),
        (b"\x00\x00\x00\x00", "cut short"),
        (b"\x00\x00\x00\x00\x08abc", "no schema 8"),
        (b"\x00\x00\x00\x00\x07", "Avro"),
        (b"\x00\x00\x00\x00\x07\x02a", "Avro"),
    ],
)
def test_broken_wire_format(value, reason):
    with pytest.raises(BrokenRecord, match=reason):
        decode(Event, value, FakeRegistry("string"))


def test_a_registry_that_does_not_answer_breaks_no_record():
    class Silent:
        def schema(self, schema_id: int) -> Any:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        decode(Event, b"\x00\x00\x00\x00\x07abc", Silent())


def test_the_deepest_event_fits_into_a_call():
    """What is accepted can be written again, some levels deeper."""
    nested: Any = 1
    for _ in range(198):
        nested = [nested]
    event = decode(Event, orjson.dumps(EVENT | {"data": {"deep": nested}}))
    call = DelayedCall("c", "deliver", 1, 0, 0, "retry", [{"payload": {"event": event.fields}}])
    assert decode(DelayedCall, call.to_json()) == call
    with pytest.raises(BrokenRecord, match="nested more than 200 levels"):
        decode(Event, orjson.dumps(EVENT | {"data": {"deep": [nested]}}))


def test_null_in_a_union_of_the_writer_where_ours_has_a_record():
    own = orjson.loads((schemas.folder() / "Event.avsc").read_bytes())
    project = next(field for field in own["fields"] if field["name"] == "project")
    project["type"] = ["null", project["type"]]
    registry = FakeRegistry(own)
    value = body(registry.known, pack("Event", EVENT) | {"project": None})
    with pytest.raises(BrokenRecord):
        decode(Event, b"\x00\x00\x00\x00\x07" + value, registry)
