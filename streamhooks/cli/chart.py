"""A column chart of block characters, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

_EIGHTHS = " ▁▂▃▄▅▆▇█"


def merged(values: Sequence[int], width: int) -> tuple[list[int], int]:
    """Return at most `width` sums of neighbours, and the number of values per sum; only the first may have fewer."""
    size = max(1, ceil(len(values) / width))
    first = len(values) % size
    groups = [values[:first]] if first else []
    groups += [values[start : start + size] for start in range(first, len(values), size)]
    return [sum(group) for group in groups], size


def columns(values: Sequence[int], height: int) -> list[str]:
    """Return the lines of a chart, top first, one character per value; the largest value is `height` lines high.

    Every value above 0 is visible, however small.
    """
    largest = max(values, default=0) or 1
    levels = [max(1, round(value * height * 8 / largest)) if value else 0 for value in values]
    return [
        "".join(_EIGHTHS[min(max(level - line * 8, 0), 8)] for level in levels) for line in range(height - 1, -1, -1)
    ]
