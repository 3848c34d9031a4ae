"""The resources that a worker's process uses, and whether they grow."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

#: seconds between two samples that are kept
_EVERY = 5.0
#: what is compared is the median of the second quarter of a life with that of the last; the first is its start
_QUARTERS = 4
#: fewer samples prove nothing
_FEWEST = 40
#: seconds of a life that can be judged: a process keeps the memory of its worst moment, which has to come early
_LONG = 1800.0
#: how much more is no growth: as a share of what there was, and in bytes or in pieces
_SHARE = 0.25
_MEMORY, _PIECES = 16 * 1024 * 1024, 8
KINDS = ("memory", "files", "threads", "sockets")


@dataclass(frozen=True)
class Usage:
    """At one moment (epoch seconds); memory in bytes, files without sockets."""

    at: float
    memory: int
    files: int
    threads: int
    sockets: int


@dataclass(frozen=True)
class Trend:
    """The medians of the second and of the last quarter of a life, and the most of all."""

    kind: str
    before: float
    after: float
    most: int

    @property
    def grows(self) -> bool:
        """Tell whether there was clearly more in the end."""
        slack = _MEMORY if self.kind == "memory" else _PIECES
        return self.after > self.before * (1 + _SHARE) + slack


@dataclass
class Life:
    """One process of a worker, from its start (epoch seconds) on."""

    worker: str
    pid: int
    started: float
    ports: set[int] = field(default_factory=set)
    """Its ends of all connections to the receiver, as far as they were seen."""
    samples: list[Usage] = field(default_factory=list)
    _written: int = 0

    def look(self, now: float, receiver: int) -> int:
        """Note what there is now, and return the memory; `receiver` is its port. Raise psutil.Error if it has ended."""
        process = psutil.Process(self.pid)
        self.ports |= {
            one.laddr.port for one in process.net_connections("tcp") if one.raddr and one.raddr.port == receiver
        }
        memory = int(process.memory_info().rss)
        if not self.samples or now - self.samples[-1].at >= _EVERY:
            sockets, files = _open(self.pid)
            self.samples.append(Usage(now, memory, files, process.num_threads(), sockets))
        return memory

    def write(self, file: Path) -> None:
        """Add the samples that are not in the file yet: they outlive a run that fails before its report."""
        if self.samples[self._written :]:
            with file.open("a") as lines:
                for one in self.samples[self._written :]:
                    lines.write(f"{one.at:.0f},{one.memory},{one.files},{one.threads},{one.sockets}\n")
            self._written = len(self.samples)

    def trends(self) -> list[Trend]:
        """Return one per kind, or none if it was too short to judge."""
        return trends(self.samples)

    def growing(self) -> list[Trend]:
        """Return those that grow, if it was long enough to judge."""
        seen = self.samples[-1].at - self.samples[0].at if self.samples else 0.0
        return [one for one in self.trends() if one.grows] if seen >= _LONG else []


def trends(samples: Sequence[Usage]) -> list[Trend]:
    """Compare the end of a life with its beginning."""
    if len(samples) < _FEWEST:
        return []
    quarter = len(samples) // _QUARTERS
    found = []
    for kind in KINDS:
        values = [getattr(one, kind) for one in samples]
        before, after = values[quarter : 2 * quarter], values[-quarter:]
        found.append(Trend(kind, statistics.median(before), statistics.median(after), max(values)))
    return found


def _open(pid: int) -> tuple[int, int]:
    """Return how many sockets and how many other files a process has open."""
    sockets = files = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(link.readlink())
        except OSError:  # closed meanwhile
            continue
        if target.startswith("socket:"):
            sockets += 1
        else:
            files += 1
    return sockets, files
