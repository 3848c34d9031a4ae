"""Two workers, whatever happens between them: in the end each attempt is counted once.

Simulates the logs, the group and two workers. Faults come in any order: rebalances, partitions that begin late, kills,
confirmations that come late or never, cancelled flushes, a lease that lapses, commits that do not arrive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from support.counting_workers import HOOKS, Kafka, Worker
from support.depth import examples


class World:
    def __init__(self) -> None:
        self.kafka = Kafka()
        self.workers = [Worker(self.kafka) for _ in range(2)]

    async def turns(self, number: int) -> None:
        for _ in range(number):
            await asyncio.sleep(0)

    def rebalance(self, owners: list[int], late: set[int], arrive: int) -> None:
        for worker in self.workers:
            worker.arrive(arrive, told=True)
            if worker.lease:
                worker.commit()
            worker.revoke()
        for number, worker in enumerate(self.workers):
            worker.lease = True
            worker.take_over({one for one, owner in enumerate(owners) if owner == number}, late)

    async def work(self, hook: str, ids: list[int], doings: list[str]) -> None:
        """Count what is there, and do some of what follows it."""
        self.kafka.fire(hook, ids)
        for worker in self.workers:
            await one(worker, "read", 6)
        for what in doings:
            for worker in self.workers:
                await one(worker, what, *([12] if what == "arrive" else []))
            await self.turns(8)

    async def kill(self, which: int, arrive: int) -> None:
        old = self.workers[which]
        old.arrive(arrive, told=False)
        await old.end()
        self.workers[which] = Worker(self.kafka)

    async def settle(self) -> None:
        """Let everything go well, and one worker count all."""
        for worker in self.workers:
            worker.arrive(1000, told=True)
        self.rebalance([0, 0], set(), 0)
        worker = self.workers[0]
        await self.turns(50)
        await worker.read(10_000)
        worker.flush()
        while worker.flushes or any(table.pending for table in worker.tables.values()):
            await self.turns(1)
            worker.arrive(1000, told=True)

    async def ended(self) -> None:
        for worker in self.workers:
            await worker.end()


owner = st.integers(0, 1)
number = st.sampled_from([0, 0, 0, 3, 12])
work = st.tuples(
    st.just("work"),
    st.sampled_from(HOOKS),
    st.lists(st.integers(0, 30), min_size=1, max_size=4),
    st.lists(st.sampled_from(["flush", "flush", "arrive", "commit", "turns", "lapse"]), max_size=5),
)
step = st.one_of(
    *(work,) * 5,
    st.tuples(st.just("fire"), st.sampled_from(HOOKS), st.lists(st.integers(0, 30), min_size=1, max_size=4)),
    st.tuples(st.just("read"), owner, st.integers(1, 6)),
    st.tuples(st.just("flush"), owner),
    st.tuples(st.just("cancel"), owner),
    st.tuples(st.just("arrive"), owner, number),
    st.tuples(st.just("commit"), owner),
    st.tuples(st.just("turns"), st.integers(1, 5)),
    st.tuples(st.just("rebalance"), st.lists(owner, min_size=2, max_size=2), st.sets(owner), number),
    st.tuples(st.just("late"), owner),
    *(st.tuples(st.just("kill"), owner, number, st.lists(owner, min_size=2, max_size=2), st.sets(owner)),) * 3,
    st.tuples(st.just("lapse"), owner),
)
plays = st.lists(step, min_size=8, max_size=30)


async def play(steps: list[tuple]) -> World:
    world = World()
    world.rebalance([0, 1], set(), 0)
    for what, *given_ in steps:
        match what:
            case "fire":
                world.kafka.fire(*given_)
            case "work":
                await world.work(*given_)
            case "turns":
                await world.turns(*given_)
            case "rebalance":
                world.rebalance(*given_)
            case "kill":
                await world.kill(*given_[:2])
                world.rebalance(*given_[2:], 0)
            case _:
                await one(world.workers[given_[0]], what, *given_[1:])
        await world.turns(1)
    await world.settle()
    # And what is in the changelogs is as much.
    world.workers[0].commit()
    await world.kill(0, 0)
    await world.settle()
    await world.ended()
    return world


async def one(worker: Worker, what: str, *given_: int) -> None:
    doings: dict[str, Callable[[], None]] = {
        "flush": worker.flush,
        "commit": worker.commit,
        "late": worker.begin_late,
        "turns": lambda: None,
        "cancel": lambda: [task.cancel() for task in worker.flushes] and None,
    }
    if what == "read":
        async with asyncio.timeout(5):
            worker.lease = True
            await worker.read(*given_)
    elif what == "arrive":
        worker.arrive(*given_, told=True)
    elif what == "lapse":
        worker.lease = False
    else:
        doings[what]()


@examples()
@given(plays)
def test_each_attempt_is_counted_once(steps: list[tuple]) -> None:
    world = asyncio.run(play(steps))
    made = {hook: len(ids) for hook, ids in world.kafka.made.items()}
    for rollup, table in world.workers[0].tables.items():
        counted = {hook: sum(cell[0] for (text, _), cell in table.now.items() if text == hook) for hook in HOOKS}
        assert counted == made, rollup.name
