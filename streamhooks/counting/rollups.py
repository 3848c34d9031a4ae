"""The rollups: how long their buckets are, and how many are kept (Sentry's TSDB)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rollup:
    """`seconds` a bucket, `samples` of them kept."""

    name: str
    seconds: int
    samples: int

    @property
    def kept(self) -> int:
        """How long a bucket is kept, in seconds."""
        return self.seconds * self.samples

    @property
    def text(self) -> str:
        """What its table holds, in a line."""
        return f"Attempts per hook in buckets of {self.name}, the latest {self.samples}: [fired, delivered, failed, …]."

    def bucket(self, timestamp: float) -> int:
        """The start of the bucket that holds this moment, both epoch seconds."""
        return int(timestamp) // self.seconds * self.seconds


#: the finest first
ROLLUPS = (Rollup("10s", 10, 360), Rollup("1h", 3600, 168), Rollup("1d", 86400, 90))
