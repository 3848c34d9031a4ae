"""The rollups: the length of their buckets, and how many are kept (as in Sentry's TSDB)."""

from __future__ import annotations

from dataclasses import dataclass


# Compared by identity: each attempt looks its tables up.
@dataclass(frozen=True, slots=True, eq=False)
class Rollup:
    """A rollup with buckets of `seconds`; `samples` of them are kept."""

    name: str
    seconds: int
    samples: int

    @property
    def kept(self) -> int:
        """Return how long a bucket is kept, in seconds."""
        return self.seconds * self.samples

    @property
    def text(self) -> str:
        """Return a line that describes its table."""
        return f"Attempts per hook in buckets of {self.name}, the latest {self.samples}: [fired, delivered, failed, …]."

    def bucket(self, timestamp: float) -> int:
        """Return the start of the bucket that contains the timestamp, both in epoch seconds."""
        return int(timestamp) // self.seconds * self.seconds


#: the finest first
ROLLUPS = (Rollup("10s", 10, 360), Rollup("1h", 3600, 168), Rollup("1d", 86400, 90))
