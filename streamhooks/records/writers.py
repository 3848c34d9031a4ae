"""Which writers' schemas may be used: those with which a few bytes can't decode into unlimited values.

fastavro makes as many values as a record says. Six bytes can be a billion items without bytes (nulls). A type that
contains itself is as deep as the record is long, which ends the process. A decimal of a megabyte takes minutes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import fastavro
from fastavro.read import LOGICAL_READERS

from streamhooks.records.exact_json import ExactNumber

#: how many values each byte of a record allows
PAID = 10
#: how many values a record may have beyond those that its bytes allow
FREE = 10_000
#: how many levels types may be nested
DEEPEST = 100

_LEAST = {"null": 0, "boolean": 1, "int": 1, "long": 1, "float": 4, "double": 8, "bytes": 1, "string": 1}
_DECIMAL = "streamhooks-decimal"
#: how many bytes a decimal may have, and how many digits after its point
LARGEST_DECIMAL = 256
LARGEST_SCALE = 500


class _Cost(NamedTuple):
    """The maximum cost of a value: values beyond those that its bytes allow (below 0 if they allow more); levels."""

    beyond: int
    levels: int


def parse_writer(text: str, referenced: Iterable[str] = ()) -> Any:
    """Return a schema as parsed by fastavro; `referenced` are the schemas that it needs, in order of need.

    fastavro raises many kinds of errors for an invalid schema, and documents none.

    Raises:
        ValueError: its records could cost too much; the text says why.

    """
    named: dict[str, Any] = {}
    costs = _Costs()
    cost = _Cost(0, 0)
    for one in (*referenced, text):
        schema = fastavro.parse_schema(json.loads(one, object_hook=_with_our_decimal), named_schemas=named)
        cost = costs.of(schema)
    if cost.beyond > FREE:
        raise ValueError("it has too many values that take no bytes")
    return schema


def _with_our_decimal(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("logicalType") == "decimal":
        scale = schema.get("scale", 0)
        if type(scale) is not int or not 0 <= scale <= LARGEST_SCALE:
            raise ValueError(f"the scale of a decimal must be 0 to {LARGEST_SCALE}")
        schema["logicalType"] = _DECIMAL
    return schema


def _decimal(data: bytes, writer: Any, _reader: Any = None) -> ExactNumber:
    """Return a decimal with all its digits: its bytes are a big-endian integer, times ten to the minus scale."""
    if len(data) > LARGEST_DECIMAL:
        raise ValueError(f"a decimal of more than {LARGEST_DECIMAL} bytes")
    unscaled, scale = int.from_bytes(data, "big", signed=True), writer.get("scale", 0)
    digits = str(abs(unscaled)).rjust(scale + 1, "0")
    point = len(digits) - scale
    text = f"{digits[:point]}.{digits[point:]}" if scale else digits
    return ExactNumber(f"-{text}" if unscaled < 0 else text)


for _kind in ("bytes", "fixed"):
    LOGICAL_READERS[f"{_kind}-{_DECIMAL}"] = _decimal


class _Costs:
    """The costs of the types of one schema; each named type is computed once."""

    def __init__(self) -> None:
        self._named: dict[str, _Cost] = {}

    def of(self, schema: Any) -> _Cost:
        """Return the cost of a type; raise ValueError if it is unbounded."""
        cost = self._of(schema)
        if cost.levels > DEEPEST:
            raise ValueError(f"its types are nested more than {DEEPEST} levels deep")
        return cost

    def _of(self, schema: Any) -> _Cost:
        if isinstance(schema, list):
            branches = [self.of(branch) for branch in schema]
            return _Cost(max(cost.beyond for cost in branches) - PAID, 1 + max(cost.levels for cost in branches))
        if isinstance(schema, str):
            if schema not in _LEAST and schema not in self._named:
                raise ValueError(f"its type {schema:.100} contains itself")
            return self._named[schema] if schema in self._named else _Cost(1 - PAID * _LEAST[schema], 1)
        match schema["type"]:
            case "record" | "error":
                fields = [self.of(field["type"]) for field in schema["fields"]]
                levels = 1 + max((cost.levels for cost in fields), default=0)
                cost = _Cost(1 + sum(cost.beyond for cost in fields), levels)
                self._named[schema["name"]] = cost
            case "fixed":
                cost = self._named[schema["name"]] = _Cost(1 - PAID * schema["size"], 1)
            case "enum":
                cost = self._named[schema["name"]] = _Cost(1 - PAID, 1)
            case "array":
                cost = self._of_many(self.of(schema["items"]))
            case "map":
                values = self.of(schema["values"])
                cost = self._of_many(values._replace(beyond=values.beyond - PAID))  # each has a key
            case primitive:
                cost = self.of(primitive)
        return cost

    @staticmethod
    def _of_many(item: _Cost) -> _Cost:
        if item.beyond > 0:
            raise ValueError("it has items that take too few bytes for their values")
        return _Cost(1 - PAID, 1 + item.levels)
