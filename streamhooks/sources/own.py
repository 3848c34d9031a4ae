"""Topics of one's own: what their records become, by the file that STREAMHOOKS_SOURCES names (`own_file.py`).

The rules are in docs/reference/topics.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from streamhooks.cel.values import type_name
from streamhooks.errors import BrokenRecord, EvaluationFailed, MissingKey
from streamhooks.kafka.reader import Record
from streamhooks.records.avro_values import json_value
from streamhooks.records.exact_json import ExactNumber, dumps
from streamhooks.records.fields import identity, is_number
from streamhooks.records.formats import Registry
from streamhooks.records.hook import Hook
from streamhooks.records.hook_events import fires, kind_of_hook
from streamhooks.records.message import Message
from streamhooks.records.packing import parse_json
from streamhooks.sources.own_values import Formula, RecordValues
from streamhooks.times import LATEST

WHEN: Final = "when"
REQUIRED: Final = ("type", "organization_id")
#: the fields of a message that an entry may have
FIELDS: Final = (*REQUIRED, "project_id", "id", "timestamp", "data")
_STAND_IN: Final = {"type": "order.paid", "organization_id": "1"}


@dataclass(frozen=True, slots=True)
class Rule:
    """The expression for a field of a message, or for `when`."""

    field: str
    formula: Formula

    def of(self, values: RecordValues) -> Any:
        """Return what a record has for the field; raise BrokenRecord if the expression fails."""
        try:
            return self._fit(values.evaluate(self.formula))
        except MissingKey as missing:
            raise BrokenRecord(f"{self.field}: {missing}: has() tells whether it is there") from None
        except EvaluationFailed as failed:
            raise BrokenRecord(f"{self.field}: {failed}") from None

    def check(self, values: RecordValues) -> None:
        """Raise BrokenRecord if the value for the field is not allowed there."""
        value = self.of(values)
        if self.field != WHEN:
            Message.from_fields(_STAND_IN | {self.field: value})

    def _fit(self, value: Any) -> Any:
        match self.field:
            case "when" if not isinstance(value, bool):
                raise EvaluationFailed(f"its value is of type {type_name(value)}, not bool")
            case "id":
                return identity({"id": value}, "id") if _is_integer(value) else value
            case "timestamp":
                return _moment(value)
            case "data":
                return value if self.formula.is_of_value else _json(value)
        return value


@dataclass(frozen=True, slots=True)
class OwnTopic:
    """A topic of one's own: an entry of the file that STREAMHOOKS_SOURCES names."""

    topic: str
    """Its full name."""
    rules: tuple[Rule, ...]
    """Those of the fields that the entry has; a message without one for `data` gets the record's value."""
    when: Rule | None
    """Which records become messages; None for all."""
    types: tuple[str, ...] | None
    """The type of all its messages; None if each record has its own."""

    def read(self, record: Record, registry: Registry | None) -> Message | None:
        """Return what a record becomes; None if `when` is false.

        Raises:
            BrokenRecord: the record can't be read, an expression fails, or its value is not allowed in the field; the
                text names the field. Or the record is a tombstone.

        """
        if record.value is None:
            raise BrokenRecord("tombstone")
        values = RecordValues(record, registry)
        if self.when is not None and not self.when.of(values):
            return None
        fields = {rule.field: rule.of(values) for rule in self.rules}
        if "data" not in fields:
            fields["data"] = values.value
        return Message.from_fields(fields)

    def can_fire(self, hook: Hook) -> bool:
        """Tell whether its records can fire the hook."""
        if kind_of_hook(hook.app_id, hook.format) != "message":
            return False
        return self.types is None or any(fires(hook.events, type_) for type_ in self.types)


def _is_integer(value: Any) -> bool:
    return type(value) is int or (isinstance(value, ExactNumber) and value.is_integer)


def _moment(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, ExactNumber):
        value = float(value)
    if is_number(value) and value > LATEST:
        raise EvaluationFailed(f"{value} is no epoch seconds: for milliseconds, write double(…) / 1000.0")
    return value


def _json(value: Any) -> Any:
    """Return the JSON value that an expression has made, with sorted names: the library has them in no order."""
    try:
        return parse_json(dumps(json_value(value, hex_ids=()), orjson.OPT_SORT_KEYS))
    except orjson.JSONEncodeError as error:
        raise EvaluationFailed(f"its value is no JSON: {error}") from None
    except BrokenRecord as broken:
        raise EvaluationFailed(str(broken)) from None
