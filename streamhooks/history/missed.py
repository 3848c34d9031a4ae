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
    available_from: float | None
    """From when on all of it is there, if retention has removed the beginning."""
    stretches: tuple[Stretch, ...]


def missed_of(
    stretches: list[Stretch], offsets: Offsets, read_one: Callable[..., Record | None], *, stop: Stop
) -> Missed:
    """Sum up; blocks. `read_one(tp, offset, stop=stop)` gives the record at an offset, or None.

    Raises:
        TimeoutError: Kafka does not answer, or `stop` was set.

    """
    ends = offsets.ends(sorted({one.tp for one in stretches})) if stretches else {}
    records, available = 0, [0.0]
    for stretch in stretches:
        first, end = ends[stretch.tp]
        records += max(0, (end if stretch.end is None else stretch.end) - max(stretch.next, first))
        if stretch.next < first < end:
            record = read_one(stretch.tp, first, stop=stop)
            available.append(record.timestamp / 1000 if record else 0.0)
    since = min((one.since for one in stretches), default=None)
    return Missed(records, since, max(available) or None, tuple(stretches))
