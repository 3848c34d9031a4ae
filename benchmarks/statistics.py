"""Percentiles and medians of measured values."""

from __future__ import annotations

from collections.abc import Sequence

_SHOWN = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Return `n`, `p50`, `p99`, `p99.9` and `max` (nearest rank), in the unit of the values; only `n` for none."""
    ordered = sorted(values)
    found: dict[str, float] = {"n": len(ordered)}
    if ordered:
        found |= {name: ordered[min(len(ordered) - 1, int(part * len(ordered)))] for name, part in _SHOWN.items()}
        found["max"] = ordered[-1]
    return found
