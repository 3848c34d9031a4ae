"""The topic `delayed`, read as a whole: calls, and tombstones of settled calls."""

from __future__ import annotations

import asyncio

from streamhooks.delayed.pending import Pending
from streamhooks.kafka.applying import broken_among
from streamhooks.kafka.reader import TP, Record
from streamhooks.kafka.topic_reader import Table


class DelayedLog(Table):
    """Applies the log to the pending calls of the owned partitions; sets `changed` after each batch."""

    def __init__(self, pending: Pending, changed: asyncio.Event) -> None:
        self._pending = pending
        self._changed = changed

    def apply(self, records: list[Record]) -> list[tuple[Record, str]]:
        """Apply records; return the broken ones, each with the reason."""
        broken = broken_among(records, self._pending.apply)
        self._changed.set()
        return broken

    def begin_anew(self, tp: TP) -> None:
        """Prepare for a partition that is read again, because its log was recreated or truncated."""
        self._pending.begin_anew(tp[1])
