"""Two workers, each of which may take itself for the owner of both partitions of a call, and move it."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from support.depth import examples
from support.fakes import Clock
from support.moved_calls import KEY, NOW, Log, marks, moving, record, turns

from streamhooks.delayed.entries import Entry
from streamhooks.delayed.pending import Pending
from streamhooks.delayed.upkeep import Upkeep
from streamhooks.kafka.reader import Record
from streamhooks.kafka.topics import Topics
from streamhooks.tasks.call import Call
from streamhooks.tasks.outputs import Outputs
from streamhooks.tasks.runs import has_them


class Worker:
    """Reads the two logs at its own pace, and does what an owner does with what it finds."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.start()

    def start(self) -> None:
        """Begin as a new process."""
        self.pending, self.read, self.doing = Pending(Clock(NOW)), {0: 0, 1: 0}, list[asyncio.Task[None]]()
        self.moving = moving(self.log, self.pending, clock=lambda: NOW + len(self.log.written))
        self.outputs = Outputs(self.log, Topics(""), lambda: NOW)
        self.upkeep = Upkeep(self.pending, self.outputs, self.log, "delayed", has_them, lambda: NOW)

    async def stop(self) -> None:
        """End as a process that is killed: what it has begun is written, what would come then is not."""
        for task in self.doing:
            task.cancel()
        await asyncio.gather(*self.doing, return_exceptions=True)

    def of(self, partition: int) -> list[Record]:
        return [one for one in self.log.written if one.partition == partition]

    def read_on(self, partition: int, most: int) -> None:
        records = self.of(partition)[self.read[partition] :][:most]
        for one in records:
            self.pending.apply(one)
        self.read[partition] += len(records)

    def heal(self) -> None:
        for partition in (0, 1):
            if self.read[partition] == len(self.of(partition)):  # as `is_ready` tells
                self.upkeep.heal(lambda number, ready=partition: number == ready)

    def idle(self, partition: int) -> Entry | None:
        entry = self.pending.get(partition, KEY)
        return entry if entry is not None and entry.state == "waiting" else None


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["whole move", "whole move", "read", "move", "confirm", "done", "retry", "heal", "restart"]),
        st.integers(0, 1),
        st.integers(0, 1),
        st.integers(1, 3),
    ),
    max_size=40,
)


class Play:
    """What happened, as steps say it."""

    def __init__(self) -> None:
        self.log = Log([record(0)], holds=True)
        self.workers = [Worker(self.log), Worker(self.log)]
        self.ran, self.is_done = list[int](), False

    async def step(self, what: str, worker: Worker, partition: int, amount: int) -> None:
        if what == "whole move":
            worker.read_on(partition, 100)
            await self.step("move", worker, partition, amount)
            for _ in range(4):
                await self.step("confirm", worker, partition, 100)
        elif what == "read":
            worker.read_on(partition, amount)
        elif what == "heal":
            worker.heal()
        elif what == "restart":
            await worker.stop()
            worker.start()
        elif what == "confirm":
            for waiting in [one for one in self.log.waiting if not one.is_set()][:amount]:
                waiting.set()
        elif (entry := worker.idle(partition)) is not None:
            self.act(what, worker, entry)
        await turns()

    def act(self, what: str, worker: Worker, entry: Entry) -> None:
        if what == "move":
            doing = worker.moving.move(entry, 1 - entry.partition)
        else:
            self.ran.append(entry.attempt)
            self.is_done |= what == "done"
            entry.state = "running"
            call = Call.from_record(entry.call(), entry.partition)
            if what == "done":
                doing = worker.outputs.settle(call)
            else:
                doing = worker.outputs.store(call, attempt=call.attempt + 1, due=6, reason="retry")
        worker.doing.append(asyncio.create_task(doing))

    async def found(self) -> dict[int, tuple[int, int]]:
        """Return what a new owner of both partitions finds in the end, and what compaction leaves as well."""
        for worker in self.workers:
            await worker.stop()
        self.log.holds = False
        before = -1
        while before < len(self.log.written):
            before = len(self.log.written)
            last = Worker(self.log)
            for partition in (0, 1):
                last.read_on(partition, before)
            last.heal()
            await turns()
        restarted = Pending(Clock(NOW))
        for partition in (0, 1):
            for one in last.of(partition)[-1:]:  # there is one key
                restarted.apply(one)
        assert marks(restarted) == marks(last.pending)
        return marks(restarted)


async def play(steps: list[tuple[str, int, int, int]]) -> tuple[Play, dict[int, tuple[int, int]]]:
    playing = Play()
    for what, number, partition, amount in steps:
        await playing.step(what, playing.workers[number], partition, amount)
    return playing, await playing.found()


@examples(400)
@given(STEPS)
def test_no_call_is_lost_and_none_runs_but_with_its_attempt(steps: list[tuple[str, int, int, int]]):
    played, found = asyncio.run(play(steps))
    assert played.is_done or found
    # An attempt runs after the one before it, and perhaps again.
    assert set(played.ran) == set(range(1, max(played.ran, default=0) + 1))


def test_a_move_whose_new_record_was_written_and_not_the_tombstone_runs_again_with_the_same_attempt():
    both = [("read", 0, 0, 1), ("move", 0, 0, 1), ("restart", 0, 0, 1), ("read", 1, 1, 1), ("done", 1, 1, 1)]
    played, found = asyncio.run(play(both))
    assert (played.ran, found) == ([1], {0: (1, 0)})
