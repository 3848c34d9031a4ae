"""When counted records are settled: all their cells confirmed, a bit written at a time, whatever comes between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from streamhooks.counting.agent import WRITTEN_AT_ONCE, Counting
from streamhooks.counting.rollups import ROLLUPS
from streamhooks.errors import ProducerDead, WriteRefused
from streamhooks.in_flight.gate import Gate
from streamhooks.in_flight.progress import Settled
from streamhooks.in_flight.tracker import Tracker
from streamhooks.kafka.outbox import Outbox
from streamhooks.kafka.publisher import Published
from streamhooks.kafka.reader import Record
from streamhooks.records.firing import Attempt, Firing

TP, OTHER = ("firings", 3), ("firings", 4)
HOOKS = [f"{number:032x}" for number in range(WRITTEN_AT_ONCE)]


class Table:
    """A table whose writes are confirmed when the test says so."""

    def __init__(self) -> None:
        self.data: dict[tuple[str, object], list[int]] = {}
        self._new: dict[object, Future[None]] = {}
        self._waiting: list[Future[None]] = []
        self.make: Callable[[], Future[Any]] = Future

    def __setitem__(self, key: tuple[str, object], cell: list[int]) -> None:
        self.data[key] = list(cell)
        self._new[key] = self.make()
        self._waiting.append(self._new[key])

    def __getitem__(self, key: tuple[str, object]) -> list[int]:
        return self.data[key]

    def __len__(self) -> int:
        return len(self.data)

    def cells(self, text: str, ranges: list[tuple[float, float]]) -> list[list[int] | None]:
        return [self.data.get((text, window)) for window in ranges]

    def expire(self, _now: float) -> int:
        return 0

    def unconfirmed(self) -> dict[object, Future[None]]:
        found, self._new = self._new, {}
        return found

    def confirm(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            future.set_result(None)


class Stage:
    """The counting of two partitions, from offset 0 on."""

    def __init__(self) -> None:
        self.lease = True
        self.tables = {rollup: Table() for rollup in ROLLUPS}
        self.tracker = Tracker()
        self.offsets: dict[tuple[str, int], int] = {}
        self.log: dict[int, Record] = {}

        async def read(_topic: str, _partition: int, start: int, end: int) -> list[Record]:
            return [self.log[offset] for offset in range(start, end) if offset in self.log]

        gate = Gate(lambda: self.lease)
        for reason in gate.reasons:
            gate.open(reason)
        self.counting = Counting(self.tables, self.tracker, gate, read, lambda *_: None, lambda: 9.0)
        self.take_over()

    def take_over(self) -> None:
        self.offsets = {tp: self.settled(tp) for tp in (TP, OTHER)}
        for tp, offset in self.offsets.items():
            self.tracker.assign(tp, offset, Settled(offset))
        self.counting.take_over(self.offsets)

    def settled(self, tp: tuple[str, int] = TP) -> int:
        return self.tracker.floors().get(tp, 0)

    @property
    def written(self) -> int:
        return sum(map(len, self.tables.values()))

    async def count(self, hooks: list[str], tp: tuple[str, int] = TP) -> None:
        for hook in hooks:
            offset = self.offsets[tp]
            firing = Firing(hook, (Attempt(f"msg_{tp[1]}_{offset}", 1, 5, "delivered"),))
            await self.counting._take_up(Record(*tp, offset, 0, None, firing.to_json()))
            self.offsets[tp] += 1

    async def begun_flush(self) -> asyncio.Task[None]:
        """A flush of all hooks that has written the first cells."""
        await self.count(HOOKS)
        flush = asyncio.create_task(self.counting.flush())
        await self.turns(1)
        assert self.written == WRITTEN_AT_ONCE
        return flush

    async def flush(self) -> None:
        flush = asyncio.create_task(self.counting.flush())
        await self.turns()
        self.confirm()
        await flush

    async def turns(self, number: int = 20) -> None:
        for _ in range(number):
            await asyncio.sleep(0)

    def confirm(self, rollups: slice = slice(None)) -> None:
        for rollup in ROLLUPS[rollups]:
            self.tables[rollup].confirm()


async def test_a_second_flush_settles_nothing_whose_confirmation_the_first_waits_for() -> None:
    stage = Stage()
    await stage.count(HOOKS[:1])
    first = asyncio.create_task(stage.counting.flush())
    await stage.turns()
    await stage.count(HOOKS[1:2], OTHER)
    second = asyncio.create_task(stage.counting.flush())  # a rebalance's
    await stage.turns()
    for number in (0, 2):
        stage.confirm(slice(number, number + 1))
        await stage.turns()
    assert (stage.settled(), stage.settled(OTHER)) == (0, 0)
    stage.confirm()
    await first
    await stage.turns()
    stage.confirm()
    await second
    assert (stage.settled(), stage.settled(OTHER)) == (1, 1)


async def test_others_get_a_turn_while_many_cells_are_written() -> None:
    stage = Stage()
    await stage.count(HOOKS)
    flush = asyncio.create_task(stage.counting.flush())
    seen = set()
    while stage.written < len(ROLLUPS) * len(HOOKS):
        seen.add(stage.written)
        await asyncio.sleep(0)
    assert seen >= {WRITTEN_AT_ONCE, 2 * WRITTEN_AT_ONCE}
    stage.confirm()
    await flush
    assert stage.settled() == len(HOOKS)


async def test_without_the_lease_nothing_more_is_written_and_with_it_again_all_is_settled() -> None:
    stage = Stage()
    flush = await stage.begun_flush()
    stage.lease = False
    await flush
    assert (stage.written, stage.settled()) == (WRITTEN_AT_ONCE, 0)
    stage.confirm()
    assert stage.settled() == 0
    stage.lease = True
    await stage.flush()
    assert stage.written == len(ROLLUPS) * len(HOOKS)
    assert stage.settled() == len(HOOKS)


async def test_what_is_counted_after_a_partition_came_back_during_a_flush_is_not_dropped() -> None:
    stage = Stage()
    flush = await stage.begun_flush()
    stage.tracker.revoke([TP, OTHER])
    stage.take_over()
    await stage.count(HOOKS)
    await flush
    await stage.flush()
    assert stage.settled() == len(HOOKS)
    for table in stage.tables.values():
        assert {hook: cell[0] for (hook, _), cell in table.data.items()} == dict.fromkeys(HOOKS, 1)


async def test_nothing_is_settled_whose_cells_the_broker_does_not_take_now() -> None:
    stage = Stage()
    is_refused = True

    class Broker:
        def publish(self, topic: str, _value: bytes | None, **options: Any) -> Future[Published]:
            future: Future[Published] = Future()
            error = WriteRefused("Broker: Topic authorization failed")
            if is_refused and "on_refused" in options:
                options["on_refused"](future, error)
            elif is_refused:
                future.set_exception(error)
            else:
                future.set_result(Published(topic, 0, 0))
            return future

        def oldest_unconfirmed(self) -> float:
            return 0.0

    outbox = Outbox(Broker(), asyncio.get_running_loop())  # type: ignore[arg-type]
    for table in stage.tables.values():
        table.make = lambda: outbox.publish_soon("changelog", b"1")
    await stage.count(HOOKS[:3])
    flush = asyncio.create_task(stage.counting.flush())
    await stage.turns(200)
    assert outbox.troubles
    assert (stage.settled(), flush.done()) == (0, False)
    is_refused = False
    await asyncio.wait_for(flush, 10)
    assert stage.settled() == 3


async def test_cells_that_were_not_taken_are_not_written_over_those_of_the_next_owner() -> None:
    stage = Stage()
    await stage.count(HOOKS[:1])
    flush = asyncio.create_task(stage.counting.flush())
    await stage.turns()
    futures = [future for table in stage.tables.values() for future in table._waiting]
    stage.tracker.revoke([TP, OTHER])
    stage.take_over()
    await asyncio.wait_for(flush, 5)
    assert all(future.cancelled() for future in futures)
    assert stage.settled() == 0


async def test_a_dead_producer_settles_nothing() -> None:
    stage = Stage()
    dead: Future[None] = Future()
    dead.set_exception(ProducerDead("fenced"))
    for table in stage.tables.values():
        table.make = lambda: dead
    await stage.count(HOOKS[:1])
    with pytest.raises(ProducerDead):
        await stage.counting.flush()
    assert stage.settled() == 0


async def test_what_a_rebalance_dropped_counts_when_its_partition_begins_late() -> None:
    """The broker does not say at once where the log of a partition is, so it begins some seconds after the others."""
    stage = Stage()
    await stage.count(HOOKS[:3])
    stage.tracker.revoke([TP, OTHER])
    stage.counting.take_over({})
    await stage.turns()
    for tp in (TP, OTHER):
        stage.tracker.assign(tp, 0, Settled(0))
        stage.counting.begin_anew(tp, 0)
    stage.offsets[TP] = 0
    await stage.count(HOOKS[:3])
    await stage.flush()
    assert stage.settled() == 3
    for table in stage.tables.values():
        assert {hook: cell[0] for (hook, _), cell in table.data.items()} == dict.fromkeys(HOOKS[:3], 1)


async def test_a_record_is_not_left_out_when_the_lease_lapses_for_a_moment() -> None:
    stage = Stage()
    answers = [True, False]
    gate = Gate(lambda: answers.pop(0) if answers else True)
    for reason in gate.reasons:
        gate.open(reason)
    stage.counting._gate = gate
    for offset, hook in enumerate(HOOKS[:2]):
        firing = Firing(hook, (Attempt(f"msg_{offset}", 1, 5, "delivered"),))
        stage.log[offset] = Record(*TP, offset, 0, None, firing.to_json())
    for record in stage.log.values():
        answers[:] = [True, False]
        await stage.counting._take_up(record)
    answers.clear()
    await stage.flush()
    assert stage.settled() == 2
    for table in stage.tables.values():
        assert {hook: cell[0] for (hook, _), cell in table.data.items()} == dict.fromkeys(HOOKS[:2], 1)


async def test_what_waited_for_a_lease_and_was_lost_to_a_rebalance_counts_when_it_comes_again() -> None:
    stage = Stage()
    await stage.count(HOOKS[:3])
    stage.lease = False
    for _ in range(2):
        await stage.counting.flush()
    stage.lease = True
    stage.take_over()
    await stage.count(HOOKS[:3])
    await stage.flush()
    assert (stage.settled(), stage.written) == (3, 9)
    assert all(cell[0] == 1 for table in stage.tables.values() for cell in table.data.values())
