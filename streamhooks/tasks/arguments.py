"""The arguments of a call, checked where the call is made: they fit the function, and JSON keeps them as they are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite
from pathlib import PurePath
from types import NoneType
from typing import Any
from uuid import UUID

import orjson

from streamhooks.records.event import Event
from streamhooks.records.exact_json import ExactNumber

#: levels of lists and dicts, so that the call still fits into a dead letter
DEEPEST = 200

_PLAIN = frozenset({str, bool, NoneType})
#: what a record of ours may have: numbers and texts of users that are passed on as they came
_AS_THEY_CAME = (Event, ExactNumber, orjson.Fragment)
_INTEGERS = range(-(2**63), 2**64)
_CURES: tuple[tuple[Any, str], ...] = (
    (Enum, "pass its `.value`"),
    ((date, time), "pass its `.isoformat()`"),
    (timedelta, "pass its `.total_seconds()`"),
    ((UUID, Decimal, PurePath), "pass it as `str(…)`"),
    ((bytes, bytearray, memoryview), "pass it as text, such as `base64.b64encode(…).decode()`"),
    ((set, frozenset, tuple), "pass it as `list(…)`"),
    (float, "pass it as `float(…)`"),
    (Exception, "pass its `repr(…)`"),
)
_OTHERWISE = "pass its id, or its fields as a dict"


class _Refused(TypeError):
    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what
        self.path = ""


def signature_of(function: Callable[..., Any]) -> inspect.Signature | None:
    """Return the signature by which a function can be called; None if it can't be known.

    A wrapper has its own: that of the function in it need not be the same, even if the wrapper shows it.
    """
    try:
        return inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):
        return None


def check_signature(
    task: str, signature: inspect.Signature | None, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> None:
    """Raise TypeError if a function with this signature can't be called so."""
    if isinstance(args, str | bytes) or not isinstance(args, Sequence):
        raise TypeError(f"{task}: args must be a list or a tuple, not {type(args).__name__}")
    if not isinstance(kwargs, Mapping):
        raise TypeError(f"{task}: kwargs must be a dict, not {type(kwargs).__name__}")
    if signature is not None:
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{task}: {error}") from None


def check_values(task: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise TypeError for an argument that is no JSON value, or would be another one after it was stored."""
    for given in (args, kwargs):
        named = given.items() if isinstance(given, Mapping) else enumerate(given)
        for name, value in named:
            try:
                _check(value, DEEPEST)
            except _Refused as refused:
                raise TypeError(f"{task}: argument {name!r}{refused.path}: {refused.what}") from None


def _check(value: Any, levels: int) -> None:
    kind = type(value)
    if kind in _PLAIN:
        return
    if kind is int:
        if value not in _INTEGERS:
            raise _Refused("an integer of more than 64 bits: pass it as `str(…)`")
    elif kind is float:
        if not isfinite(value):
            raise _Refused(f"{value} is not JSON: pass None or a text")
    elif kind is list or kind is tuple or kind is dict:
        _check_all(value, levels)
    else:
        _check_unusual(value, levels)


def _check_all(values: Any, levels: int) -> None:
    if not levels:
        raise _Refused(f"more than {DEEPEST} levels of lists and dicts")
    is_dict = isinstance(values, dict)
    for name, value in values.items() if is_dict else enumerate(values):
        try:
            if is_dict and type(name) is not str:
                raise _Refused(f"the key {name!r:.40} is not a text: pass it as `str(…)`")
            _check(value, levels - 1)
        except _Refused as refused:
            refused.path = f"[{name!r:.40}]{refused.path}"
            raise


def _check_unusual(value: Any, levels: int) -> None:
    if isinstance(value, _AS_THEY_CAME):
        return None
    if not isinstance(value, Enum):
        if isinstance(value, str | int):
            return None  # of a class of its own: stored as what it is
        if isinstance(value, dict | list):
            return _check_all(value, levels)
    name = type(value).__name__
    if inspect.isawaitable(value):
        raise _Refused(f"{name} is not JSON: await it before")
    if is_dataclass(value) and not isinstance(value, type):
        raise _Refused(f"{name} is not JSON: pass it as `dataclasses.asdict(…)`")
    if hasattr(value, "model_dump"):
        raise _Refused(f'{name} is not JSON: pass its `.model_dump(mode="json")`')
    cure = next((cure for kinds, cure in _CURES if isinstance(value, kinds)), _OTHERWISE)
    raise _Refused(f"{name} is not JSON: {cure}")
