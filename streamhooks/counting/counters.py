"""How often each hook fired: windowed tables, one per rollup, to which every attempt is added once.

A cell is `[fired, delivered, failed, offset, epoch, log]`. Two things keep it exact. One is the place of the last
record of `firings` that it has seen: a record that is read again after a crash changes nothing. The other is the ids
that were already counted: an attempt that was repeated after a crash is not counted again. A place is an offset in a
log. If `firings` is recreated, it is another log. If it lost its last records, their replacements have a later epoch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from streamhooks.counting.attempts import Attempt
from streamhooks.counting.rollups import ROLLUPS, Rollup
from streamhooks.metrics import COUNTED, COUNTED_TWICE
from streamhooks.records.firing import OUTCOMES

#: how many ids are remembered, at least, before the oldest are forgotten
REMEMBERED = 500_000

Range = tuple[float, float]
Counts = tuple[int, int, int]
Cell = tuple[str, Range]


_FINEST_MS = ROLLUPS[0].seconds * 1000
_COUNTS_AS = {outcome: meaning.counts_as for outcome, meaning in OUTCOMES.items()}


class Seen:
    """Ids that were counted; the last `size` to `2 * size` are remembered."""

    def __init__(self, size: int = REMEMBERED) -> None:
        self._size = size
        self._young: set[int] = set()
        self._old: set[int] = set()
        self._new: list[int] = []  # since `new` was called

    def add(self, *parts: object) -> bool:
        """Remember an id; return False if it was already there."""
        key = hash(parts)
        if key in self._young or key in self._old:
            return False
        self._young.add(key)
        self._new.append(key)
        if len(self._young) >= self._size:
            self._old, self._young = self._young, set()
        return True

    def recall(self, *parts: object) -> None:
        """Remember the id of a settled record, which `new` leaves out."""
        key = hash(parts)
        if key not in self._old:
            self._young.add(key)
            if len(self._young) >= self._size:
                self._old, self._young = self._young, set()

    def new(self) -> list[int]:
        """Return what was added since the last call, in the form that `discard` takes."""
        found, self._new = self._new, []
        return found

    def discard(self, keys: list[int]) -> None:
        """Forget what `new` has returned: its records will be counted again."""
        self._young.difference_update(keys)
        self._old.difference_update(keys)


class Cells(Protocol):
    """The cells of a rollup that counting changes."""

    def cell(self, key: Cell) -> list[int] | None:
        """Return a cell, which the caller changes in place; note that it has changed."""

    def put(self, key: Cell, cell: list[int]) -> None:
        """Add a new cell."""


class Counters:
    """Adds attempts to cells. The cells know which of them have changed."""

    def __init__(self, tables: Mapping[Rollup, Cells]) -> None:
        self._tables = tables
        self.seen = Seen()

    def add(self, hook_id: str, attempts: Sequence[Attempt], offset: int, epoch: int = -1, log: int = 0) -> None:
        """Count the attempts of a record of `firings`; all are in one bucket of the finest rollup.

        `epoch` is -1 and `log` is 0 if unknown.
        """
        if not attempts:
            return
        fired = delivered = failed = repeated = 0
        add = self.seen.add
        for attempt in attempts:
            if attempt.cause == "test":
                continue
            first = add(attempt.id, attempt.attempt)
            if not first:
                repeated += 1
            counts_as = _COUNTS_AS[attempt.outcome]
            if counts_as is None:
                continue
            fired += first
            if counts_as == "failed":
                failed += first
            # An attempt that was repeated after a crash may end differently.
            elif add(attempt.id, "delivered"):
                delivered += 1
        if repeated:
            COUNTED_TWICE.inc(repeated)
        COUNTED.inc(fired)
        place = (offset, epoch, log)
        for rollup, bucket in windows(attempts[0].at // _FINEST_MS):
            key, table = (hook_id, bucket), self._tables[rollup]
            cell = table.cell(key)
            if cell is None:
                table.put(key, [fired, delivered, failed, offset, epoch, log])
            elif is_behind(cell, place):
                cell[0] += fired
                cell[1] += delivered
                cell[2] += failed
                cell[3:] = place

    def recall(self, attempts: Sequence[Attempt]) -> None:
        """Remember attempts that were counted before this worker owned their partition."""
        for attempt in attempts:
            self.seen.recall(attempt.id, attempt.attempt)
            if _COUNTS_AS[attempt.outcome] == "delivered":
                self.seen.recall(attempt.id, "delivered")


def is_behind(cell: Sequence[int], place: Sequence[int]) -> bool:
    """Tell whether a cell has not seen the record at this place, `(offset, epoch, log)`."""
    offset, epoch, log = cell[3:] if len(cell) > 4 else _place(cell)
    if log and place[2] and log != place[2]:
        return True
    if epoch >= 0 and place[1] >= 0:
        return (epoch, offset) < (place[1], place[0])
    return offset < place[0]


def is_older(cell: Sequence[int], other: Sequence[int]) -> bool:
    """Tell whether a cell has seen less than another one of the same log; False for different logs."""
    place = _place(other)
    return is_behind(cell, place) and _place(cell)[2] in (0, place[2])


def _place(cell: Sequence[int]) -> Sequence[int]:
    return cell[3:] if len(cell) > 4 else (cell[3], -1, 0)  # 0.1.0 knew the offset alone


def window(rollup: Rollup, start: int) -> Range:
    """Return the window of a bucket in the form of Faust's tumbling windows."""
    return (float(start), start + rollup.seconds - 0.1)


@lru_cache(maxsize=256)
def windows(finest: int) -> tuple[tuple[Rollup, Range], ...]:
    """Return the window of each rollup that has this bucket of the finest one, given by its number since the epoch."""
    start = finest * ROLLUPS[0].seconds
    return tuple((rollup, window(rollup, rollup.bucket(start))) for rollup in ROLLUPS)


def counts(cell: Any) -> Counts:
    """Return fired, delivered and failed of a cell, or of None."""
    return (0, 0, 0) if cell is None else (cell[0], cell[1], cell[2])
