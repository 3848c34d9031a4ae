"""How long is waited before something that failed is tried again."""

from __future__ import annotations

#: the first and the longest pause, in seconds
FIRST, LONGEST = 1.0, 60.0


def pause_after(failures: int) -> float:
    """Return how long to wait after so many failures in a row, from 1 on, in seconds."""
    return min(FIRST * 2.0 ** min(failures - 1, 10), LONGEST)
