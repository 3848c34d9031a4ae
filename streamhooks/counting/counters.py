"""How often each hook fired: windowed tables, one per rollup, to which every attempt is added once.

A cell is `[fired, delivered, failed, offset, epoch, log]`. Two things keep it exact. One is the place of the last
record of `firings` that it has seen: a record that is read again after a crash changes nothing. The other is the ids
that were already counted: an attempt that was repeated after a crash is not counted again. A place is an offset in a
log. If `firings` is recreated, it is another log. If it lost its last records, their replacements have a later epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from streamhooks.counting.rollups import ROLLUPS, Rollup
from streamhooks.metrics import COUNTED, COUNTED_TWICE
from streamhooks.records.firing import OUTCOMES, Attempt

#: how many ids are remembered, at least, before the oldest are forgotten
REMEMBERED = 500_000

Range = tuple[float, float]
Counts = tuple[int, int, int]


class Seen:
    """Ids that were counted; the last `size` to `2 * size` are remembered."""

    def __init__(self, size: int = REMEMBERED) -> None:
        self._size = size
        self._young: set[int] = set()
        self._old: set[int] = set()
        self._new: list[int] = []  # since `new` was called

    def add(self, *parts: object) -> bool:
        """Remember an id; return False if it was already there."""
        if not self.recall(*parts):
            return False
        self._new.append(hash(parts))
        return True

    def recall(self, *parts: object) -> bool:
        """Do the same for the id of a settled record, which `new` leaves out."""
        key = hash(parts)
        if key in self._young or key in self._old:
            return False
        self._young.add(key)
        if len(self._young) >= self._size:
            self._old, self._young = self._young, set()
        return True

    def new(self) -> list[int]:
        """Return what was added since the last call, in the form that `discard` takes."""
        found, self._new = self._new, []
        return found

    def discard(self, keys: list[int]) -> None:
        """Forget what `new` has returned: its records will be counted again."""
        self._young.difference_update(keys)
        self._old.difference_update(keys)


class Counters:
    """Adds attempts to cells. The caller takes the changed cells with `changes`, and writes them to the tables."""

    def __init__(self, cell_of: Callable[[Rollup, str, Range], list[int] | None]) -> None:
        self._cell_of = cell_of
        self._changed: dict[tuple[Rollup, str, Range], list[int]] = {}
        self.seen = Seen()

    def add(self, hook_id: str, attempts: tuple[Attempt, ...], offset: int, epoch: int = -1, log: int = 0) -> None:
        """Count the attempts of a record of `firings`; all are in one bucket of the finest rollup.

        `epoch` is -1 and `log` is 0 if unknown.
        """
        fired = delivered = failed = 0
        for attempt in attempts:
            if attempt.cause == "test":
                continue
            first = self.remember(attempt)
            if not first:
                COUNTED_TWICE.inc()
            counts_as = OUTCOMES[attempt.outcome].counts_as
            if counts_as is None:
                continue
            fired += first
            if counts_as == "failed":
                failed += first
            # An attempt that was repeated after a crash may end differently.
            elif self.seen.add(attempt.id, "delivered"):
                delivered += 1
        COUNTED.inc(fired)
        if not attempts:
            return
        at, place = attempts[0].at / 1000, (offset, epoch, log)
        for rollup in ROLLUPS:
            cell = self._cell(rollup, hook_id, window(rollup, rollup.bucket(at)))
            if is_behind(cell, place):
                cell[0] += fired
                cell[1] += delivered
                cell[2] += failed
                cell[3:] = place

    def remember(self, attempt: Attempt) -> bool:
        """Remember that the attempt was counted; return False if it already was."""
        return self.seen.add(attempt.id, attempt.attempt)

    def recall(self, attempts: tuple[Attempt, ...]) -> None:
        """Remember attempts that were counted before this worker owned their partition."""
        for attempt in attempts:
            self.seen.recall(attempt.id, attempt.attempt)
            if OUTCOMES[attempt.outcome].counts_as == "delivered":
                self.seen.recall(attempt.id, "delivered")

    def _cell(self, rollup: Rollup, hook_id: str, bucket: Range) -> list[int]:
        key = (rollup, hook_id, bucket)
        cell = self._changed.get(key)
        if cell is None:
            cell = self._changed[key] = [*(self._cell_of(rollup, hook_id, bucket) or (0, 0, 0, -1))]
        return cell

    @property
    def changed(self) -> int:
        """Return how many changed cells are not written yet."""
        return len(self._changed)

    def changes(self, limit: int) -> dict[tuple[Rollup, str, Range], list[int]]:
        """Return the cells that changed first, at most `limit`; the caller writes them to their tables now."""
        keys = list(islice(self._changed, limit))
        return {key: self._changed.pop(key) for key in keys}

    def drop_changes(self) -> None:
        """Forget the changed cells that are not written."""
        self._changed = {}


def is_behind(cell: Sequence[int], place: Sequence[int]) -> bool:
    """Tell whether a cell has not seen the record at this place, `(offset, epoch, log)`."""
    offset, epoch, log = _place(cell)
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


def counts(cell: Any) -> Counts:
    """Return fired, delivered and failed of a cell, or of None."""
    return (0, 0, 0) if cell is None else (cell[0], cell[1], cell[2])
