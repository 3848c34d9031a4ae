"""A summary of what a hook has yet to get, for the API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streamhooks.kafka.offsets import Offsets
from streamhooks.kafka.reader import Record, Stop
from streamhooks.records.stretch import Stretch


@dataclass(frozen=True, slots=True)
class Missed:
    """The sum of a hook's stretches; times are in epoch seconds."""

    records: int
    """The number of source records to be read."""
    since: float | None
    """When the first of them was written to Kafka or passed over."""
    available_from: float | None
    """The time from which on nothing is missing, if retention has removed the beginning."""
    stretches: tuple[Stretch, ...]
    undecided: int = 0
    """The number of these records about which nobody has decided yet."""


def missed_of(
    stretches: list[Stretch], offsets: Offsets, read_one: Callable[..., Record | None], *, stop: Stop
) -> Missed:
    """Sum up a hook's stretches; blocks. `read_one(tp, offset, stop=stop)` returns the record at an offset, or None.

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
