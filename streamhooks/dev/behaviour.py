"""The receiver's responses: good ones, or one of the failures of real endpoints.

The query of a hook's URL chooses them (`/name?status=500&fail=2`), or the same names in JSON.

**How* it fails:
`status=N`       answers with this status.
`gone`           answers with 410.
`redirect=URL`   answers with 302 to this URL (default: `/redirected`).
`retry_after=X`  answers with 429, or the given status, and `Retry-After: X`.
`hang`           never answers.
`reset`          closes the connection with a RST.
`drip=SECONDS`   answers with 200 and a body that never ends: one byte per interval (default: 0.1 s).
`garbage`        sends bytes that aren't HTTP.
`big=BYTES`      answers with a huge body (default: 10 MiB).
`delay=SECONDS`  waits before doing any of this.

**When* it fails (default: always). With one of these, the default status is 500:
`fail=N`         the first N requests of each webhook-id.
`rate=0.3`       this share of the requests, the same ones for the same `seed` (default: 0).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

_DEFAULTS = {"redirect": "/redirected", "drip": "0.1", "big": str(10 * 1024 * 1024)}


@dataclass(frozen=True)
class Behaviour:
    """The behaviour of a path; see the module's docstring. Zero and empty switch a field off."""

    status: int = 0
    gone: bool = False
    redirect: str = ""
    retry_after: str | None = None
    hang: bool = False
    reset: bool = False
    drip: float = 0.0
    garbage: bool = False
    big: int = 0
    delay: float = 0.0
    fail: int = 0
    rate: float = 0.0
    seed: int = 0

    def misbehaves(self, identifier: str, count: int) -> bool:
        """Tell whether the `count`th request (from 1) of this webhook-id fails."""
        if self.fail and count <= self.fail:
            return True
        if self.rate:
            return random.Random(f"{self.seed}:{identifier}:{count}").random() < self.rate
        return not self.fail

    def answer(self) -> int | None:
        """Return the status of a failing request, or None if it gets no HTTP response."""
        if self.hang or self.reset or self.garbage:
            return None
        if self.gone:
            return 410
        if self.redirect:
            return self.status or 302
        if self.drip or self.big:
            return self.status or 200
        if self.retry_after is not None:
            return self.status or 429
        return self.status or (500 if self.fail or self.rate else 200)


GOOD = Behaviour()


@lru_cache(maxsize=1024)
def from_query(query: str) -> Behaviour:
    """Return the behaviour in a URL's query; raise ValueError for an invalid value. Ignore other names."""
    return from_fields(dict(parse_qsl(query, keep_blank_values=True)))


def from_fields(given: Mapping[str, Any]) -> Behaviour:
    """Return the behaviour of names with texts or JSON values; raise ValueError as `from_query` does."""
    values = {
        field.name: _value(field.name, field.type, given[field.name])
        for field in fields(Behaviour)
        if field.name in given
    }
    return Behaviour(**values)


def _value(name: str, kind: Any, given: Any) -> Any:
    if kind == "bool":
        return str(given).lower() not in ("0", "false", "no")
    text = str(given)
    if not text or given is True:
        text = _DEFAULTS.get(name, text)
    try:
        return {"int": int, "float": float}.get(kind, str)(text)
    except ValueError:
        raise ValueError(f"{name}: {given!r} is not a number") from None
