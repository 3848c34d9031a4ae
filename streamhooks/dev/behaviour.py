"""How the receiver answers: well, or in one of the ways in which real endpoints don't.

Chosen by the query of a hook's URL (`/name?status=500&fail=2`) or by the same names in JSON.

*How* it misbehaves:
`status=N`       answers with that status.
`gone`           410.
`redirect=URL`   302 to there (to `/redirected` without a value).
`retry_after=X`  429, or the status given, with `Retry-After: X`.
`hang`           never answers.
`reset`          closes the connection with a RST.
`drip=SECONDS`   a 200 whose body never ends, one byte each time (0.1 s without a value).
`garbage`        bytes that aren't HTTP.
`big=BYTES`      a huge body (10 MiB without a value).
`delay=SECONDS`  waits before it does any of this, but no longer than until its path is told to behave otherwise.

*When* it does (always, if neither is given; with one of them the status is 500 unless said otherwise):
`fail=N`         the first N requests of each webhook-id.
`rate=0.3`       that share of the requests, the same ones for the same `seed` (0 without one).
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
    """What a path does to its requests; see the module's text. Zero and empty mean: not so."""

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
        """Tell whether the request of this webhook-id that is its `count`th (from 1) is treated badly."""
        if self.fail and count <= self.fail:
            return True
        if self.rate:
            return random.Random(f"{self.seed}:{identifier}:{count}").random() < self.rate
        return not self.fail

    def answer(self) -> int | None:
        """Return the status of a request that is treated badly, or None if it gets no HTTP answer."""
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
    """Read the behaviour in a URL's query. Raises ValueError for a bad value; ignores other names."""
    return from_fields(dict(parse_qsl(query, keep_blank_values=True)))


def from_fields(given: Mapping[str, Any]) -> Behaviour:
    """Read a behaviour from names and texts, or JSON values. Raises ValueError like `from_query`."""
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
