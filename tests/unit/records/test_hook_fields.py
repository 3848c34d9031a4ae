"""What is said of a hook's fields, held against the record's schema and against what follows from it."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from typing import Any

import pytest

from streamhooks.cli import main
from streamhooks.records import schemas
from streamhooks.records.hook import CHANGEABLE, CREATABLE, FIELDS, Hook

AVRO = {one["name"]: one for one in json.loads((schemas.folder() / "Hook.avsc").read_text())["fields"]}
RIGHT = {"id": "0" * 32, "organization_id": "1", "url": "http://a", "events": ["event.created"], "secret": "s" * 16}
#: what is set by calls and options of its own
NOT_TYPED = {"version", "status"}


def test_the_schema_of_the_record_has_the_same_fields() -> None:
    assert set(AVRO) == set(FIELDS)


@pytest.mark.parametrize("one", fields(Hook), ids=lambda one: one.name)
def test_a_field_has_the_same_default_and_the_same_null_in_the_schema(one: Any) -> None:
    avro = AVRO[one.name]
    assert ("default" in avro) == (one.default is not MISSING)
    if one.default is not MISSING:
        default = list(one.default) if isinstance(one.default, tuple) else one.default
        assert (avro["default"], type(avro["default"])) == (default, type(default))
    assert (isinstance(avro["type"], list) and "null" in avro["type"]) == one.type.endswith("| None")


@pytest.mark.parametrize("name", [one.name for one in fields(Hook) if one.default is not MISSING])
def test_absent_and_null_are_the_default(name: str) -> None:
    default = next(one.default for one in fields(Hook) if one.name == name)
    assert getattr(Hook.from_fields(RIGHT), name) == default
    assert getattr(Hook.from_fields({**RIGHT, name: None}), name) == default


@pytest.mark.parametrize("name", CREATABLE)
def test_users_know_what_they_may_set(name: str) -> None:
    said = FIELDS[name]
    assert said.value.schema
    if name not in CHANGEABLE or name in NOT_TYPED:
        return
    assert said.input is not None
    assert said.input.label
    # The command line takes the URL by other names, as an argument and as --endpoint.
    assert name == "url" or said.option is not None
    may_be_taken_away = next(one.default for one in fields(Hook) if one.name == name) is not MISSING
    assert said.value.has_default == may_be_taken_away


def test_each_option_is_one_of_both_commands() -> None:
    wanted = {name: said.option.flag for name, said in FIELDS.items() if said.option}
    for command in ("add", "edit"):
        found = {one.name: one.opts for one in main.commands["hooks"].commands[command].params}  # type: ignore[attr-defined]
        assert {name: found[name] for name in wanted} == {name: [flag] for name, flag in wanted.items()}
