"""Conversion between a record's fields and its Avro form.

Avro has no type for arbitrary JSON, so a field with the property `"json": true` is JSON text in Avro. The field
`further` is the JSON text of an object with all fields that the schema does not list.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from streamhooks.errors import BrokenRecord
from streamhooks.records import schemas
from streamhooks.records.exact_json import BYTE_ORDER_MARK, ExactNumber, dumps, loads
from streamhooks.records.fields import OF_USERS

FURTHER = "further"
_DEEPEST_WRITTEN = 254  # by orjson


@dataclass(frozen=True, slots=True)
class Plan:
    """Which fields of a record's schema are JSON text, and which are records themselves."""

    names: frozenset[str]
    json: tuple[str, ...]
    nested: tuple[tuple[str, Plan], ...]
    further: bool


def parse_json(text: bytes | str, deepest: int = OF_USERS, *, exact: bool = True) -> Any:
    """Decode JSON; raise BrokenRecord if it is invalid, or nested more than `deepest` levels.

    With `exact`, numbers and texts can be sent unchanged (`records.exact_json`); else they are as orjson reads them.
    """
    try:
        value = loads(text) if exact else orjson.loads(_unmarked(text))
    except json.JSONDecodeError as error:
        raise BrokenRecord(f"not JSON: {error.msg}"[:200]) from None
    if _brackets(text) > deepest and _is_deeper(value, deepest):
        raise BrokenRecord(f"JSON nested more than {deepest} levels deep")
    return value


def _unmarked(text: bytes | str) -> bytes | str:
    return text.removeprefix(BYTE_ORDER_MARK) if isinstance(text, bytes) else text


def pack(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Avro form of a record's fields; `name` is that of the record, such as `Event`."""
    return _pack(fields, plan(name))


def unpack(name: str, datum: dict[str, Any], deepest: int) -> dict[str, Any]:
    """Return the fields of a record in Avro form; raise BrokenRecord for invalid JSON text.

    An Avro null becomes an absent field.
    """
    return _unpack(datum, plan(name), deepest)


@cache
def plan(name: str) -> Plan:
    """Return the plan of the newest schema of a record."""
    return _plan(schemas.load().newest[name])


def _plan(schema: Mapping[str, Any]) -> Plan:
    fields = schema["fields"]
    nested = ((field["name"], _record_in(field["type"])) for field in fields)
    names = frozenset(field["name"] for field in fields)
    return Plan(
        names - {FURTHER},
        tuple(field["name"] for field in fields if field.get("json") and field["name"] != FURTHER),
        tuple((name, _plan(record)) for name, record in nested if record is not None),
        FURTHER in names,
    )


def _record_in(kind: Any) -> Mapping[str, Any] | None:
    """Return the record type in the type of a field, also in a union or an array; None if there is none."""
    if isinstance(kind, list):
        return next((record for branch in kind if (record := _record_in(branch))), None)
    if isinstance(kind, dict):
        return kind if kind["type"] == "record" else _record_in(kind.get("items"))
    return None


def _pack(fields: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    datum: dict[str, Any] = {
        name: float(value) if isinstance(value, ExactNumber) and name not in plan.json else value
        for name, value in fields.items()
        if name in plan.names
    }
    for name in plan.json:
        if datum.get(name) is not None:
            datum[name] = dumps(datum[name]).decode()
    for name, inner in plan.nested:
        value = datum.get(name)
        if isinstance(value, list):
            datum[name] = [_pack(item, inner) for item in value]
        elif value is not None:
            datum[name] = _pack(value, inner)
    if plan.further:
        further = {name: value for name, value in fields.items() if name not in plan.names}
        datum[FURTHER] = dumps(further).decode()
    return datum


def _unpack(datum: dict[str, Any], plan: Plan, deepest: int) -> dict[str, Any]:
    further = datum.pop(FURTHER, None) if plan.further else None
    # Fields that our schema does not know are as in JSON, where a null stays a null.
    fields = {name: value for name, value in datum.items() if value is not None or name not in plan.names}
    for name in plan.json:
        if isinstance(fields.get(name), str):
            try:
                fields[name] = parse_json(fields[name], deepest)
            except BrokenRecord as broken:
                raise BrokenRecord(f"{name}: {broken}") from None
    for name, inner in plan.nested:
        value = fields.get(name)
        if isinstance(value, list):
            fields[name] = [_unpack(item, inner, deepest) if isinstance(item, dict) else item for item in value]
        elif isinstance(value, dict):
            fields[name] = _unpack(value, inner, deepest)
    if further:
        for name, value in _further(further, deepest).items():
            fields.setdefault(name, value)
    return fields


def _further(given: Any, deepest: int) -> dict[str, Any]:
    further = parse_json(given, deepest) if isinstance(given, str) else given
    if isinstance(further, dict):
        return further
    raise BrokenRecord(f"{FURTHER}: must be the JSON text of an object")


def _brackets(text: bytes | str) -> int:
    """Count the opening brackets: there are at least as many as levels, and counting them is much faster."""
    if isinstance(text, bytes):
        return text.count(b"{") + text.count(b"[")
    return text.count("{") + text.count("[")


def _is_deeper(value: Any, deepest: int) -> bool:
    for _ in range(_DEEPEST_WRITTEN - deepest):
        value = [value]
    try:
        dumps(value)
    except (orjson.JSONEncodeError, RecursionError):
        return True
    return False
