"""The topic `delayed`, as it is read whole: pending calls come from it, and what became of them."""

from __future__ import annotations

import asyncio

from streamhooks.delayed.pending import Pending
from streamhooks.kafka.applying import broken_among
from streamhooks.kafka.reader import TP, Record
from streamhooks.kafka.topic_reader import Table


class DelayedLog(Table):
    """Has the pending calls of the owned partitions follow the log; `changed` is set when it has told something."""

    def __init__(self, pending: Pending, changed: asyncio.Event) -> None:
        self._pending = pending
        self._changed = changed

    def apply(self, records: list[Record]) -> list[tuple[Record, str]]:
        """Take in records; return those that can't be read, each with the reason."""
        broken = broken_among(records, self._pending.apply)
        self._changed.set()
        return broken

    def begin_anew(self, tp: TP) -> None:
        """Forget what the former log of a partition said."""
        self._pending.begin_anew(tp[1])
