"""The two clocks, and moments in calls and answers: given as epoch seconds or ISO 8601, shown as ISO 8601.

Why: docs/decisions/0013-two-clocks.md.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Self

LATEST: Final = 253_402_300_799
"""The last second of the year 9999, the latest that a datetime can represent."""


FIRST_YEAR: Final = 1970

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def _steady_clock() -> Callable[[], float]:
    try:
        time.clock_gettime(time.CLOCK_BOOTTIME)
    except (AttributeError, OSError):  # not Linux, or a sandbox that looks like it
        return time.monotonic
    return partial(time.clock_gettime, time.CLOCK_BOOTTIME)


# Without a frame of Python: a delivery asks for it nine times.
steady: Final = _steady_clock()
"""Return seconds for measuring durations, by a clock that nobody sets and that runs on while the machine sleeps.

Only differences are meaningful, and only within one boot of the machine. Use `time.time` for moments that are
written or due at a time of day.
"""


def moment(value: Any) -> float | None:
    """Return epoch seconds, or None if the value is not a moment. A text without a UTC offset is UTC."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            return _moment_of_date(value)
        value = float(value)
    if not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value <= LATEST:
        return None
    return float(value)


def _moment_of_date(text: str) -> float | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    seconds = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    # The UTC offset may lead out of the range that a datetime has.
    return min(max(seconds, 0.0), float(LATEST)) if found.year >= FIRST_YEAR else None


def iso(seconds: float | None) -> str | None:
    """Return epoch seconds as an ISO 8601 text in UTC, cut to milliseconds."""
    if seconds is None:
        return None
    return cut(seconds).isoformat(timespec="milliseconds")


def cut(seconds: float) -> datetime:
    """Return epoch seconds as a datetime in UTC, cut to milliseconds; `LATEST` for what is later."""
    # Far from now, a text that was read is a little less than its millisecond: the next float is not.
    whole, rest = divmod(math.floor(math.nextafter(min(seconds, LATEST), math.inf) * 1000), 1000)
    return in_utc(whole).replace(microsecond=rest * 1000)


def in_utc(seconds: float) -> datetime:
    """Return epoch seconds as a datetime; `LATEST` for what is later."""
    # A topic may hold any number, a datetime can't.
    return datetime.fromtimestamp(min(seconds, LATEST), UTC)


@dataclass(frozen=True, slots=True)
class Between:
    """The timestamps in [since, until), in epoch milliseconds; None means no bound."""

    since: int | None = None
    until: int | None = None

    @classmethod
    def moments(cls, since: float | None, until: float | None) -> Self:
        """Return the time between two moments in epoch seconds; a `since` of 0 is no bound."""
        return cls(round(since * 1000) if since else None, None if until is None else round(until * 1000))

    def holds(self, timestamp: int) -> bool:
        """Tell whether this timestamp (epoch milliseconds) is in it."""
        return (self.since is None or timestamp >= self.since) and (self.until is None or timestamp < self.until)


ALWAYS: Final = Between()
