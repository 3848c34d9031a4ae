"""Reads the records of `firings`, whose attempts come by the thousand: each is parsed once, and becomes no dataclass.

What our workers write has one of few forms. A value of such a form is valid. Any other goes to the careful decoder,
which knows all forms and says what is wrong.
"""

from __future__ import annotations

from itertools import product
from operator import itemgetter
from typing import Any, NamedTuple, get_args

import orjson

from streamhooks.errors import BrokenRecord
from streamhooks.records.fields import LARGEST
from streamhooks.records.firing import OUTCOMES, Cause, Firing, Outcome
from streamhooks.records.formats import decode

_NONE = type(None)
_FIELDS = ("id", "attempt", "at", "outcome", "cause", "status", "duration_ms", "error", "source", "event", "url")
_TYPES = [
    *((str,), (int,), (int,), (str,), (str, _NONE), (int, _NONE), (float, int)),
    *(((str, _NONE),) * 4),
]
_fields_of = itemgetter(*_FIELDS)
_FORMS = frozenset(product(*_TYPES))
_BODIES = ("request", "response")
_CAUSES = frozenset((*get_args(Cause), None))


class Attempt(NamedTuple):
    """What is counted of an attempt; see `records.firing.Attempt`."""

    id: str
    attempt: int
    at: int
    outcome: Outcome
    cause: Cause | None


class Attempts(NamedTuple):
    """A record of `firings`."""

    hook_id: str
    attempts: list[Attempt]
    value: bytes
    """The record in JSON."""


def read(value: bytes | None) -> Attempts:
    """Return the attempts in a value of `firings`; raise BrokenRecord with the reason."""
    found = None if value is None else _quickly(value)
    return _carefully(value) if found is None else found


def _quickly(value: bytes) -> Attempts | None:
    try:
        fields = orjson.loads(value)
        hook_id, attempts = fields["hook_id"], fields["attempts"]
        if type(hook_id) is not str or not hook_id or type(attempts) is not list:
            return None
        found = [_plain(attempt) for attempt in attempts]
    except (ValueError, KeyError, TypeError):
        return None
    return None if None in found else Attempts(hook_id, found, value)  # type: ignore[arg-type]


def _plain(attempt: dict[str, Any]) -> Attempt | None:
    values = _fields_of(attempt)
    if tuple(map(type, values)) not in _FORMS:
        return None
    id_, number, at, outcome, cause, status, duration = values[:7]
    is_valid = (
        id_
        and 0 < number <= LARGEST
        and 0 <= at <= LARGEST
        and outcome in OUTCOMES
        and cause in _CAUSES
        and (status is None or 0 <= status <= LARGEST)
        and 0 <= duration <= LARGEST
        and (len(attempt) == len(_FIELDS) or all(type(attempt.get(one)) in (str, _NONE) for one in _BODIES))
    )
    return Attempt(id_, number, at, outcome, cause) if is_valid else None


def _carefully(value: bytes | None) -> Attempts:
    firing = decode(Firing, value)
    attempts = [Attempt(one.id, one.attempt, one.at, one.outcome, one.cause) for one in firing.attempts]
    try:
        return Attempts(firing.hook_id, attempts, firing.to_json())
    except orjson.JSONEncodeError as error:
        raise BrokenRecord(str(error)) from None
