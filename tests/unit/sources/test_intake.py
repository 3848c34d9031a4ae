"""Holes: what was not handed over is read again, what Kafka does not have is let go."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from streamhooks.errors import BrokenRecord
from streamhooks.in_flight import again
from streamhooks.in_flight.again import Again
from streamhooks.in_flight.progress import Settled
from streamhooks.in_flight.tracker import Tracker
from streamhooks.kafka import reader
from streamhooks.kafka.reader import Record
from streamhooks.metrics import HOLES
from streamhooks.sources.intake import Intake
from streamhooks.sources.origin import Origins

TP = ("events", 0)
TRACEPARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def message(offset: int, value: bytes | None = b"{}", headers=()) -> Record:
    return Record("events", 0, offset, 1500, b"k", value, headers)


class World:
    def __init__(self, start: int = 0, kafka=(), natural=()) -> None:
        self.tracker = Tracker()
        self.tracker.assign(TP, start, Settled(start))
        self.taken: list[int] = []
        self.buried: list[tuple[int, str]] = []
        self.reads: list[tuple[int, int]] = []
        self.kafka, self.natural = set(kafka), set(natural)
        self.origins: list = []
        self.intake = Intake(
            self.tracker,
            self,
            self,
            read_range=self.read,
            is_natural_hole=self.is_natural,
            origins=Origins(lambda: 9.0, 5),
        )

    async def read(self, topic, partition, start, end):
        self.reads.append((start, end))
        return [Record(topic, partition, n, 0, None, b"{}") for n in sorted(self.kafka) if start <= n < end]

    def is_natural(self, _tp, start, end):
        return (start, end) in self.natural

    def calls_of(self, record, origin):
        self.taken.append(record.offset)
        self.origins.append(origin)
        if record.value == b"broken":
            raise BrokenRecord("why")
        return []

    # what the intake needs of the runner and the outputs
    async def start_held(self, call, owner):
        owner.hold()
        await self.start(call, owner)

    def insist(self, _key, _owner, do, _give_up, after=None):
        if after is not None:
            raise after
        with contextlib.suppress(StopIteration):
            do().send(None)

    async def bury(self, record, reason):
        self.buried.append((record.offset, reason))

    async def hand_over(self, *offsets: int):
        for offset in offsets:
            await self.intake.take_up(message(offset), self.calls_of)

    @property
    def floor(self) -> int:
        return self.tracker._partitions[TP].floor


async def test_records_in_order_are_taken_up_once():
    world = World(start=5)
    await world.hand_over(5, 6, 6, 5, 7, 4)
    assert world.taken == [5, 6, 7]
    assert world.floor == 8
    assert world.reads == []


async def test_a_record_that_was_not_handed_over_is_read_again_and_counted():
    before = HOLES.labels("events")._value.get()
    world = World(kafka=range(10))
    await world.hand_over(0, 1, 4)
    assert world.taken == [0, 1, 2, 3, 4]
    assert world.reads == [(2, 4)]
    assert world.floor == 5
    assert HOLES.labels("events")._value.get() == before + 2


async def test_a_first_record_above_the_committed_offset_is_a_hole_too():
    world = World(start=1795, kafka=[1795, 1796])
    await world.hand_over(1796)
    assert world.taken == [1795, 1796]


async def test_a_hole_that_kafka_itself_has_is_let_go():
    world = World(kafka=[0, 3])
    await world.hand_over(0, 3)
    assert world.taken == [0, 3]
    assert world.floor == 4


async def test_what_the_fetcher_saw_is_not_read_again():
    world = World(natural=[(1, 3)])
    await world.hand_over(0, 3)
    assert world.reads == []
    assert world.floor == 4


async def test_a_hole_is_tried_until_kafka_answers():
    world = World(kafka=range(3))
    answers = [TimeoutError(), None]
    read = world.read

    async def unsteady(*args):
        error = answers.pop(0)
        if error is not None:
            raise error
        return await read(*args)

    world.intake._read_range = unsteady
    await world.hand_over(0, 2)
    assert world.taken == [0, 1, 2]


async def test_a_hole_of_many_bytes_is_read_bit_by_bit(monkeypatch):
    monkeypatch.setattr(reader, "SOME", 3)
    world = World(kafka=range(10))
    read = world.read

    async def some(*args):
        return (await read(*args))[:2]

    world.intake._read_range = some
    await world.hand_over(0, 8)
    assert world.taken == list(range(9))
    assert world.reads == [(1, 8), (3, 8), (5, 8), (7, 8)]


async def test_tombstones_are_skipped_and_broken_records_buried_with_their_offset():
    world = World()
    await world.intake.take_up(message(0, None), world.calls_of)
    await world.intake.take_up(message(1, b"broken"), world.calls_of)
    assert world.taken == [1]
    assert world.buried == [(1, "why")]
    assert world.floor == 2


async def test_the_origin_of_a_record():
    world = World()
    await world.intake.take_up(message(0, headers=(("traceparent", TRACEPARENT),)), world.calls_of)
    (origin,) = world.origins
    assert (origin.source, origin.partition, origin.created, origin.traceparent) == (
        "events:0:0",
        0,
        9000,
        TRACEPARENT.decode(),
    )
    assert origin.id.startswith("msg_")


@pytest.mark.parametrize(
    "value", [b"", b"00-1-2-01", TRACEPARENT + b"\r\nX-Other: 1", TRACEPARENT.upper(), b"\xff", None]
)
async def test_what_is_no_traceparent_goes_no_further(value) -> None:
    world = World()
    await world.intake.take_up(message(0, headers=[("traceparent", value)]), world.calls_of)
    (origin,) = world.origins
    assert origin.traceparent is None


async def test_a_record_that_fails_by_a_defect_of_ours_does_not_hold_up_the_others(monkeypatch):
    monkeypatch.setattr(again, "pause_after", lambda _: 0.0)
    world = World()
    real, failures, tasks = Again(), 3, []

    def insist(*args):
        tasks.append(asyncio.ensure_future(real.insist(*args)))

    def calls_of(record, origin):
        nonlocal failures
        if record.offset == 1 and failures:
            failures -= 1
            raise KeyError("a defect of ours")
        return world.calls_of(record, origin)

    world.insist = insist
    for offset in range(3):
        await world.intake.take_up(message(offset), calls_of)
    assert (world.taken, world.floor) == ([0, 2], 1)
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
    assert (world.taken, world.floor) == ([0, 2, 1], 3)


async def test_it_is_a_dead_letter_in_the_end(monkeypatch):
    monkeypatch.setattr(again, "pause_after", lambda _: 0.0)
    world = World()
    real = Again()
    tasks = []
    world.insist = lambda *args: tasks.append(asyncio.ensure_future(real.insist(*args)))

    def calls_of(record, origin):
        raise KeyError("a defect of ours")

    await world.intake.take_up(message(0), calls_of)
    while not tasks[0].done():
        await real.attempt("another", asyncio.sleep(0))
    assert (world.buried, world.floor) == ([(0, "internal error")], 1)
