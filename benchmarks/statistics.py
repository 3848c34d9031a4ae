"""Percentiles, quartiles and ratios of measured values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

_SHOWN = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


@dataclass(frozen=True)
class Spread:
    """The quartiles of several values; `median` is the second."""

    low: float
    median: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.2f}–{self.high:.2f}"


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Return `n`, `p50`, `p99`, `p99.9` and `max` (nearest rank), in the unit of the values; only `n` for none."""
    ordered = sorted(values)
    found: dict[str, float] = {"n": len(ordered)}
    if ordered:
        found |= {name: ordered[min(len(ordered) - 1, int(part * len(ordered)))] for name, part in _SHOWN.items()}
        found["max"] = ordered[-1]
    return found


def spread(values: Sequence[float]) -> Spread:
    """Return the quartiles of the values, of which there is at least one."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, _, high = quantiles(values, method="inclusive")
    return Spread(low, median(values), high)


def ratios(mine: Sequence[float], others: Sequence[float]) -> list[float]:
    """Return the ratio of each adjacent pair.

    Raises:
        ValueError: they are not pairs.

    """
    return [one / other for one, other in zip(mine, others, strict=True)]
