"""What a hook has still to get, as its owner is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streamhooks.kafka.offsets import Offsets
from streamhooks.kafka.reader import Record, Stop
from streamhooks.records.stretch import Stretch


@dataclass(frozen=True, slots=True)
class Missed:
    """The stretches of a hook, summed up; times are epoch seconds."""

    records: int
    """How many source records there are to be looked at."""
    since: float | None
    """When the first of them was written to Kafka, or passed over."""
    available_from: float | None
    """From when on all of it is there, if retention has removed the beginning."""
    stretches: tuple[Stretch, ...]
    undecided: int = 0
    """How many of the records are those of which nobody has said what becomes of them."""


def missed_of(
    stretches: list[Stretch], offsets: Offsets, read_one: Callable[..., Record | None], *, stop: Stop
) -> Missed:
    """Sum up; blocks. `read_one(tp, offset, stop=stop)` gives the record at an offset, or None.

    Raises:
        TimeoutError: Kafka does not answer, or `stop` was set.

    """
    ends = offsets.ends(sorted({one.tp for one in stretches})) if stretches else {}
    records, undecided, available = 0, 0, [0.0]
    since: list[float] = []
    for stretch in stretches:
        first, end = ends[stretch.tp]
        count = max(0, (end if stretch.end is None else stretch.end) - max(stretch.next, first))
        records += count
        undecided += count if stretch.end is None else 0
        since.append(stretch.since)
        if count and (record := read_one(stretch.tp, max(stretch.next, first), stop=stop)):
            since.append(record.timestamp / 1000)
            available += [record.timestamp / 1000] if stretch.next < first else []
    return Missed(records, min(since, default=None), max(available) or None, tuple(stretches), undecided)
