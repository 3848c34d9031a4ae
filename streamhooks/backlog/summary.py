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
    """The time from which on nothing is missing, if retention has removed the beginning or all of it."""
    stretches: tuple[Stretch, ...]
    undecided: int = 0
    """The number of these records about which nobody has decided yet."""


def missed_of(
    stretches: list[Stretch], offsets: Offsets, read_one: Callable[..., Record | None], now: float, *, stop: Stop
) -> Missed:
    """Sum up a hook's stretches; blocks.

    `read_one(tp, offset, stop=stop)` returns the record at an offset, or None. `now` is in epoch seconds.

    Raises:
        TimeoutError: Kafka does not answer, or `stop` was set.

    """
    ends = offsets.ends(sorted({one.tp for one in stretches})) if stretches else {}
    records, undecided, available = 0, 0, [0.0]
    since: list[float] = []
    for stretch in stretches:
        first, end = ends[stretch.tp]
        until = end if stretch.end is None else stretch.end
        count = max(0, until - max(stretch.next, first))
        records += count
        undecided += count if stretch.end is None else 0
        since.append(stretch.since)
        is_removed = stretch.next < min(first, until)
        is_held = first < end and (count or is_removed)
        record = read_one(stretch.tp, max(stretch.next, first), stop=stop) if is_held else None
        if count and record:
            since.append(record.timestamp / 1000)
        if is_removed:
            available.append(record.timestamp / 1000 if record else now)
    return Missed(records, min(since, default=None), max(available) or None, tuple(stretches), undecided)
