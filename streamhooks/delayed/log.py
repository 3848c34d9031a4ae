"""The topic `delayed`, as it is read whole: pending calls come from it, and what became of them."""

from __future__ import annotations

import asyncio

from streamhooks.delayed.owner_marks import OwnerMarks, is_mark
from streamhooks.delayed.pending import Pending
from streamhooks.kafka.applying import broken_among
from streamhooks.kafka.reader import TP, Record
from streamhooks.kafka.topic_reader import Table


class DelayedLog(Table):
    """Has pending calls and marks of owners follow the log of the owned partitions; `changed` is set when it told."""

    def __init__(self, pending: Pending, marks: OwnerMarks, changed: asyncio.Event) -> None:
        self._pending = pending
        self._marks = marks
        self._changed = changed

    def apply(self, records: list[Record]) -> list[tuple[Record, str]]:
        """Take in records; return those that can't be read, each with the reason."""
        broken = broken_among(records, self._apply)
        self._changed.set()
        return broken

    def _apply(self, record: Record) -> None:
        if is_mark(record):
            self._marks.apply(record)
        else:
            self._pending.apply(record)

    def begin_anew(self, tp: TP) -> None:
        """Forget what the former log of a partition said."""
        self._marks.forget(tp[1])
        self._pending.begin_anew(tp[1])
