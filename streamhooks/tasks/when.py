"""When a call is due, and until when it is worth running: as seconds, a timedelta or a datetime."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from streamhooks.records.fields import LARGEST

Seconds = float | timedelta

_TOO_FAR = LARGEST // 1000


def seconds_of(given: Seconds, name: str) -> float:
    """Return the number of seconds; `name` is the argument's, for the error.

    Raises:
        TypeError: it is neither a number nor a timedelta.
        ValueError: it is not finite, or too large.

    """
    if isinstance(given, timedelta):
        return given.total_seconds()
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise TypeError(f"{name}: must be seconds or a timedelta, not {type(given).__name__}")
    if not math.isfinite(given) or abs(given) > _TOO_FAR:
        raise ValueError(f"{name}: must be a finite number of seconds, not {given}")
    return float(given)


def due_at(now: int, countdown: Seconds | None, eta: datetime | None) -> int:
    """Return when a call is due that is made at `now`; epoch milliseconds. One that is due in the past is due now.

    Raises:
        TypeError, ValueError: a time is none, or both are given.

    """
    if eta is not None:
        if countdown is not None:
            raise ValueError("countdown, eta: give one of them")
        return max(now, _milliseconds(eta, "eta"))
    return now if countdown is None else _within(max(now, now + int(seconds_of(countdown, "countdown") * 1000)))


def expires_at(now: int, expires: Seconds | datetime | None) -> int | None:
    """Return the time from which on a call that is made at `now` does not run, epoch milliseconds; None for never.

    Raises:
        TypeError, ValueError: it is no time.

    """
    if expires is None:
        return None
    if isinstance(expires, datetime):
        return max(0, _milliseconds(expires, "expires"))
    return _within(max(0, now + int(seconds_of(expires, "expires") * 1000)))


def _milliseconds(given: datetime, name: str) -> int:
    if not isinstance(given, datetime):
        raise TypeError(f"{name}: must be a datetime, not {type(given).__name__}")
    if given.utcoffset() is None:
        raise ValueError(f"{name}: has no time zone: use datetime.now(UTC), or .astimezone() for local time")
    return int(given.timestamp() * 1000)


def _within(milliseconds: int) -> int:
    return min(milliseconds, LARGEST)
