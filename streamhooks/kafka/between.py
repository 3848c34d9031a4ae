"""The records between two moments.

The times of records are those of whoever wrote them: they need not ascend, and a clock may be wrong. So no record is
taken or left out for the offset at which it lies: its own timestamp decides.
"""

from __future__ import annotations

from typing import Protocol

from streamhooks.kafka.apart import STOP
from streamhooks.kafka.offsets import Offsets
from streamhooks.kafka.reader import TP, Stop, scan
from streamhooks.settings import Settings
from streamhooks.times import Between

#: how long looking for the last record may take, in seconds
TIMEOUT = 300.0

Ranges = dict[TP, tuple[int, int]]


class Asked(Protocol):
    """Where records lie; `kafka.offsets.Offsets`."""

    def ends(self, tps: list[TP]) -> dict[TP, tuple[int, int]]:
        """The first offset that Kafka still holds, and the one that comes next, of each partition."""

    def at(self, tps: list[TP], milliseconds: int) -> dict[TP, int]:
        """The offset of the first record at or after a moment, else the one that comes next."""


def ranges_between(settings: Settings, topics: list[str], between: Between, *, stop: Stop = STOP) -> Ranges:
    """The offsets at which the records of these topics lie that are meant, others among them; blocks.

    Each partition is there, also one without such records. May be run in a process of its own: what lies behind the
    first record at or after `until` has to be read, for it may be older.

    Raises:
        TimeoutError: Kafka does not answer, or `stop` was set.

    """
    offsets = Offsets(settings)
    tps = [(topic, number) for topic in topics for number in offsets.partitions(topic) if not stop.is_set()]
    found, unsure = certain_ranges(offsets, tps, between)
    for record in scan(settings, unsure, timeout=TIMEOUT, stop=stop):
        if between.holds(record.timestamp):
            tp = record.topic, record.partition
            found[tp] = (found[tp][0], record.offset + 1)
    return found


def certain_ranges(offsets: Asked, tps: list[TP], between: Between) -> tuple[Ranges, Ranges]:
    """What Kafka's index tells: the ranges that end at the first record at or after `until`, and what lies behind.

    Raises:
        TimeoutError: Kafka does not answer.

    """
    if not tps:
        return {}, {}
    known = offsets.ends(tps)
    starts = {tp: first for tp, (first, _) in known.items()}
    if between.since is not None:
        starts = offsets.at(tps, between.since)  # nothing before it is as late
    ends = {tp: end for tp, (_, end) in known.items()}
    if between.until is None:
        return {tp: (starts[tp], max(starts[tp], ends[tp])) for tp in tps}, {}
    sure = {tp: max(offset, starts[tp]) for tp, offset in offsets.at(tps, between.until).items()}
    return {tp: (starts[tp], sure[tp]) for tp in tps}, {tp: (sure[tp], ends[tp]) for tp in tps if sure[tp] < ends[tp]}
