"""Records of `firings` are taken up and settled in runs."""

from __future__ import annotations

import asyncio
from collections import deque

from hypothesis import given
from hypothesis import strategies as st
from support.counting_workers import Table, only

from streamhooks.counting import runs
from streamhooks.counting.agent import Counting
from streamhooks.counting.rollups import ROLLUPS
from streamhooks.counting.runs import next_run
from streamhooks.in_flight.gate import Gate
from streamhooks.in_flight.progress import Settled
from streamhooks.in_flight.tracker import Ticket, Tracker
from streamhooks.kafka.lots import Lot, Sink
from streamhooks.kafka.reader import Record
from streamhooks.records.firing import Attempt, Firing

TP = ("firings", 0)
HOOK = "a" * 32


def record(offset: int, partition: int = 0, assignment: int = 1, value: bytes | None = b"") -> Record:
    return Record("firings", partition, offset, 0, None, value, assignment=assignment)


def firing(offset: int) -> bytes:
    return Firing(HOOK, (Attempt(f"msg_{offset}", 1, 5, "delivered"),)).to_json()


places = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([1, 1, 1, 2]), st.integers(0, 1)), max_size=150)


@given(places)
def test_the_runs_of_a_batch_are_the_batch_and_each_is_of_consecutive_records(steps):
    offsets, made = {0: 0, 1: 0}, []
    for partition, step, assignment in steps:
        offsets[partition] += step
        made.append(record(offsets[partition], partition, assignment))
    batch, found = deque(made), []
    while batch:
        run = next_run(batch)
        assert 0 < len(run) <= runs.MOST
        assert len({(one.partition, one.assignment) for one in run}) == 1
        assert [one.offset for one in run] == list(range(run[0].offset, run[0].offset + len(run)))
        found += run
    assert found == made


def test_a_run_has_about_so_many_bytes_at_most():
    size = runs.MOST_BYTES // 2
    batch = deque(record(offset, value=bytes(size)) for offset in range(5))
    assert [len(next_run(batch)) for _ in range(3)] == [2, 2, 1]


class Confirmed(Table):
    """A table whose changelog confirms all."""

    def write(self, limit: int, sink: Sink) -> list[Lot]:
        lots = super().write(limit, sink)
        for lot in lots:
            asyncio.get_running_loop().call_soon(lot.sink.confirmed, range(1))
        return lots


class Stage:
    def __init__(self) -> None:
        self.tracker, self.gate = Tracker(), Gate(lambda: True)
        self.gate.open("start")
        self.tracker.assign(TP, 0, Settled(0), 1)
        self.buried: list[tuple[int, Ticket]] = []
        self.log: list[Record] = []
        self.counting = Counting(
            {rollup: Confirmed([]) for rollup in ROLLUPS}, self.tracker, self.gate, self.read, self.bury
        )
        self.counting.take_over({TP: 0})

    async def read(self, _topic: str, _partition: int, start: int, end: int) -> list[Record]:
        return self.log[start:end]

    def bury(self, one: Record, _reason: str, ticket: Ticket) -> None:
        self.buried.append((one.offset, ticket))

    def counted(self) -> list[str]:
        return sorted(one["id"] for one in self.counting.latest.of_hook(HOOK))


async def test_a_broken_record_in_a_run_keeps_it_unsettled_until_it_is_buried():
    stage = Stage()
    values = [firing(0), b"broken", firing(2)]
    await stage.counting.follow(only(deque(record(offset, value=one) for offset, one in enumerate(values))))
    assert stage.counted() == ["msg_0", "msg_2"]
    await stage.counting.flush()
    assert stage.tracker.floors() == {TP: 0}
    ((offset, ticket),) = stage.buried
    assert offset == 1
    ticket.release()
    assert stage.tracker.floors() == {TP: 3}


async def test_a_run_that_overlaps_what_was_taken_up_or_leaves_a_hole_is_counted_once():
    stage = Stage()
    stage.log = [record(offset, value=firing(offset)) for offset in range(9)]
    for first, end in ((0, 3), (1, 5), (7, 9)):
        await stage.counting.follow(only(deque(stage.log[first:end])))
    assert stage.counted() == [f"msg_{offset}" for offset in range(9)]
    await stage.counting.flush()
    assert stage.tracker.floors() == {TP: 9}


async def test_the_records_of_an_assignment_that_is_over_are_left_out():
    stage = Stage()
    await stage.counting.follow(only(deque([record(0, assignment=0, value=firing(0))])))
    assert stage.counted() == []
    assert stage.tracker.in_flight == 0


async def test_others_run_between_the_runs_of_a_batch():
    stage, ran = Stage(), []

    async def turns() -> None:
        while True:
            ran.append(stage.tracker.expected(TP))
            await asyncio.sleep(0)

    others = asyncio.get_running_loop().create_task(turns())
    await stage.counting.follow(only(deque(record(offset, value=firing(offset)) for offset in range(400))))
    others.cancel()
    assert len(set(ran)) >= 4
