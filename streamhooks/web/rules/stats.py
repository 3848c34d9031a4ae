"""The rules of a stats call: rollup and buckets, as in Sentry's TSDB and its stats endpoint.

Times are whole microseconds since the epoch, like Sentry's datetimes: with floats, a boundary may be off.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from streamhooks.counting.rollups import ROLLUPS
from streamhooks.web.http.problems import bad_fields, bad_request

SAMPLES: Final[Mapping[int, int]] = {rollup.seconds: rollup.samples for rollup in ROLLUPS}
"""The number of buckets kept, by the seconds of the rollup, the finest first."""
OUTCOMES: Final = ("fired", "delivered", "failed")
PARAMETERS: Final = ("since", "until", "resolution", "outcome")
MAX_POINTS: Final = 10_000

_SECOND = 1_000_000
_DEFAULT_SPAN = 86_400 * _SECOND - _SECOND
LATEST: Final = 253_402_300_800  # the year 10,000
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_RESOLUTION = re.compile(r"([0-9]{1,9})([smhd])")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

Count = Callable[[int, list[int]], list[tuple[int, int, int]]]


@dataclass(frozen=True, slots=True)
class Query:
    """A checked stats call; `since` and `until` are in microseconds, `rollup` in seconds."""

    since: int
    until: int
    rollup: int
    outcome: str


def parse_query(given: Mapping[str, str], now: float) -> Query:
    """Return the checked query of a stats call; `now` is epoch seconds.

    Raise ProblemError with 400 for the first problem, in this order: resolution, until, since, outcome, points.
    """
    resolution = parse_resolution(given["resolution"]) if "resolution" in given else None
    until, since = _microseconds(now), None
    if "until" in given:
        until = _time(given["until"], "until must be a numeric timestamp.")
    if "since" in given:
        since = _time(given["since"], "since must be a numeric timestamp")
    if since is None:
        since = until - _DEFAULT_SPAN
    if since > until:
        raise bad_request("start must be before or equal to end")
    outcome = given.get("outcome", "fired")
    if outcome not in OUTCOMES:
        raise bad_fields({"outcome": f"must be one of {', '.join(OUTCOMES)}"})
    rollup = optimal_rollup(since, until) if resolution is None else resolution
    if number_of_points(since, until, rollup) > MAX_POINTS:
        raise bad_request(f"more than {MAX_POINTS} points")
    return Query(since, until, rollup, outcome)


def parse_resolution(text: str) -> int:
    """Return the seconds of `<int><s|m|h|d>`; raise ProblemError with 400 if there is no such rollup."""
    parts = _RESOLUTION.fullmatch(text)
    seconds = int(parts[1]) * _UNITS[parts[2]] if parts else 0
    if seconds not in SAMPLES:
        raise bad_request("Invalid resolution")
    return seconds


def optimal_rollup(since: int, until: int) -> int:
    """Return the finest rollup (seconds) that is kept for the whole time (microseconds), else the coarsest."""
    for rollup, samples in SAMPLES.items():
        if rollup * samples * _SECOND >= until - since:
            return rollup
    return max(SAMPLES)


def number_of_points(since: int, until: int, rollup: int) -> int:
    """Return how many of until, until − rollup, … are at or after `since`."""
    return (until - since) // (rollup * _SECOND) + 1


def series(since: int, until: int, rollup: int) -> list[int]:
    """Return the starts (epoch seconds) of the buckets of until, until − rollup, … ≥ since, ascending."""
    last = until // (rollup * _SECOND) * rollup
    points = number_of_points(since, until, rollup)
    return [last - rollup * back for back in range(points - 1, -1, -1)]


def points(query: Query, now: float, count: Count) -> list[dict[str, int]]:
    """Return `{"ts", "total"}` for each bucket; `count(rollup, starts)` returns the counts of kept buckets."""
    starts = series(query.since, query.until, query.rollup)
    span = query.rollup * SAMPLES[query.rollup]
    kept = [start for start in starts if start + span > now]
    column = OUTCOMES.index(query.outcome)
    totals = [cell[column] for cell in count(query.rollup, kept)] if kept else []
    totals = [0] * (len(starts) - len(kept)) + totals
    return [{"ts": start, "total": total} for start, total in zip(starts, totals, strict=True)]


def _time(text: str, problem: str) -> int:
    if not _FLOAT.fullmatch(text):
        raise bad_request(problem)
    seconds = float(text)
    if not math.isfinite(seconds) or abs(seconds) > LATEST:
        raise bad_request(problem)
    return _microseconds(seconds)


def _microseconds(seconds: float) -> int:
    return round(seconds * _SECOND)
