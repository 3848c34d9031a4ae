"""Topics that are read whole, and partitions that are read from their start, outside of the consumer group.

Why: docs/decisions/0004-hooks-by-a-plain-reader.md.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from streamhooks.kafka.logs import Logs
from streamhooks.kafka.reader import TP, Record
from streamhooks.kafka.reader_health import ReaderHealth
from streamhooks.kafka.reading_thread import ReadingThread, Told
from streamhooks.settings import Settings


class Table(Protocol):
    """What takes in topics that are read whole; the methods are called in the event loop."""

    @abstractmethod
    def apply(self, records: list[Record]) -> list[tuple[Record, str]]:
        """Take in records; return those that can't be read, each with the reason."""

    def keys(self, _tp: TP) -> Iterable[bytes]:
        """Return the keys of a partition that hold: those that its log lacks when it is read once more are deleted."""
        return ()

    def begin_anew(self, _tp: TP) -> None:
        """Take note that the log of a partition is not as it was read, and comes once more."""
        return  # most tables need not know


class TopicReader:
    """Follows partitions from their start, in a thread; hands batches to a table, in the event loop.

    A partition is *ready* when everything was handed over that it held when it was assigned. The end may be a record
    that compaction removed, or a marker of a transaction: only Kafka's end-of-partition event tells.

    A partition whose log is not as it was left (it was made anew, or lost what had been read) is read from its start
    once more. What it does not hold any more is handed over as a tombstone of each such key when it is ready again.

    `ends` tells where partitions end: one that is not read on although it has more is read by a new client.
    `prepare` is called in the thread with each value before it is handed over, again as long as it raises RegistryAway;
    `on_broken` is called with each record that the table can't read, `on_anew` with each partition that is read once
    more, both with the reason and in the loop.
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
        on_anew: Callable[[TP, str], None],
        prepare: Callable[[bytes | None], None] | None = None,
    ) -> None:
        self._table = table
        self._on_broken = on_broken
        self._on_anew = on_anew
        self._loop = loop = asyncio.get_running_loop()
        self._name = name
        self._former: dict[TP, set[bytes]] = {}  # keys that held before, and did not come again
        # A partition that goes and comes back is another one: it is read from its start again.
        self._assignments = 0
        #: the offset that comes next, by partition; only what was handed over counts
        self.position: dict[TP, int] = {}
        self._ready: set[TP] = set()
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._health = ReaderHealth(name)
        told = Told(self._receive, self._begin_anew, self._tell_of_anew)
        self._thread = ReadingThread(
            settings, name, loop, told, logs=logs, ends=ends, prepare=prepare, health=self._health
        )

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    async def stop(self) -> None:
        """End the thread and wait for it."""
        await self._thread.stop()

    def follow(self, partitions: Iterable[TP]) -> None:
        """Read these partitions, and no others, from now on; new ones from their start."""
        partitions = set(partitions)
        wanted = {tp: number for tp, number in self._thread.wanted.items() if tp in partitions}
        for gone in self._thread.wanted.keys() - wanted.keys():
            self._ready.discard(gone)
            self.position.pop(gone, None)
            self._former.pop(gone, None)
        for new in partitions - wanted.keys():
            self._assignments += 1
            wanted[new] = self._assignments
        self._thread.want(wanted)

    def is_ready(self, partition: TP | None = None) -> bool:
        """Whether this partition, or each that is followed, was read to the end it had when it was assigned."""
        if partition is not None:
            return partition in self._ready
        return bool(self._thread.wanted) and self._thread.wanted.keys() <= self._ready

    @property
    def trouble(self) -> str | None:
        """Why it does not read now; None if it does."""
        return f"the reader of {self._name} has ended" if self._thread.is_dead else self._health.trouble

    async def wait_ready(self) -> None:
        """Wait until each partition that is followed is ready."""
        await self._wait_for(self.is_ready)

    async def wait_applied(self, topic: str, partition: int, offset: int) -> None:
        """Wait until the record at this offset was handed over."""
        tp = (topic, partition)
        number = self._thread.wanted.get(tp)
        # When the partition is read once more, the record was handed over, or is gone with its log.
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

    # --- what the thread tells

    def _begin_anew(self, tp: TP, number: int, why: str) -> None:
        if self._thread.wanted.get(tp) != number:
            return
        self._tell_of_anew(tp, why)
        self._assignments += 1
        self._ready.discard(tp)
        self.position.pop(tp, None)
        self._former[tp] = set(self._table.keys(tp))
        self._thread.want({**self._thread.wanted, tp: self._assignments})
        self._wake()

    def _tell_of_anew(self, tp: TP, why: str) -> None:
        self._table.begin_anew(tp)
        self._on_anew(tp, why)

    def _receive(
        self, records: list[Record], reached: Mapping[TP, int], ended: set[TP], assigned: Mapping[TP, int]
    ) -> None:
        self._thread.received()
        # What was on its way when the assignment changed belongs to nobody.
        current = {tp for tp in reached if tp in self._thread.wanted and self._thread.wanted[tp] == assigned.get(tp)}
        records = [record for record in records if (record.topic, record.partition) in current]
        if self._former:
            records += self._gone(records, ended & current)
        if records:
            try:
                for record, reason in self._table.apply(records):
                    self._on_broken(record, reason)
            except Exception as error:  # whatever it is: what was not taken in must come again
                self._read_again(current, self._health.failed(error, self._thread.wanted))
                return
        self._health.came(current, self._thread.wanted)
        for tp in current:
            self.position[tp] = max(reached[tp], self.position.get(tp, 0))
        self._ready.update(ended & current)
        self._wake()

    def _read_again(self, partitions: set[TP], pause: float) -> None:
        """Read these partitions on from what was taken in last; what is on its way counts no more."""
        for tp in partitions:
            self._assignments += 1
            self._thread.wanted = {**self._thread.wanted, tp: self._assignments}
            self._ready.discard(tp)
            if tp in self.position:
                self._thread.reached[self._assignments] = self.position[tp]
        self._loop.call_later(pause, self._thread.changed.set)
        self._wake()

    def _gone(self, records: list[Record], ended: set[TP]) -> list[Record]:
        """Tombstones of what a log that is read once more does not hold."""
        for record in records:
            if record.key is not None and (former := self._former.get((record.topic, record.partition))):
                former.discard(record.key)
        return [Record(*tp, -1, 0, key, None) for tp in ended for key in self._former.pop(tp, ())]

    def _wake(self) -> None:
        for condition, waiter in self._waiters:
            if not waiter.done() and condition():
                waiter.set_result(None)
