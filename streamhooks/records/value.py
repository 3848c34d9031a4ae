"""The type of a field's value: how it is read from a record, what a new one may be, how it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from streamhooks.errors import BrokenRecord
from streamhooks.records import patterns
from streamhooks.records.bounds import wrong_in_label
from streamhooks.records.fields import LARGEST, is_number, listing, number, whole
from streamhooks.records.json_schema import Schema, of_list, or_null

Kind = Literal[
    "line", "url", "events", "secret", "ids", "headers", "number", "whole", "delays", "choice", "expression", "other"
]  # fmt: skip
"""Tells the command line and the page how a value is entered and shown."""
Read = Callable[[dict[str, Any], str], Any]
"""Reads a field of a record by its name; raises BrokenRecord naming the field. Absent and null are read only if the
field has no default."""

_MAX_RETRIES, _MAX_DELAY = 50, 30 * 86_400


def _nothing_wrong(_value: Any) -> str | None:
    return None


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Value:
    """The type of a field's value."""

    kind: Kind
    read: Read
    schema: Schema
    """JSON Schema of a new value."""
    wrong: Callable[[Any], str | None] = _nothing_wrong
    """Returns what is wrong with a new value that can be read, as it was given. A stored value may violate this."""
    stored: Schema | None = None
    """JSON Schema of the value as it is shown, if that is another one."""
    shown: Callable[[Any], Any] = _as_it_is
    has_default: bool = False
    """Whether null in a change means the default."""
    emptied: Any = None
    """What `hooks edit --unset` sends for the default."""
    is_forgiven: bool = False
    """Whether a wrong value in a record is read as null."""

    @property
    def longest(self) -> int | None:
        """Return how many characters a new value may have; None if it is not a text, or has no bound."""
        of_text = (self.schema, *self.schema.get("anyOf", ()))
        return next((one["maxLength"] for one in of_text if "maxLength" in one), None)


def line(longest: int, description: str) -> Value:
    """Return a text for people: one line of at most `longest` characters. A stored one that can't be shown is null."""
    wrong = partial(wrong_in_label, longest=longest)
    schema = or_null({"type": "string", "maxLength": longest, "pattern": patterns.LABEL})
    return Value(
        "line",
        lambda fields, name: None if wrong(fields[name]) else fields[name],
        {**schema, "description": description},
        wrong,
        has_default=True,
        is_forgiven=True,
    )


def above_zero(most: float) -> Value:
    """Return a number above 0 and at most `most`."""
    return Value(
        "number",
        partial(number, positive=True),
        or_null({"type": "number", "exclusiveMinimum": 0, "maximum": most}),
        lambda value: f"must be at most {most}" if value > most else None,
        has_default=True,
    )


def number_between(low: float, high: float) -> Value:
    """Return a number from `low` (above 0) to `high`."""
    schema = or_null({"type": "number", "minimum": low, "maximum": high})
    return Value("number", partial(number, positive=True), schema, _outside(low, high), has_default=True)


def whole_up_to(most: int) -> Value:
    """Return a whole number from 1 to `most`."""
    schema = or_null({"type": "integer", "minimum": 1, "maximum": most})
    return Value("whole", partial(whole, least=1), schema, _outside(1, most), has_default=True)


def _outside(low: float, high: float) -> Callable[[Any], str | None]:
    return lambda value: None if low <= value <= high else f"must be from {low} to {high}"


def _delays(fields: dict[str, Any], name: str) -> tuple[float, ...]:
    delays = listing(fields, name)
    if not all(is_number(delay) and 0 <= delay <= LARGEST for delay in delays):
        raise BrokenRecord(f"{name}: must hold seconds of at least 0")
    return tuple(float(delay) for delay in delays)


def _bad_delays(delays: list[float]) -> str | None:
    if len(delays) > _MAX_RETRIES or any(delay > _MAX_DELAY for delay in delays):
        return f"must be at most {_MAX_RETRIES} delays of at most {_MAX_DELAY} seconds"
    return None


def _listed(values: Iterable[Any] | None) -> list[Any] | None:
    return None if values is None else list(values)


DELAYS: Final = Value(
    "delays",
    _delays,
    or_null({**of_list({"type": "number", "minimum": 0, "maximum": _MAX_DELAY}), "maxItems": _MAX_RETRIES}),
    _bad_delays,
    or_null(of_list({"type": "number", "minimum": 0})),
    _listed,
    has_default=True,
)
