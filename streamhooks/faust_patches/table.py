"""A windowed table that also expires recovered windows, and whose changelog writes are confirmed.

It differs from Faust 0.15.3:

- `now` and `delta` go by the clock, even while a stream is read, and a missing value is None.
- Expiry keeps one entry per window, not one per increment (33 bytes each, until the window expires). It knows windows
  recovered from the changelog (#385), and uses no clock that can be set.
- A changed cell is read at once. It is in `changed` until `write` publishes it to the changelog.
- Cells of revoked partitions are forgotten.
- A value says how far it is, so a late write of a previous owner does not undo newer values.

Why: docs/decisions/0002-tables-in-memory.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from types import SimpleNamespace
from typing import Any

import faust
import orjson
from faust.types import TP

from streamhooks.kafka.lots import Lot, Plain, Sink
from streamhooks.times import steady

Range = tuple[float, float]
Cell = tuple[str, Range]


class WindowTable(faust.Table):
    """Keys are (text, (start, end)), as in Faust's tumbling windows; the text determines the partition.

    Call `use_wall_clock` where the table is made, and `tie` before the first write.
    """

    clock: Callable[[], float] = staticmethod(steady)
    wall_clock: Callable[[], float]
    partition_of: Callable[[str], int]
    send: Callable[[Lot], None]
    is_older: Callable[[Any, Any], bool]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._cells_by_end: dict[float, set[Cell]] = {}
        self._had_since: dict[float, float] = {}  # the end of a window -> steady seconds
        self._newest = 0.0
        #: the cells whose last record in the changelog is older, the first one first
        self.changed: dict[Cell, None] = {}
        self._undone: set[Cell] = set()  # the changelog's last record is older than the cell

    def use_wall_clock(self, clock: Callable[[], float]) -> None:
        """Use this clock (epoch seconds) for windows relative to now."""
        self.wall_clock = clock

    def tie(
        self, partition_of: Callable[[str], int], send: Callable[[Lot], None], is_older: Callable[[Any, Any], bool]
    ) -> None:
        """Set how to write; `is_older` tells whether a value knows less than another value of the same cell."""
        self.partition_of, self.send, self.is_older = partition_of, send, is_older

    # --- writing

    def cell(self, key: Cell) -> list[int] | None:
        """Return a cell, which the caller changes in place; note that it has changed."""
        cell: list[int] | None = self.data.data.get(key)
        if cell is not None:
            self.changed[key] = None
        return cell

    def put(self, key: Cell, cell: list[int]) -> None:
        """Add a new cell."""
        self._maybe_set_key_ttl(key, -1)
        self.data.data[key] = cell
        self.changed[key] = None

    def write(self, limit: int, sink: Sink) -> list[Lot]:
        """Publish the cells that changed first, at most `limit`, and return what was published."""
        cells, records = self.data.data, dict[int, list[Plain]]()
        for key in list(islice(self.changed, limit)):
            del self.changed[key]
            # An expired cell is not needed any more.
            if (cell := cells.get(key)) is not None:
                record = Plain(orjson.dumps(key), orjson.dumps(cell))
                records.setdefault(self.partition_of(key[0]), []).append(record)
        topic = self.changelog_topic.get_topic_name()
        lots = [Lot(topic, partition, found, sink) for partition, found in records.items()]
        for lot in lots:
            self.send(lot)
        return lots

    def partition_for_key(self, key: Cell) -> int:
        """Return the partition of the key's text, wherever the write comes from."""
        return self.partition_of(key[0])

    def send_changelog(self, partition: int | None, key: Any, value: Any, *_: Any, **_serializers: Any) -> Any:
        """Note that the cell has changed."""
        self.changed[key] = None
        return SimpleNamespace(message=SimpleNamespace(partition=partition))

    # --- expiry

    def _should_expire_keys(self) -> bool:
        return False  # Faust's own expiry; `expire` replaces it

    def _maybe_set_key_ttl(self, key: Cell, partition: int) -> None:
        start, end = key[1]
        cells = self._cells_by_end.get(end)
        if cells is None:
            cells = self._cells_by_end[end] = set()
            self._had_since.setdefault(end, self.clock())
            self._newest = max(self._newest, start)
        cells.add(key)

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """Apply records of the changelog that are newer than the current cells.

        A record in the key's current partition wins over one in a partition that it had when there were fewer.
        """
        cells = self.data.data
        for event in batch:
            key, value = self._to_key(event.key), self._to_value(event.value)
            if value is None:
                cells.pop(key, None)
            elif key in cells and self.is_older(value, cells[key]):
                self._undone.add(key)
            elif (
                key in cells
                and event.message.partition != self.partition_of(key[0])
                and not self.is_older(cells[key], value)
            ):
                continue
            else:
                cells[key] = value
                self._undone.discard(key)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Index the recovered windows, and forget cells of revoked partitions."""
        await super().on_recovery_completed(active_tps, standby_tps)
        mine = {tp.partition for tp in active_tps}
        self._cells_by_end, self._had_since, known = {}, {}, self._had_since
        for key in [key for key in self.data if self.partition_of(key[0]) not in mine]:
            self.data.pop(key, None)
        for key in self.data:
            self._maybe_set_key_ttl(key, -1)
        # The age of recovered windows follows only from the windows themselves.
        now = self.clock()
        self._had_since = {end: known.get(end, now - max(0.0, self._newest - end)) for end in self._cells_by_end}
        undone, self._undone = self._undone, set()
        self.changed |= dict.fromkeys(undone & self.data.data.keys())

    def expire(self) -> int:
        """Forget windows that ended longer ago than they are kept, as the changelog's retention does.

        A window must be old both by the newest window and by the time it was here: a record from a clock that is ahead
        expires no others.

        Returns: the number of cells forgotten.
        """
        kept = float(self.window.expires)
        before, now = self._newest - kept, self.clock()
        ends = [end for end, since in self._had_since.items() if end < before and now - since >= kept]
        cells = [cell for end in ends for cell in self._cells_by_end.pop(end)]
        for end in ends:
            del self._had_since[end]
        for cell in cells:
            self.data.pop(cell, None)
        return len(cells)

    # --- reading

    def cells(self, text: str, ranges: Iterable[Range]) -> list[Any]:
        """Return the values of one text in each window; None where there is none."""
        get = self.data.data.get
        return [get((text, window)) for window in ranges]

    def _get_key(self, key: Cell) -> Any:
        return self.data.data.get(key)

    def _relative_now(self, event: Any = None) -> float:
        return self.wall_clock()

    def _relative_event(self, event: Any = None) -> float:
        timestamp: float = self.wall_clock() if event is None else event.message.timestamp
        return timestamp

    def __len__(self) -> int:
        return len(self.data.data)
