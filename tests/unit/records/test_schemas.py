from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import avro.schema
import fastavro.schema
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from streamhooks.records import schemas
from streamhooks.records.event import Event
from streamhooks.records.firing import Attempt
from streamhooks.records.packing import plan

from .strategies import RECORDS

NEWEST = sorted(schemas.folder().glob("*.avsc"))
FORMER = sorted(schemas.folder().glob("former/*.avsc"))


def can_read(reader: str, writer: str) -> bool:
    result = ReaderWriterCompatibilityChecker().get_compatibility(avro.schema.parse(reader), avro.schema.parse(writer))
    return result.compatibility is SchemaCompatibilityType.compatible


def newest_of(former: Path) -> str:
    return (schemas.folder() / f"{former.stem.rpartition('-')[0]}.avsc").read_text("utf-8")


def test_one_schema_a_record():
    assert [path.stem for path in NEWEST] == sorted(record.__name__ for record in RECORDS)


@pytest.mark.parametrize("path", [*NEWEST, *FORMER], ids=lambda path: path.stem)
def test_name_and_fingerprint(path):
    text = path.read_text("utf-8")
    schema = json.loads(text)
    assert (schema["namespace"], schema["name"]) == ("streamhooks", path.stem.partition("-")[0])
    canonical = fastavro.schema.to_parsing_canonical_form(schema)
    # fastavro writes the number big-endian; single-object encoding has it little-endian.
    assert schemas.fingerprint(text) == bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))


def test_fingerprint_of_the_specification():
    """The vector of Java's TestSchemaNormalization for "int": 0x7275d51a3f395c8f."""
    assert schemas.fingerprint('"int"') == (0x7275D51A3F395C8F).to_bytes(8, "little")


@pytest.mark.parametrize(
    "record", [record for record in RECORDS if record.__name__ not in ("Event", "Alert", "ResourceChange")]
)
def test_schemas_have_the_fields_of_the_records(record):
    assert plan(record.__name__).names == {field.name for field in fields(record)}


def test_schema_of_an_attempt():
    assert dict(plan("Firing").nested)["attempts"].names == set(Attempt.__struct_fields__)


def test_an_alert_holds_the_newest_event():
    """An Alert's schema must stand alone, so it repeats the Event's."""
    folder = schemas.folder()
    event = json.loads((folder / "Event.avsc").read_text("utf-8"))
    (inner,) = (
        field["type"]
        for field in json.loads((folder / "Alert.avsc").read_text("utf-8"))["fields"]
        if field["name"] == Event.__name__.lower()
    )
    assert {"namespace": "streamhooks", **inner} == event


def test_there_are_previous_versions():
    assert FORMER


@pytest.mark.parametrize("path", FORMER, ids=lambda path: path.stem)
def test_previous_versions_are_compatible(path):
    former = path.read_text("utf-8")
    newest = newest_of(path)
    assert schemas.fingerprint(former) != schemas.fingerprint(newest)
    assert can_read(newest, former), "the newest schema must read what a previous one wrote"
    assert can_read(former, newest), "an older worker must read what a newer one writes, during a rolling update"


def without(name: str) -> Any:
    def change(schema: dict[str, Any]) -> None:
        schema["fields"] = [field for field in schema["fields"] if field["name"] != name]

    return change


def with_needed_field(schema: dict[str, Any]) -> None:
    schema["fields"].append({"name": "needed", "type": "string"})


def with_other_type(schema: dict[str, Any]) -> None:
    schema["fields"][0]["type"] = "long"


@pytest.mark.parametrize(
    ("change", "backward", "forward"),
    [
        (with_needed_field, False, True),
        (with_other_type, False, False),
        (without("type"), True, False),
        (without("data"), True, True),
    ],
)
def test_an_incompatible_change_is_found(change, backward, forward):
    former = (schemas.folder() / "Event.avsc").read_text("utf-8")
    schema = json.loads(former)
    change(schema)
    assert can_read(json.dumps(schema), former) is backward
    assert can_read(former, json.dumps(schema)) is forward
