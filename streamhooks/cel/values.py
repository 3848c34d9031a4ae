"""The values that expressions work on, converted once for many expressions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import cel

from streamhooks.errors import EvaluationFailed

Values = cel.Context
"""Variables with their values."""

_TYPES: Final[Mapping[type, str]] = {
    type(None): "null", float: "double", str: "string", dict: "map", datetime: "timestamp", timedelta: "duration",
}  # fmt: skip


def values_of(variables: Mapping[str, Any]) -> Values:
    """Return the values for expressions; JSON as `exact_json` reads it, bytes, times and durations are converted.

    An `ExactNumber` becomes a double, as does an integer beyond 64 bits. Half a surrogate pair becomes U+FFFD.
    Raise EvaluationFailed for anything else.
    """
    try:
        return cel.Context(dict(variables))
    except ValueError:  # the library does not know half a surrogate pair
        pass
    try:
        return cel.Context(_readable(dict(variables)))
    except ValueError as error:
        raise EvaluationFailed(f"a value can't be converted: {error}"[:200]) from None


def type_name(value: Any) -> str:
    """Return the name of a value's type in CEL."""
    return _TYPES.get(type(value), type(value).__name__)


def _readable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list | tuple):
        return [_readable(one) for one in value]
    if isinstance(value, dict):
        return {_readable(name): _readable(one) for name, one in value.items()}
    return value
