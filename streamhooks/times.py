"""Moments in calls and answers: given as epoch seconds or ISO 8601, shown as ISO 8601."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, Final

LATEST: Final = 253_402_300_799
"""The last second of the year 9999: what a datetime can show."""


def moment(value: Any) -> float | None:
    """Return epoch seconds; None for what is no moment. A text without an offset is UTC."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            try:
                found = datetime.fromisoformat(value)
            except ValueError:
                return None
            value = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    if not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value <= LATEST:
        return None
    return float(value)


def iso(seconds: float | None) -> str | None:
    """Return epoch seconds as they are shown."""
    if seconds is None:
        return None
    # A topic may hold any number, a datetime can't.
    return datetime.fromtimestamp(min(seconds, LATEST), UTC).isoformat(timespec="milliseconds")
