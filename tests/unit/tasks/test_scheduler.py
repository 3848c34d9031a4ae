"""The pending calls as they become due, with a real runner: one kind of them must not hold up another."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from test_runner import HOOK, NOW, World

from streamhooks.agents.delayed import Scheduler
from streamhooks.kafka.reader import Record
from streamhooks.records.call import DelayedCall
from streamhooks.tables.pending import Pending


def pending_call(number: int, task: str, hook_id: str | None = None) -> Record:
    call = DelayedCall(f"c{number}", task, 1, int(NOW * 1000) - 1000 + number, 0, "countdown", hook_id=hook_id)
    return Record("delayed", 0, number, 0, call.id.encode(), call.to_json())


@asynccontextmanager
async def scheduling(world: World, *records: Record, wait=lambda _hook_id: 0.0, clock=lambda: NOW):
    pending = Pending(lambda: NOW)
    scheduler = Scheduler(
        pending,
        world.runner,
        world.outputs,
        None,
        topic="delayed",
        gate=world.gate,
        bulkheads=world.runner._bulkheads,
        is_ready=lambda _partition: True,
        wait=wait,
        is_skipped=lambda _entry: False,
        on_broken=lambda _record, _reason: None,
        clock=clock,
    )
    scheduler.apply(list(records))
    running = asyncio.create_task(scheduler.run())
    try:
        yield scheduler
    finally:
        running.cancel()
        world.runner.cancel()


async def test_slow_tasks_of_users_hold_up_neither_deliveries_nor_our_own_tasks():
    world = World()
    hangs, ended = asyncio.Event(), asyncio.Event()
    ran: list[str] = []

    async def slow():
        await hangs.wait()

    async def deliver():
        ran.append("delivery")

    async def note():
        ran.append("note")
        ended.set()

    world.task(slow, name="shop.slow")
    world.task(deliver, name="streamhooks.deliver")
    world.task(note, name="streamhooks.note")
    records = [pending_call(number, "shop.slow") for number in range(300)]
    records += [pending_call(301, "streamhooks.deliver", HOOK.id), pending_call(302, "streamhooks.note")]
    async with scheduling(world, *records):
        await asyncio.wait_for(ended.wait(), 5)
        assert sorted(ran) == ["delivery", "note"]


async def test_all_calls_without_a_hook_run_in_the_end():
    world = World()
    ran = 0
    ended = asyncio.Event()

    async def quick():
        nonlocal ran
        await asyncio.sleep(0)
        ran += 1
        if ran == 1000:
            ended.set()

    world.task(quick, name="shop.quick")
    async with scheduling(world, *[pending_call(number, "shop.quick") for number in range(1000)]):
        await asyncio.wait_for(ended.wait(), 10)
    assert len(world.outputs.settled) >= 800


async def test_a_person_who_finds_no_place_takes_no_start_from_others():
    world = World(bound=1)
    asked = []
    world.gate.close("rebalance")  # the loop itself starts nothing
    async with scheduling(world, pending_call(1, "streamhooks.t", HOOK.id), wait=asked.append) as scheduler:
        world.gate.open("rebalance")
        assert world.runner._bulkheads.enter(HOOK.id)
        assert scheduler.retry_now(0, "c1")
    assert asked == []


async def test_a_clock_that_goes_back_holds_nothing_up_that_waits_for_its_turn():
    world = World()
    ended = asyncio.Event()
    now, asked = NOW, 0

    async def deliver():
        ended.set()

    def wait(_hook_id: str) -> float:
        nonlocal now, asked
        asked += 1
        now -= 3600.0  # while it waits
        return 0.05 if asked < 3 else 0.0

    world.task(deliver, name="streamhooks.deliver")
    call = DelayedCall("c1", "streamhooks.deliver", 1, int(NOW * 1000), 0, "overflow", hook_id=HOOK.id)
    record = Record("delayed", 0, 0, 0, b"c1", call.to_json())
    async with scheduling(world, record, wait=wait, clock=lambda: now):
        await asyncio.wait_for(ended.wait(), 10)
    assert asked == 3
