"""The topic `delayed`, read as a whole: calls, and tombstones of settled calls."""

from __future__ import annotations

import asyncio

from streamhooks.delayed.owner_marks import OwnerMarks, is_mark
from streamhooks.delayed.pending import Pending
from streamhooks.kafka.applying import broken_among
from streamhooks.kafka.reader import TP, Record
from streamhooks.kafka.topic_reader import Table


class DelayedLog(Table):
    """Applies the log to the pending calls and the owners' marks of our partitions; sets `changed` after each batch."""

    def __init__(self, pending: Pending, marks: OwnerMarks, changed: asyncio.Event) -> None:
        self._pending = pending
        self._marks = marks
        self._changed = changed

    def apply(self, records: list[Record]) -> list[tuple[Record, str]]:
        """Apply records; return the broken ones, each with the reason."""
        broken = broken_among(records, self._apply)
        self._changed.set()
        return broken

    def _apply(self, record: Record) -> None:
        if is_mark(record):
            self._marks.apply(record)
        else:
            self._pending.apply(record)

    def begin_anew(self, tp: TP) -> None:
        """Prepare for a partition that is read again, because its log was recreated or truncated."""
        self._marks.forget(tp[1])
        self._pending.begin_anew(tp[1])
