"""Avro values that JSON does not have, in the form in which webhooks send them."""

from __future__ import annotations

import base64
import math
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

import orjson

from streamhooks.errors import BrokenRecord
from streamhooks.records.exact_json import ExactNumber

#: of our ids, only this one is written without dashes
_HEX_IDS = ("event_id",)


def json_value(value: Any, *, hex_ids: tuple[str, ...] = _HEX_IDS) -> Any:
    """Return the JSON form of a decoded Avro value.

    Times and dates become ISO 8601, UUIDs their usual text, and bytes base64. Decimals keep all their digits.
    `hex_ids` are the fields whose UUIDs are written without dashes.

    Raises:
        BrokenRecord: a number is not finite.

    """
    match value:
        case dict():
            return {
                name: one.hex if name in hex_ids and isinstance(one, UUID) else json_value(one, hex_ids=hex_ids)
                for name, one in value.items()
            }
        case list():
            return [json_value(one, hex_ids=hex_ids) for one in value]
        case float():
            return _number(value)
        case datetime():
            return _time(value)
        case date() | time():
            return value.isoformat()
        case UUID():
            return str(value)
        case bytes():
            return base64.b64encode(value).decode()
    return value


def _number(value: float) -> float | ExactNumber:
    """Return the number in the form that Python's `json.dumps` gives it, as Sentry does."""
    if not math.isfinite(value):
        raise BrokenRecord(f"Avro: {value} is not a JSON number")
    text = repr(value)
    return value if orjson.dumps(value) == text.encode() else ExactNumber(text)


def _time(value: datetime) -> str:
    precision = "seconds" if not value.microsecond else "microseconds" if value.microsecond % 1000 else "milliseconds"
    return value.isoformat(timespec=precision).replace("+00:00", "Z")
