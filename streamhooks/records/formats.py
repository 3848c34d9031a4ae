"""The encodings of a record: JSON, Avro single-object encoding, and the wire format of schema registries."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Protocol, TypeVar

import fastavro

from streamhooks.errors import BrokenRecord
from streamhooks.records import schemas
from streamhooks.records.avro_values import json_value
from streamhooks.records.fields import Record
from streamhooks.records.packing import pack, parse_json, unpack
from streamhooks.records.registry import JSON_SCHEMA, WIRE

R = TypeVar("R", bound=Record)

SINGLE_OBJECT = b"\xc3\x01"
"""The first bytes of Avro single-object encoding (Avro 1.12 specification)."""


class Registry(Protocol):
    """A schema registry, as far as decoding needs one."""

    def schema(self, schema_id: int) -> Any:
        """Return the writer's schema, parsed by fastavro; raise LookupError with the reason if there is none.

        `decode` does not catch other errors, such as a timeout, because the record may be valid.
        """
        ...


def decode(record: type[R], value: bytes | None, registry: Registry | None = None) -> R:
    """Return the record in a value of a topic, in any of the three encodings, distinguished by the first bytes.

    Raise BrokenRecord with the reason if the value can't be decoded or violates the schema, and with "tombstone" for
    None. Errors of the registry other than LookupError are not caught.
    """
    if value is None:
        raise BrokenRecord("tombstone")
    if not value:
        raise BrokenRecord("the value is empty")
    if value.startswith(SINGLE_OBJECT):
        return record.from_fields(_single_object(record, value))
    if value.startswith(WIRE):
        return record.from_fields(_wire(record, value, registry))
    return record.from_fields(_json_object(record, value))


def _json_object(record: type[Record], text: bytes) -> dict[str, Any]:
    fields = parse_json(text, record.deepest, exact=record.exact)
    if isinstance(fields, dict):
        return fields
    raise BrokenRecord("the value is not a JSON object")


def decode_any(value: bytes | None, registry: Registry | None = None) -> Any:
    """Return the JSON value in a value of somebody else's topic: JSON, or Avro whose schema the registry has.

    What Avro has and JSON does not is converted by `records.avro_values`. Raises as `decode` does.
    """
    if value is None:
        raise BrokenRecord("tombstone")
    if not value:
        raise BrokenRecord("the value is empty")
    if value.startswith(SINGLE_OBJECT):
        raise BrokenRecord("Avro: only the wire format of a schema registry names the schema")
    if not value.startswith(WIRE):
        return parse_json(value)
    writer = _writer(value, registry)
    return parse_json(value[5:]) if writer is JSON_SCHEMA else json_value(_datum(value, 5, writer), hex_ids=())


def encode_avro(record: Record) -> bytes:
    """Return the record in Avro single-object encoding, by the newest schema."""
    name = type(record).__name__
    known = schemas.load()
    body = BytesIO()
    fastavro.schemaless_writer(body, known.newest[name], pack(name, record.to_fields()))
    return SINGLE_OBJECT + known.fingerprints[name] + body.getvalue()


def _single_object(record: type[Record], value: bytes) -> dict[str, Any]:
    if len(value) < 10:
        raise BrokenRecord("Avro: the fingerprint is cut off")
    written, writer = schemas.load().by_fingerprint.get(value[2:10], (None, None))
    if written is None:
        raise BrokenRecord(f"Avro: no schema has the fingerprint {value[2:10].hex()}")
    if written != record.__name__:
        raise BrokenRecord(f"Avro: this is the schema of {written}, not of {record.__name__}")
    newest = schemas.load().newest[record.__name__]
    datum = _datum(value, 10, writer, None if writer is newest else newest)
    return unpack(record.__name__, _fields(datum), record.deepest)


def _wire(record: type[Record], value: bytes, registry: Registry | None) -> dict[str, Any]:
    writer = _writer(value, registry)
    if writer is JSON_SCHEMA:
        return _json_object(record, value[5:])
    return unpack(record.__name__, json_value(_fields(_datum(value, 5, writer))), record.deepest)


def _writer(value: bytes, registry: Registry | None) -> Any:
    """Return the writer's schema of a value in the wire format."""
    if registry is None:
        raise BrokenRecord("no schema registry is configured")
    if len(value) < 5:
        raise BrokenRecord("Avro: the schema's id is cut short")
    try:
        return registry.schema(int.from_bytes(value[1:5], "big"))
    except LookupError as error:
        raise BrokenRecord(f"Avro: {error}") from None


def _datum(value: bytes, start: int, writer: Any, reader: Any = None) -> Any:
    """Decode Avro from `start` on, and resolve it to the reader's schema, if given."""
    body = BytesIO(value)
    body.seek(start)
    try:
        datum = fastavro.schemaless_reader(body, writer, reader)
    except Exception as error:  # fastavro raises many undocumented kinds for invalid bytes
        raise BrokenRecord(f"Avro: {type(error).__name__}: {error}"[:200]) from None
    if body.tell() != len(value):
        raise BrokenRecord("Avro: bytes are left over after the record")
    return datum


def _fields(datum: Any) -> dict[str, Any]:
    if isinstance(datum, dict):
        return datum
    raise BrokenRecord("Avro: the value is not a record")
