"""The pause before the next try after a failure."""

from __future__ import annotations

#: the first and the longest pause, in seconds
FIRST, LONGEST = 1.0, 60.0


def pause_after(failures: int) -> float:
    """Return the pause in seconds after this many failures in a row (1 or more)."""
    return min(FIRST * 2.0 ** min(failures - 1, 10), LONGEST)
