"""When counted records are settled: all their cells confirmed, a bit written at a time, whatever comes between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, Message

from streamhooks.counting.agent import WRITTEN_AT_ONCE, Counting
from streamhooks.counting.rollups import ROLLUPS
from streamhooks.errors import ProducerDead, WriteRefused
from streamhooks.in_flight.gate import Gate
from streamhooks.in_flight.progress import Settled
from streamhooks.in_flight.tracker import Tracker
from streamhooks.kafka.lots import Lot, Plain, Sink
from streamhooks.kafka.outbox import Outbox
from streamhooks.kafka.publisher import Published
from streamhooks.kafka.reader import Record
from streamhooks.records.firing import Attempt, Firing

TP, OTHER = ("firings", 3), ("firings", 4)
HOOKS = [f"{number:032x}" for number in range(WRITTEN_AT_ONCE)]


class Table:
    """A table whose writes are confirmed when the test says so. `data` is the changelog, `cells_now` the memory."""

    def __init__(self) -> None:
        self.data: dict[tuple[str, object], list[int]] = {}
        self.cells_now: dict[tuple[str, object], list[int]] = {}
        self.changed: dict[tuple[str, object], None] = {}
        self.waiting: list[Lot] = []
        self.send: Callable[[Lot], None] = self.waiting.append

    def cell(self, key: tuple[str, object]) -> list[int] | None:
        found = self.cells_now.get(key)
        if found is not None:
            self.changed[key] = None
        return found

    def put(self, key: tuple[str, object], cell: list[int]) -> None:
        self.cells_now[key] = cell
        self.changed[key] = None

    def write(self, limit: int, sink: Sink) -> list[Lot]:
        keys = list(self.changed)[:limit]
        for key in keys:
            del self.changed[key]
            self.data[key] = list(self.cells_now[key])
        lots = [Lot("changelog", 3, [Plain(b"k", b"1")], sink) for _ in keys]
        for lot in lots:
            self.send(lot)
        return lots

    def __len__(self) -> int:
        return len(self.data)

    def cells(self, text: str, ranges: list[tuple[float, float]]) -> list[list[int] | None]:
        return [self.cells_now.get((text, window)) for window in ranges]

    def expire(self) -> int:
        return 0

    def confirm(self) -> None:
        waiting = list(self.waiting)
        self.waiting.clear()
        for lot in waiting:
            if not lot.is_dropped:
                lot.sink.confirmed(range(1))


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
            await self.counting._take_up([Record(*tp, offset, 0, None, firing.to_json())])
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
        def publish(self, topic: str, _value: bytes | None, **_options: Any) -> Future[Published]:
            future: Future[Published] = Future()
            if is_refused:
                future.set_exception(WriteRefused("Broker: Topic authorization failed"))
            else:
                future.set_result(Published(topic, 0, 0))
            return future

        def send(self, lot: Lot, told: Callable[[Lot], None]) -> None:
            lot.begin(1, lambda _error: WriteRefused("Broker: Topic authorization failed"), told)
            for record in lot.rest():
                message = Message(topic=lot.topic, partition=lot.partition, value=record.value, key=record.key)
                lot.delivered(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED) if is_refused else None, message)
            lot.close()

        def oldest_unconfirmed(self) -> float:
            return 0.0

    outbox = Outbox(Broker(), asyncio.get_running_loop())  # type: ignore[arg-type]
    for table in stage.tables.values():
        table.send = outbox.send
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
    lots = [lot for table in stage.tables.values() for lot in table.waiting]
    stage.tracker.revoke([TP, OTHER])
    stage.take_over()
    await asyncio.wait_for(flush, 5)
    assert [lot.is_dropped for lot in lots] == [True] * len(ROLLUPS)
    assert stage.settled() == 0


async def test_a_dead_producer_settles_nothing() -> None:
    stage = Stage()
    for table in stage.tables.values():
        table.send = lambda lot: lot.sink.failed(0, ProducerDead("fenced"))
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
        await stage.counting._take_up([record])
    answers.clear()
    await stage.flush()
    assert stage.settled() == 2
    for table in stage.tables.values():
        assert {hook: cell[0] for (hook, _), cell in table.data.items()} == dict.fromkeys(HOOKS[:2], 1)
