"""Reads topics as a whole, and partitions from their start, outside of the consumer group.

Why: docs/decisions/0004-hooks-by-a-plain-reader.md.
"""

from __future__ import annotations

import asyncio
import gc
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from streamhooks.kafka.logs import Logs
from streamhooks.kafka.reader import TP, Record
from streamhooks.kafka.reader_health import ReaderHealth
from streamhooks.kafka.reading_thread import Callbacks, ReadingThread
from streamhooks.settings import Settings

#: after so many records of partitions that are read from their start, Python looks no more at what they have made: it
#: stays, and a look at a million objects takes half a second
STAY = 20_000


class Table(Protocol):
    """A table in memory of topics that are read as a whole; its methods are called in the event loop."""

    @abstractmethod
    def apply(self, records: list[Record]) -> list[tuple[Record, str]]:
        """Apply records; return the broken ones, each with the reason."""

    def keys(self, _tp: TP) -> Iterable[bytes]:
        """Return the current keys of a partition. Those that a recreated or truncated log lacks are then deleted."""
        return ()

    def begin_anew(self, _tp: TP) -> None:
        """Prepare for a partition that is read again, because its log was recreated or truncated."""
        return  # most tables need no preparation


class TopicReader:
    """Follows partitions from their start, in a thread; hands batches to a table, in the event loop.

    A partition is *ready* when everything that it held when it was assigned has been handed over. Its end may be a
    record that compaction removed, or a marker of a transaction: only Kafka's end-of-partition event is reliable.

    A partition whose log was recreated or truncated is read again from its start. When it is ready again, the table
    gets a tombstone for each key that the log no longer holds.

    `ends` gives the ends of partitions: a reader that makes no progress before the end gets a new client. `prepare` is
    called in the thread with each value before it is handed over, and again as long as it raises RegistryAway.
    `on_broken` is called with each record that the table can't read, `on_reread` with each partition that is read
    again, both with the reason and in the loop.
    """

    def __init__(
        self,
        settings: Settings,
        table: Table,
        *,
        name: str,
        logs: Logs,
        ends: Callable[[Iterable[TP]], Mapping[TP, int]],
        on_broken: Callable[[Record, str], None],
        on_reread: Callable[[TP, str], None],
        prepare: Callable[[bytes | None], None] | None = None,
    ) -> None:
        self._table = table
        self._on_broken = on_broken
        self._on_reread = on_reread
        self._loop = loop = asyncio.get_running_loop()
        self._name = name
        self._previous: dict[TP, set[bytes]] = {}  # keys of the previous log that have not come again
        # Counts assignments, since a partition that is assigned again is read from its start again.
        self._assignments = 0
        #: the next offset to be handed over, by partition
        self.position: dict[TP, int] = {}
        self._ready: set[TP] = set()
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._staying = 0  # records since Python was told that they stay
        self._health = ReaderHealth(name)
        callbacks = Callbacks(self._receive, self._begin_anew, self._report_reread)
        self._thread = ReadingThread(
            settings, name, loop, callbacks, logs=logs, ends=ends, prepare=prepare, health=self._health
        )

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    async def stop(self) -> None:
        """End the thread and wait for it."""
        await self._thread.stop()

    def follow(self, partitions: Iterable[TP]) -> None:
        """From now on, read only these partitions; new ones from their start."""
        partitions = set(partitions)
        wanted = {tp: number for tp, number in self._thread.wanted.items() if tp in partitions}
        for gone in self._thread.wanted.keys() - wanted.keys():
            self._ready.discard(gone)
            self.position.pop(gone, None)
            self._previous.pop(gone, None)
        for new in partitions - wanted.keys():
            self._assignments += 1
            wanted[new] = self._assignments
        self._thread.want(wanted)

    def is_ready(self, partition: TP | None = None) -> bool:
        """Tell whether this partition (or each one) has been read to the end that it had when it was assigned."""
        if partition is not None:
            return partition in self._ready
        return bool(self._thread.wanted) and self._thread.wanted.keys() <= self._ready

    @property
    def trouble(self) -> str | None:
        """Return why it is not reading; None if it is."""
        return f"the reader of {self._name} has ended" if self._thread.is_dead else self._health.trouble

    async def wait_ready(self) -> None:
        """Wait until each partition is ready."""
        await self._wait_for(self.is_ready)

    async def wait_applied(self, topic: str, partition: int, offset: int) -> None:
        """Wait until the record at this offset has been handed over."""
        tp = (topic, partition)
        number = self._thread.wanted.get(tp)
        # When the partition is read again, the record has been handed over, or is gone with its log.
        await self._wait_for(lambda: self.position.get(tp, 0) > offset or self._thread.wanted.get(tp) != number)

    async def _wait_for(self, condition: Callable[[], bool]) -> None:
        if condition():
            return
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append((condition, waiter))
        try:
            await waiter
        finally:
            self._waiters = [w for w in self._waiters if w[1] is not waiter]

    # --- callbacks of the thread

    def _begin_anew(self, tp: TP, number: int, why: str) -> None:
        if self._thread.wanted.get(tp) != number:
            return
        self._report_reread(tp, why)
        self._assignments += 1
        self._ready.discard(tp)
        self.position.pop(tp, None)
        self._previous[tp] = set(self._table.keys(tp))
        self._thread.want({**self._thread.wanted, tp: self._assignments})
        self._wake()

    def _report_reread(self, tp: TP, why: str) -> None:
        self._table.begin_anew(tp)
        self._on_reread(tp, why)

    def _receive(
        self, records: list[Record], reached: Mapping[TP, int], ended: set[TP], assigned: Mapping[TP, int]
    ) -> None:
        self._thread.received()
        # Records that were on their way when the assignment changed are dropped.
        current = {tp for tp in reached if tp in self._thread.wanted and self._thread.wanted[tp] == assigned.get(tp)}
        records = [record for record in records if (record.topic, record.partition) in current]
        if self._previous:
            records += self._gone(records, ended & current)
        if records:
            try:
                for record, reason in self._table.apply(records):
                    self._on_broken(record, reason)
            except Exception as error:  # whatever it is, the records must come again
                self._read_again(current, self._health.failed(error, self._thread.wanted))
                return
        self._health.came(current, self._thread.wanted)
        if not current <= self._ready:
            self._note_staying(len(records))
        for tp in current:
            self.position[tp] = max(reached[tp], self.position.get(tp, 0))
        self._ready.update(ended & current)
        self._wake()

    def _note_staying(self, records: int) -> None:
        self._staying += records
        if self._staying >= STAY:
            gc.freeze()
            self._staying = 0

    def _read_again(self, partitions: set[TP], pause: float) -> None:
        """Continue these partitions after the last applied record; drop batches that are on their way."""
        for tp in partitions:
            self._assignments += 1
            self._thread.wanted = {**self._thread.wanted, tp: self._assignments}
            self._ready.discard(tp)
            if tp in self.position:
                self._thread.reached[self._assignments] = self.position[tp]
        self._loop.call_later(pause, self._thread.changed.set)
        self._wake()

    def _gone(self, records: list[Record], ended: set[TP]) -> list[Record]:
        """Return tombstones for the keys that a log that is read again no longer holds."""
        for record in records:
            if record.key is not None and (previous := self._previous.get((record.topic, record.partition))):
                previous.discard(record.key)
        return [Record(*tp, -1, 0, key, None) for tp in ended for key in self._previous.pop(tp, ())]

    def _wake(self) -> None:
        for condition, waiter in self._waiters:
            if not waiter.done() and condition():
                waiter.set_result(None)
