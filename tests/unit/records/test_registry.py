"""A schema registry: what it is asked, how often, and what its answers mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO

import fastavro
import pytest

from streamhooks.errors import BrokenRecord, RegistryAway
from streamhooks.records import formats, schemas
from streamhooks.records.event import Event
from streamhooks.records.exact_json import ExactNumber
from streamhooks.records.registry import MOST_KNOWN, MOST_UNKNOWN, UNKNOWN_FOR, SchemaRegistry

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


def test_without_one() -> None:
    value = wire(7, OTHER, {**EVENT, "own": 5, "project": {"id": "2", "slug": "p", "name": "P"}})
    assert formats.decode(Event, value, registry(Answers(_7={"schema": json.dumps(OTHER)}))).event_id == "ab" * 16
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
