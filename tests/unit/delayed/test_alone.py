"""Calls that end their process: they are found out, and their neighbours are not blamed."""

from __future__ import annotations

import asyncio
import random

import pytest
from support.lives import Fleet, hangs, lives, poison, quick
from support.runs import HOOK, NOW, attempted, scheduling

from streamhooks.delayed.alone import ALONE_FOR
from streamhooks.delayed.owner_marks import OWNER, key_of, mark_of
from streamhooks.kafka.reader import Record
from streamhooks.records.call import DelayedCall
from streamhooks.records.formats import decode
from streamhooks.records.weight import LARGE
from streamhooks.tasks.lanes import TaskLane
from streamhooks.tasks.places import AT_ONCE
from streamhooks.tasks.runner import MOST_STARTS


async def test_a_call_that_ends_its_process_is_dead_after_three_starts_alone() -> None:
    fleet = Fleet({"shop.poison": poison} | {f"shop.t{n}": quick for n in range(20)})
    fleet.call(0, "shop.poison")
    for number in range(20):
        fleet.call(number + 1, f"shop.t{number}")
    assert await lives(fleet) == 1 + MOST_STARTS
    assert list(fleet.dead) == ["c0"]
    assert fleet.dead["c0"].startswith("3 runs of it, each of them alone, ended the process of their worker")
    assert len(fleet.beside[0]) > 1  # at first they ran side by side
    assert fleet.beside[1:] == [{"shop.poison"}] * MOST_STARTS
    assert fleet.marks("c0") == [0, 1, 2, 3]
    # Its neighbours ran beside it once, and then in the end.
    assert all(1 <= fleet.runs[f"shop.t{number}"] <= 2 for number in range(20))


async def test_a_suspected_call_of_an_unknown_task_holds_up_nobody_and_gets_no_mark() -> None:
    fleet = Fleet({"shop.poison": poison, "shop.t": quick})
    for number, task in enumerate(("shop.poison", "shop.gone", "shop.t")):
        fleet.call(number, task)
    assert await fleet.live(until=lambda: not fleet.open & {"c0", "c2"}) is False
    fleet.tasks["shop.poison"] = quick
    assert await fleet.live(until=lambda: fleet.open == {"c1"})
    assert fleet.world.alone.is_on is False
    assert fleet.marks("c1") == [0]
    assert fleet.marks("c0") == [0, 1]


async def test_ordinary_runs_write_nothing_more() -> None:
    fleet = Fleet({f"shop.t{n}": quick for n in range(20)})
    for number in range(20):
        fleet.call(number, f"shop.t{number}")
    assert await fleet.live()
    of_calls = [record for record in fleet.log if not record.key.decode().startswith(OWNER)]
    assert len(of_calls) == 40


async def test_what_hangs_alone_holds_up_others_only_for_a_while_and_loses_its_mark() -> None:
    fleet = Fleet({"shop.hangs": hangs, "shop.poison": poison, "shop.t": quick})
    fleet.call(0, "shop.poison")
    fleet.call(1, "shop.hangs")
    assert not await fleet.live()
    fleet.tasks["shop.poison"] = quick
    fleet.call(2, "shop.t")
    world = None

    def is_done() -> bool:
        nonlocal world
        world = fleet.world
        if "shop.hangs" in fleet.running:
            world.queues.changed.set()
            world.steady.now += ALONE_FOR / 4
        return fleet.open == {"c1"}

    assert await fleet.live(until=is_done)
    assert fleet.marks("c1") == [0, 1, 0]
    assert fleet.dead == {}


async def test_a_call_that_is_suspected_most_runs_first_when_nothing_else_has_started() -> None:
    ran = []

    async def tell(_fleet: Fleet) -> None:
        ran.append(len(ran))

    fleet = Fleet({"shop.a": tell, "shop.b": quick})
    for number in range(5):
        fleet.call(number, "shop.b")
    for number in range(5, 10):
        fleet.call(number, "shop.a")
    blamed = DelayedCall("blamed", "shop.a", 1, int(NOW * 1000), 0, "countdown", starts=2)
    fleet.log.append(Record("delayed", 0, 10, 0, b"blamed", blamed.to_json()))
    fleet.log.append(Record("delayed", 0, 11, 0, key_of(0).encode(), mark_of(0, "somebody", 1)))
    assert await fleet.live()
    starts = [one.key for one in fleet.log[12:] if one.value is not None and not one.key.decode().startswith(OWNER)]
    assert starts[0] == b"blamed"
    # The tasks take turns.
    assert {key.decode() for key in starts[1:3]} == {"c0", "c5"}


async def test_calls_that_hang_do_not_keep_the_others_alone_for_ever() -> None:
    fleet = Fleet({"shop.hangs": hangs, "shop.t": quick})
    for number in range(AT_ONCE + 1):
        fleet.call(number, "shop.hangs")
    fleet.log.append(Record("delayed", 0, 300, 0, key_of(0).encode(), mark_of(0, "somebody", 1)))
    fleet.call(301, "shop.t")

    def is_done() -> bool:
        fleet.world.queues.changed.set()
        fleet.world.steady.now += ALONE_FOR / 4
        is_full = not fleet.world.runners.has_room(TaskLane("shop.hangs"), 0)
        return is_full and "c301" not in fleet.open and not fleet.world.alone.is_on

    assert await fleet.live(until=is_done)
    assert fleet.runs["shop.hangs"] == AT_ONCE // 2


async def test_of_a_long_queue_only_as_many_run_alone_as_had_places() -> None:
    fleet = Fleet({"shop.t": quick})
    for number in range(3 * AT_ONCE):
        fleet.call(number, "shop.t")
    fleet.log.append(Record("delayed", 0, 9999, 0, key_of(0).encode(), mark_of(0, "somebody", 1)))
    assert await fleet.live()
    alone = [number for number in range(3 * AT_ONCE) if fleet.marks(f"c{number}") == [0, 1]]
    assert alone == list(range(AT_ONCE))


async def test_the_start_mark_of_a_large_call_has_its_arguments() -> None:
    fleet = Fleet({})
    large = DelayedCall("large", "shop.large", 1, int(NOW * 1000), 0, "countdown", ["x" * LARGE])
    fleet.log.append(Record("delayed", 0, 0, 0, b"large", large.to_json()))
    fleet.log.append(Record("delayed", 0, 1, 0, key_of(0).encode(), mark_of(0, "somebody", 1)))
    world, started = fleet.new_world(), asyncio.Event()

    async def takes(_text: str) -> None:
        started.set()
        await asyncio.Event().wait()

    world.task(takes, "shop.large")
    async with scheduling(world, *fleet.log, has_tasks=True) as scheduler:
        await asyncio.wait_for(started.wait(), 10)
        entry = scheduler._pending.get(0, "large")
        assert (entry.starts, entry.offset > 1, len(entry.value) < LARGE) == (1, True, True)
    assert fleet.marks("large") == [0, 1]
    assert {decode(DelayedCall, one.value).args[0] for one in fleet.log if one.key == b"large"} == {"x" * LARGE}


async def test_who_lost_its_partitions_takes_back_no_mark_in_them() -> None:
    fleet = Fleet({"shop.hangs": hangs})
    fleet.call(0, "shop.hangs")
    fleet.log.append(Record("delayed", 0, 1, 0, key_of(0).encode(), mark_of(0, "somebody", 1)))
    world = fleet.new_world()
    async with scheduling(world, *fleet.log, has_tasks=True) as scheduler, asyncio.timeout(10):
        while "shop.hangs" not in fleet.running:  # noqa: ASYNC110
            await asyncio.sleep(0)
        scheduler.release([0])
        await world.takeovers.leave()
    assert fleet.marks("c0") == [0, 1]


async def test_a_run_whose_end_is_not_confirmed_is_not_blamed_for_what_the_next_one_does() -> None:
    fleet = Fleet({"shop.a": quick, "shop.b": poison})
    for number, task in enumerate(("shop.a", "shop.b")):
        fleet.call(number, task)
    fleet.log.append(Record("delayed", 0, 2, 0, key_of(0).encode(), mark_of(0, "somebody", 1)))
    world, confirms = fleet.new_world(), asyncio.Event()
    settle = world.outputs.settle

    async def slow(call):
        await confirms.wait()
        await settle(call)

    world.outputs.settle = slow
    async with scheduling(world, *fleet.log, has_tasks=True), asyncio.timeout(10):
        while fleet.marks("c1") != [0, 1]:  # noqa: ASYNC110
            await asyncio.sleep(0)
        for _ in range(20):
            world.queues.changed.set()
            await asyncio.sleep(0)
        assert (fleet.runs["shop.a"], fleet.runs["shop.b"]) == (1, 0)
        confirms.set()
        await fleet.killed.wait()
    assert fleet.open == {"c1"}


async def test_a_run_that_ends_when_its_mark_is_taken_back_stays_ended() -> None:
    fleet, ends = Fleet({}), asyncio.Event()

    async def takes_long(_fleet: Fleet) -> None:
        await ends.wait()

    fleet.tasks["shop.long"] = takes_long
    fleet.call(0, "shop.long")
    fleet.log.append(Record("delayed", 0, 1, 0, key_of(0).encode(), mark_of(0, "somebody", 1)))

    def is_done() -> bool:
        if "shop.long" in fleet.running and not ends.is_set():
            fleet.world.steady.now += ALONE_FOR
            fleet.world.alone.look()  # the mark is about to be written back
            ends.set()
        return "c0" not in fleet.open

    assert await fleet.live(until=is_done)
    assert fleet.marks("c0") == [0, 1, 0]
    assert fleet.log[-1].value is None


async def test_webhooks_and_our_own_tasks_go_on_beside() -> None:
    fleet = Fleet({"shop.hangs": hangs})
    fleet.call(0, "shop.hangs")
    fleet.log.append(Record("delayed", 0, 1, 0, key_of(0).encode(), mark_of(0, "somebody", 1)))
    world = fleet.new_world()
    sent, noted = asyncio.Event(), asyncio.Event()

    async def deliver(_call):
        sent.set()
        return attempted(200)

    async def note():
        noted.set()

    world.delivery(deliver, name="streamhooks.deliver")
    world.task(note, "streamhooks.note")
    fleet.call(2, "streamhooks.deliver", HOOK.id)
    fleet.call(3, "streamhooks.note")
    async with scheduling(world, *fleet.log, has_tasks=True), asyncio.timeout(10):
        while "shop.hangs" not in fleet.running:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await sent.wait()
        await noted.wait()
        assert world.alone.is_on


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_kills_only_that_is_blamed(seed: int) -> None:
    chosen = random.Random(seed)
    names = [f"shop.t{number}" for number in range(chosen.randint(2, 12))]
    bad = set(chosen.sample(names, chosen.randint(1, 2)))

    def takes(turns: int, kills: bool):
        async def body(fleet: Fleet) -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            if kills:
                fleet.kill()
                await asyncio.Event().wait()

        return body

    fleet = Fleet({name: takes(chosen.randint(0, 60), name in bad) for name in names})
    for number, name in enumerate(chosen.sample(names, len(names))):
        fleet.call(number, name)
    tasks = {one.key.decode(): decode(DelayedCall, one.value).task for one in fleet.log}
    await lives(fleet)
    assert {tasks[call] for call in fleet.dead} == bad
    assert all(fleet.runs[name] >= 1 for name in names)
