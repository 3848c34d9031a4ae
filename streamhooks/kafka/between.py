"""The records between two moments.

Timestamps are set by producers: they need not ascend, and a clock may be wrong. So a record is selected by its own
timestamp, never by its offset.
"""

from __future__ import annotations

from typing import Protocol

from streamhooks.kafka.child_process import STOP
from streamhooks.kafka.offsets import Offsets
from streamhooks.kafka.reader import TP, Stop, scan
from streamhooks.settings import Settings
from streamhooks.times import Between

#: timeout for finding the last record, in seconds
TIMEOUT = 300.0

Ranges = dict[TP, tuple[int, int]]


class OffsetsAsked(Protocol):
    """What is used of `kafka.offsets.Offsets`."""

    def ends(self, tps: list[TP]) -> dict[TP, tuple[int, int]]:
        """Return the first offset that Kafka still holds and the next one, per partition."""

    def at(self, tps: list[TP], milliseconds: int) -> dict[TP, int]:
        """Return the offset of the first record at or after a moment (epoch milliseconds), else the next offset."""


def ranges_between(settings: Settings, topics: list[str], between: Between, *, stop: Stop = STOP) -> Ranges:
    """Return ranges that hold all records of that time, perhaps with others in between; blocks.

    Every partition is in the result, even without such records. Better run in a child process: everything after the
    first record at or after `until` has to be read, since it may be older.

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


def certain_ranges(offsets: OffsetsAsked, tps: list[TP], between: Between) -> tuple[Ranges, Ranges]:
    """Return what Kafka's index knows: the ranges up to the first record at or after `until`, and the ranges after it.

    Raises:
        TimeoutError: Kafka does not answer.

    """
    if not tps:
        return {}, {}
    known = offsets.ends(tps)
    starts = {tp: first for tp, (first, _) in known.items()}
    if between.since is not None:
        starts = offsets.at(tps, between.since)  # no record before it is as late
    ends = {tp: end for tp, (_, end) in known.items()}
    if between.until is None:
        return {tp: (starts[tp], max(starts[tp], ends[tp])) for tp in tps}, {}
    sure = {tp: max(offset, starts[tp]) for tp, offset in offsets.at(tps, between.until).items()}
    return {tp: (starts[tp], sure[tp]) for tp in tps}, {tp: (sure[tp], ends[tp]) for tp in tps if sure[tp] < ends[tp]}
