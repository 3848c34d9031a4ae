"""What the expressions of an own topic see of a record, and what they are worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import cel

from streamhooks.cel.tokens import Token, whole_path
from streamhooks.cel.values import type_name
from streamhooks.errors import BadExpression, EvaluationFailed, MissingKey
from streamhooks.filters.bounds import LARGEST_LOOPED, LONGEST
from streamhooks.filters.parts import Bounded, Parts, bounded, part_of, size_of
from streamhooks.kafka.reader import Record
from streamhooks.records.exact_json import ExactNumber
from streamhooks.records.formats import Registry, decode_any
from streamhooks.times import in_utc

VARIABLES: Final = ("value", "key", "headers", "topic", "partition", "offset", "timestamp")
_INTEGERS: Final = range(-(2**63), 2**64)


@dataclass(frozen=True, slots=True)
class Formula:
    """An expression over the variables of a record, compiled."""

    bounded: Bounded
    place: tuple[str | int, ...] | None
    """The variable and members that it is, if it is nothing else: then its value is taken as it came."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Let it be pickled by its text, for child processes: a program of the library can't be."""
        return formula_of, (self.bounded.expression.text,)

    @property
    def is_constant(self) -> bool:
        """Tell whether its value is the same for all records."""
        return not self.bounded.paths

    @property
    def is_of_value(self) -> bool:
        """Tell whether it is the record's value, or a part of it, as it came."""
        return self.place is not None and self.place[0] == "value"


class RecordValues(Mapping[str, Any]):
    """The variables of a record. The value is decoded once, and only if an expression names it.

    Reading a variable raises BrokenRecord for a value that can't be decoded, EvaluationFailed for a binary key.
    """

    def __init__(self, record: Record, registry: Registry | None) -> None:
        self._record = record
        self._registry = registry
        self._parts = Parts(self, _ready)

    @cached_property
    def value(self) -> Any:
        """The record's value; raises BrokenRecord if it is neither JSON nor Avro by the registry."""
        return decode_any(self._record.value, self._registry)

    def __getitem__(self, name: str) -> Any:
        record = self._record
        match name:
            case "value":
                return self.value
            case "key":
                return _key(record.key)
            case "headers":
                return _headers(record.headers)
            case "topic" | "partition" | "offset":
                return getattr(record, name)
            case "timestamp":
                return in_utc(max(record.timestamp, 0) / 1000)
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return name in VARIABLES

    def __iter__(self) -> Iterator[str]:
        return iter(VARIABLES)

    def __len__(self) -> int:
        return len(VARIABLES)

    def evaluate(self, formula: Formula) -> Any:
        """Return the value of an expression: as it came if it only names a part of a variable, else of CEL's types.

        Raises:
            BrokenRecord: the record's value can't be decoded.
            MissingKey: the expression needs a key that a map does not have.
            EvaluationFailed: it can't be evaluated with this record.

        """
        if formula.place is not None:
            return _at(self, formula.place)
        asked = formula.bounded
        if asked.expression.comprehensions and (size := size_of(part_of(self, asked.paths))) > LARGEST_LOOPED:
            raise EvaluationFailed(f"it names {size} bytes, and an expression with a comprehension {LARGEST_LOOPED}")
        return self._parts.evaluate(asked)


def formula_of(text: str) -> Formula:
    """Return an expression; raise BadExpression, which says where and why, if it is none or may cost too much."""
    if len(text) > LONGEST:
        raise BadExpression(f"it has {len(text)} characters, and an expression can have {LONGEST}")
    found = bounded(text, VARIABLES)
    path = whole_path(found.expression.tokens)
    return Formula(found, None if path is None else tuple(map(_step, path)))


def _step(token: Token) -> str | int:
    if token.kind == "name":
        return token.text
    if token.kind == "text":
        return str(cel.compile(token.text).execute())
    return int(token.text)


def _at(found: Any, place: tuple[str | int, ...]) -> Any:
    """Return the part of the variables at a place, with the errors that CEL has."""
    before = ""
    for step in place:
        if isinstance(found, Mapping):
            if step not in found:
                raise MissingKey(f"there is no {step}")
            found = found[step]
        elif isinstance(found, list) and isinstance(step, int):
            if step >= len(found):
                raise EvaluationFailed(f"index out of bounds: {step}")
            found = found[step]
        else:
            raise EvaluationFailed(f"{before} is of type {type_name(found)}, and has no {step}")
        before = str(step)
    return found


def _key(key: bytes | None) -> str | None:
    if key is not None and (text := _text(key)) is None:
        raise EvaluationFailed("the key is not text in UTF-8")
    return None if key is None else text


def _headers(headers: tuple[tuple[str, bytes], ...]) -> dict[str, str | None]:
    """Return the headers that are text; of several with a name, the last one counts."""
    # Kafka's headers may have no value.
    last: dict[str, bytes | None] = dict(headers)
    texts = {name: None if value is None else _text(value) for name, value in last.items()}
    return {name: text for name, text in texts.items() if text is not None or last[name] is None}


def _text(data: bytes) -> str | None:
    """Return a text, None for anything else: an integer or Avro, which have zero bytes, may look like UTF-8."""
    try:
        return None if b"\0" in data else data.decode()
    except UnicodeDecodeError:
        return None


def _ready(value: Any) -> Any:
    """Return a value for CEL: its integers have 64 bits, so a longer one becomes text, and keeps its digits."""
    if isinstance(value, dict):
        return {name: _ready(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_ready(one) for one in value]
    if isinstance(value, ExactNumber) and value.is_integer:
        return int(value.text) if len(value.text) <= 20 and int(value.text) in _INTEGERS else value.text
    return value
