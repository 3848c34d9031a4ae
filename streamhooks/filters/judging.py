"""Whether a message passes the filter of a hook: the same wherever it is asked, live, in a retry, or in a replay."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, Literal

import orjson

from streamhooks.cel.expression import Expression, compile_expression
from streamhooks.cel.values import Values, values_of
from streamhooks.errors import BadExpression, EvaluationFailed, MissingKey
from streamhooks.filters.bounds import LARGEST_LOOPED, LARGEST_READ, LONGEST, MESSAGE, check_bounds
from streamhooks.records.exact_json import dumps
from streamhooks.records.message import Message

Path = tuple[str, ...]

_TYPES: Final[Mapping[type, str]] = {
    type(None): "null", float: "double", str: "string", dict: "map", datetime: "timestamp", timedelta: "duration",
}  # fmt: skip
#: compiled filters that are kept, some 2 KB each
_KEPT: Final = 50_000


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter, compiled."""

    expression: Expression
    paths: tuple[Path, ...]
    """The parts of the message that it names: only they are converted."""


Kind = Literal["match", "no_match", "failed"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a message passes a filter."""

    kind: Kind
    why: str = ""
    """Why not."""


MATCH: Final = Verdict("match")
NO_MATCH: Final = Verdict("no_match", "it is false")


class Subject:
    """A message that filters are asked about. Each part of it is converted once for all of them."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields
        self._values: dict[tuple[Path, ...], tuple[Values, int]] = {}
        self._size = -1

    def judge(self, text: str) -> Verdict:
        """Return whether the message passes the filter with this text."""
        found = _filter_of(text)
        if isinstance(found, BadExpression):
            return Verdict("failed", f"it can't be compiled: {found}")
        try:
            value = self._evaluate(found)
        except MissingKey as missing:
            return Verdict("no_match", str(missing))
        except EvaluationFailed as failed:
            return Verdict("failed", str(failed))
        if isinstance(value, bool):
            return MATCH if value else NO_MATCH
        return Verdict("failed", f"its value is of type {_type_of(value)}, not bool")

    def _evaluate(self, asked: Filter) -> Any:
        expression = asked.expression
        if expression.comprehensions and self._size_of_data() > LARGEST_LOOPED:
            raise EvaluationFailed(
                f"the message has {self._size} bytes, and a filter with a comprehension is for {LARGEST_LOOPED}"
            )
        if asked.paths not in self._values:
            part = _part(self._fields, asked.paths)
            size = _size_of(part)
            # What is too large is never converted.
            self._values[asked.paths] = (values_of({MESSAGE: part} if size <= LARGEST_READ else {}), size)
        values, size = self._values[asked.paths]
        if size * len(expression.reads) > LARGEST_READ:
            raise EvaluationFailed(
                f"it names {size} bytes of the message {len(expression.reads)} times, more than {LARGEST_READ} in all"
            )
        return expression.evaluate(values)

    def _size_of_data(self) -> int:
        if self._size < 0:
            self._size = _size_of(self._fields["data"])
        return self._size


def compiled_filter(text: str) -> Filter:
    """Return the filter; raise BadExpression, which says where and why, if it is none or may cost too much."""
    if len(text) > LONGEST:
        raise BadExpression(f"it has {len(text)} characters, and a filter can have {LONGEST}")
    expression = compile_expression(text, (MESSAGE,))
    check_bounds(expression)
    return Filter(expression, tuple(sorted({read[1:] for read in expression.reads})))


def subject_of(message: Message) -> Subject:
    """Return a message as filters see it."""
    at = message.timestamp
    return Subject(
        {
            "type": message.type,
            "organization_id": message.organization_id,
            "project_id": message.project_id,
            "id": message.id,
            "timestamp": None if at is None else datetime.fromtimestamp(at, UTC),
            "data": message.data,
        }
    )


@lru_cache(_KEPT)
def _filter_of(text: str) -> Filter | BadExpression:
    try:
        return compiled_filter(text)
    except BadExpression as bad:
        return bad


def _part(value: Any, paths: Collection[Path]) -> Any:
    """Return the value with only these parts; what is not there is left out, and what is no object stays whole."""
    if () in paths or not isinstance(value, Mapping):
        return value
    below: dict[str, list[Path]] = {}
    for first, *further in paths:
        below.setdefault(first, []).append(tuple(further))
    return {name: _part(value[name], further) for name, further in below.items() if name in value}


def _size_of(value: Any) -> int:
    try:
        return len(dumps(value))
    except orjson.JSONEncodeError as error:  # as of a value of Avro that JSON does not have
        raise EvaluationFailed(f"the message is no JSON: {error}") from None


def _type_of(value: Any) -> str:
    """Return the name of a value's type in CEL."""
    return _TYPES.get(type(value), type(value).__name__)
