"""Workers that count, the log that they read, and the changelogs that they write, all in memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from streamhooks.counting.agent import Counting
from streamhooks.counting.counters import is_older
from streamhooks.counting.rollups import ROLLUPS
from streamhooks.in_flight.gate import Gate
from streamhooks.in_flight.progress import Settled
from streamhooks.in_flight.tracker import Tracker
from streamhooks.kafka.lots import Lot, Plain, Sink
from streamhooks.kafka.reader import Batch, Record
from streamhooks.records.firing import Attempt, Firing

PARTITIONS = 2
TPS = [("firings", number) for number in range(PARTITIONS)]
HOOKS = [f"{number:032x}" for number in range(4)]
Key = tuple[str, tuple[float, float]]


def partition_of(hook_id: str) -> int:
    return int(hook_id, 16) % PARTITIONS


class Kafka:
    """The topic `firings`, what is committed of it, and the changelogs."""

    def __init__(self) -> None:
        self.log: dict[tuple[str, int], list[Record]] = {tp: [] for tp in TPS}
        self.committed = dict.fromkeys(TPS, 0)
        self.changelogs: dict[str, list[tuple[Key, list[int]]]] = {rollup.name: [] for rollup in ROLLUPS}
        self.made: dict[str, set[tuple[str, int]]] = {hook: set() for hook in HOOKS}

    def fire(self, hook: str, ids: list[int]) -> None:
        tp = TPS[partition_of(hook)]
        self.made[hook] |= {(f"msg_{hook}_{one}", 1) for one in ids}
        attempts = tuple(Attempt(f"msg_{hook}_{one}", 1, 1000 + 9000 * (one % 2), "delivered") for one in ids)
        for bucket in (0, 1):  # a record never spans a bucket
            if own := tuple(one for one in attempts if one.at // 10_000 == bucket):
                value = Firing(hook, own).to_json()
                self.log[tp].append(Record(*tp, len(self.log[tp]), 0, None, value, (), 0))

    async def read(self, topic: str, partition: int, start: int, end: int) -> list[Record]:
        return self.log[topic, partition][start:end]


class Table:
    """A windowed table: its memory, and its changelog in Kafka."""

    def __init__(self, changelog: list[tuple[Key, list[int]]]) -> None:
        self.changelog = changelog
        self.now: dict[Key, list[int]] = {}
        self.changed: dict[Key, None] = {}
        self.pending: list[tuple[Lot, Key, list[int]]] = []
        self.reached = dict.fromkeys(range(PARTITIONS), 0)

    def cell(self, key: Key) -> list[int] | None:
        if (found := self.now.get(key)) is not None:
            self.changed[key] = None
        return found

    def put(self, key: Key, cell: list[int]) -> None:
        self.now[key] = cell
        self.changed[key] = None

    def cells(self, text: str, ranges: list[tuple[float, float]]) -> list[list[int] | None]:
        return [self.now.get((text, one)) for one in ranges]

    def expire(self) -> int:
        return 0

    def __len__(self) -> int:
        return len(self.now)

    def write(self, limit: int, sink: Sink) -> list[Lot]:
        lots = []
        for key in list(self.changed)[:limit]:
            del self.changed[key]
            if key in self.now:
                lots.append(Lot("changelog", 0, [Plain(b"k", b"1")], sink))
                self.pending.append((lots[-1], key, list(self.now[key])))
        return lots

    def arrive(self, which: int, *, told: bool) -> None:
        """Let a written cell reach the changelog; the worker learns of it if `told`."""
        lot, key, cell = self.pending.pop(which % len(self.pending))
        self.changelog.append((key, cell))
        if told and not lot.is_dropped:
            lot.sink.confirmed(range(1))

    def recover(self, mine: set[int]) -> None:
        for number in mine:
            for key, cell in self.changelog[self.reached[number] :]:
                if partition_of(key[0]) == number:
                    if key in self.now and is_older(cell, self.now[key]):
                        self.changed[key] = None
                    else:
                        self.now[key] = list(cell)
        self.reached = {number: len(self.changelog) if number in mine else 0 for number in range(PARTITIONS)}
        self.now = {key: cell for key, cell in self.now.items() if partition_of(key[0]) in mine}


async def only(batch: Batch) -> AsyncIterator[Batch]:
    yield batch


class Worker:
    """A worker that counts."""

    def __init__(self, kafka: Kafka) -> None:
        self.kafka = kafka
        self.lease = True
        self.number = 0
        self.tables = {rollup: Table(kafka.changelogs[rollup.name]) for rollup in ROLLUPS}
        self.tracker = Tracker()
        self.gate = Gate(lambda: self.lease)
        self.gate.open("start")
        self.counting = Counting(self.tables, self.tracker, self.gate, kafka.read, lambda *_: None)
        self.next: dict[tuple[str, int], int] = {}
        self.late: set[tuple[str, int]] = set()
        self.flushes: set[asyncio.Task[None]] = set()

    def revoke(self) -> None:
        self.tracker.revoke(TPS)
        self.counting.let_go()
        self.next, self.late = {}, set()

    def take_over(self, mine: set[int], late: set[int]) -> None:
        for table in self.tables.values():
            table.recover(mine)
        starts = {TPS[number]: self._assign(TPS[number]) for number in mine - late}
        self.counting.take_over(starts)
        self.late = {TPS[number] for number in mine & late}
        self.counting.release({TPS[number] for number in mine}, partition_of)

    def begin_late(self) -> None:
        for tp in self.late:
            self.counting.begin_anew(tp, self._assign(tp))
        self.late = set()

    def _assign(self, tp: tuple[str, int]) -> int:
        start = self.next[tp] = self.kafka.committed[tp]
        self.number += 1
        self.tracker.assign(tp, start, Settled(start), self.number)
        return start

    async def read(self, records: int) -> None:
        for tp in list(self.next):
            found = self.kafka.log[tp][self.next[tp] :][:records]
            batch = deque(record._replace(assignment=self.tracker.number(tp) or 0) for record in found)
            self.next[tp] += len(batch)
            await self.counting.follow(only(batch))

    def flush(self) -> None:
        task = asyncio.get_running_loop().create_task(self.counting.flush())
        self.flushes.add(task)
        task.add_done_callback(self.flushes.discard)

    def arrive(self, number: int, *, told: bool) -> None:
        for which in range(number):
            for table in self.tables.values():
                if table.pending:
                    table.arrive(which * 7, told=told)

    def commit(self) -> None:
        for tp, settled in self.tracker.committable():
            self.kafka.committed[tp] = settled.floor

    async def end(self) -> None:
        tasks = [*self.flushes, *self.counting._recalls.tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
