"""Writes changed cells to the changelogs of their tables, and waits until the brokers have confirmed them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from streamhooks.errors import RecordTooLarge
from streamhooks.kafka.lots import Lot, Sink
from streamhooks.metrics import UNPUBLISHABLE


class Changed(Protocol):
    """A table with changed cells."""

    changed: dict[Any, None]
    """The cells that are not written."""

    def write(self, limit: int, sink: Sink) -> list[Lot]:
        """Publish the cells that changed first, at most `limit`, and return what was published."""


class Changelogs:
    """What is written and not confirmed. One per worker."""

    def __init__(self) -> None:
        self._sink = _Sink(self)
        self._lots: list[Lot] = []
        self._left = 0
        self._error: Exception | None = None
        self._changed = asyncio.Event()

    def write(self, table: Changed, limit: int) -> None:
        """Write the cells of a table that changed first, at most `limit`."""
        lots = table.write(limit, self._sink)
        self._left += sum(len(lot.records) for lot in lots)
        self._lots += lots

    async def confirmed(self) -> None:
        """Wait until all is confirmed or dropped; raise the error of a cell that can't be written."""
        while self._left and self._error is None:
            self._changed.clear()
            await self._changed.wait()
        if self._error is not None:
            raise self._error
        self._lots = []

    def drop(self) -> None:
        """Retry nothing any more: what the brokers have not taken yet must not come after a new owner's cells."""
        for lot in self._lots:
            lot.drop()
        self._lots, self._left = [], 0
        self._changed.set()

    def take(self, number: int) -> None:
        """Note that so many more cells are confirmed, or need not be."""
        self._left -= number
        if not self._left:
            self._changed.set()

    def fail(self, error: Exception) -> None:
        """Note an error that keeps what was counted from being settled."""
        self._error = error
        self._changed.set()


class _Sink:
    def __init__(self, changelogs: Changelogs) -> None:
        self._changelogs = changelogs

    def confirmed(self, positions: Sequence[int]) -> None:
        """Note confirmed cells."""
        self._changelogs.take(len(positions))

    def failed(self, _position: int, error: Exception) -> None:
        """Count a cell that no broker accepts."""
        if isinstance(error, RecordTooLarge):
            UNPUBLISHABLE.labels("changelog").inc()
            self._changelogs.take(1)
        else:
            self._changelogs.fail(error)
