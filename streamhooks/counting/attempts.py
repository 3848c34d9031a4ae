"""Reads the records of `firings`, whose attempts come by the thousand.

What our workers write is parsed and checked in one step. Any other value goes to the careful decoder, which knows all
forms and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import orjson
from msgspec import Meta, Struct
from msgspec.json import Decoder

from streamhooks.errors import BrokenRecord
from streamhooks.records.fields import LARGEST
from streamhooks.records.firing import Cause, Firing, Outcome
from streamhooks.records.formats import decode

_Text = Annotated[str, Meta(min_length=1)]
_Whole = Annotated[int, Meta(ge=0, le=LARGEST)]


class Attempt(Struct, frozen=True, gc=False):
    """What is counted of an attempt; see `records.firing.Attempt`."""

    id: _Text
    attempt: Annotated[int, Meta(ge=1, le=LARGEST)]
    at: _Whole
    outcome: Outcome
    cause: Cause | None


# Without unknown fields: the decoder would skip what is in them, however deep.
class _Plain(Attempt, frozen=True, gc=False, forbid_unknown_fields=True):
    """An attempt as our workers write it; what is not counted is only checked."""

    status: _Whole | None
    # As a float, the largest is rounded up.
    duration_ms: Annotated[float, Meta(ge=0, lt=float(LARGEST))]
    error: str | None
    source: str | None
    event: str | None
    url: str | None
    request: str | None = None
    response: str | None = None


class _PlainFiring(Struct, gc=False, forbid_unknown_fields=True):
    hook_id: _Text
    attempts: list[_Plain]


_decode = Decoder(_PlainFiring).decode


class Attempts(NamedTuple):
    """A record of `firings`."""

    hook_id: str
    attempts: Sequence[Attempt]
    value: bytes
    """The record in JSON."""


def read(value: bytes | None) -> Attempts:
    """Return the attempts in a value of `firings`; raise BrokenRecord with the reason."""
    text = value or b""
    try:
        found = _decode(text)
    except ValueError:
        return _carefully(value)
    return Attempts(found.hook_id, found.attempts, text)


def _carefully(value: bytes | None) -> Attempts:
    firing = decode(Firing, value)
    attempts = [Attempt(one.id, one.attempt, one.at, one.outcome, one.cause) for one in firing.attempts]
    try:
        return Attempts(firing.hook_id, attempts, firing.to_json())
    except orjson.JSONEncodeError as error:
        raise BrokenRecord(str(error)) from None
