"""`Retry-After` (RFC 9110, 10.2.3), as docs/reference/outcomes.md reads it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

LONGEST = 3600.0
SHORTEST = 1.0

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
# The three forms of an HTTP date (RFC 9110, 5.6.7): IMF-fixdate, RFC 850, asctime. We have our own patterns, since the
# standard library's parser accepts far more than these, and strptime depends on the locale.
_DATES = (
    re.compile(rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT"),
    re.compile(
        r"(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday), "
        rf"(?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT"
    ),
    re.compile(rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})"),
)
_DIGITS = re.compile("[0-9]+")


def retry_after_seconds(values: Sequence[str], now: float) -> float | None:
    """Return how long a response asks to wait, 1 to 3600 seconds, or None if it has no value that counts.

    `values` are the response's `Retry-After` headers in their order; the first counts. `now` is epoch seconds. Digits
    and HTTP dates count; negative, fractional, empty and past values and `inf` do not.
    """
    if not values:
        return None
    value = values[0].strip(" \t")
    if _DIGITS.fullmatch(value):
        # Any number of digits is valid, but Python refuses to convert very many.
        seconds = float(value[-5:]) if not value[:-5].strip("0") else LONGEST
    else:
        at = _epoch_seconds(value, now)
        if at is None or at <= now:
            return None
        seconds = at - now
    return min(max(seconds, SHORTEST), LONGEST)


def _epoch_seconds(value: str, now: float) -> float | None:
    match = next(filter(None, (pattern.fullmatch(value) for pattern in _DATES)), None)
    if match is None:
        return None
    year, second = int(match["year"]), int(match["second"])
    if len(match["year"]) == 2:
        year = _full_year(year, datetime.fromtimestamp(now, UTC).year)
    if second > 60:  # 60 is a leap second
        return None
    try:
        day = datetime(year, _MONTHS.index(match["month"]) + 1, int(match["day"]), tzinfo=UTC)
        minute = day.replace(hour=int(match["hour"]), minute=int(match["minute"]))
    except ValueError:
        return None
    return minute.timestamp() + second


def _full_year(two_digits: int, this_year: int) -> int:
    """Return the latest year with these two digits that is at most 50 years ahead (RFC 9110, 5.6.7)."""
    latest = this_year + 50
    return latest - (latest - two_digits) % 100
