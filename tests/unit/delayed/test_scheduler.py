"""The pending calls as they become due, with a real runner: one kind of them must not hold up another."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest
from support.runs import HOOK, NOW, World, pending_call, scheduling, sends

from streamhooks.delayed.entries import Entry
from streamhooks.delayed.scheduler import STARTED_AT_ONCE, TAKEN_AT_ONCE
from streamhooks.kafka.reader import Record
from streamhooks.records.call import DelayedCall
from streamhooks.records.weight import LARGE
from streamhooks.tasks.context import current
from streamhooks.tasks.lanes import TaskLane
from streamhooks.tasks.runner import AT_ONCE
from streamhooks.tasks.runs import GONE


async def test_slow_tasks_of_users_hold_up_neither_deliveries_nor_our_own_tasks():
    world = World()
    hangs, ended = asyncio.Event(), asyncio.Event()
    ran: list[str] = []

    async def slow():
        await hangs.wait()

    def note_run(what):
        ran.append(what)
        if len(ran) == 2:
            ended.set()

    async def deliver(_call):
        note_run("delivery")

    async def note():
        note_run("note")

    world.task(slow, name="shop.slow")
    world.delivery(deliver, name="streamhooks.deliver")
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


async def test_others_have_their_turns_while_very_many_calls_are_taken_up():
    many = 10 * TAKEN_AT_ONCE
    taken, seen = 0, [0]

    def may_run(_entry: Entry) -> bool:
        nonlocal taken
        taken += 1
        return True

    call = DelayedCall("", "streamhooks.t", 1, 0, 0, "resend", hook_id=HOOK.id, letter="0:1:2", redriven=1)
    calls = [replace(call, id=f"c{number}") for number in range(many)]
    records = [Record("delayed", 0, number, 0, one.id.encode(), one.to_json()) for number, one in enumerate(calls)]
    async with scheduling(World(), *records, wait=lambda _hook_id: None, may_run=may_run):
        while taken < many:
            await asyncio.sleep(0)
            seen.append(taken)
    assert max(after - before for before, after in pairwise(seen)) <= TAKEN_AT_ONCE


async def test_others_have_their_turns_while_many_calls_are_started():
    world = World()
    ran, seen, hangs = 0, [0], asyncio.Event()

    async def slow():
        nonlocal ran
        ran += 1
        await hangs.wait()

    world.task(slow, name="shop.slow")
    many = 4 * STARTED_AT_ONCE
    async with scheduling(world, *[pending_call(number, "shop.slow") for number in range(many)]):
        async with asyncio.timeout(10):
            while ran < many:
                await asyncio.sleep(0)
                seen.append(ran)
    assert max(after - before for before, after in pairwise(seen)) <= STARTED_AT_ONCE


async def test_a_person_who_finds_no_place_takes_no_start_from_others():
    world = World(bound=1)
    asked = []
    world.gate.close("rebalance")  # the loop itself starts nothing
    async with scheduling(world, pending_call(1, "streamhooks.t", HOOK.id), wait=asked.append) as scheduler:
        world.gate.open("rebalance")
        assert world.bulkheads.enter(HOOK.id)
        assert scheduler.retry_now(0, "c1")
    assert asked == []


async def test_a_call_of_a_task_that_a_person_wants_now_runs_before_its_time():
    world, ran = World(), asyncio.Event()

    async def body():
        ran.set()

    world.task(body, "shop.t")
    later = Record("delayed", 0, 1, 0, b"c1", DelayedCall("c1", "shop.t", 1, 10**13, 0, "countdown").to_json())
    async with scheduling(world, later) as scheduler:
        assert scheduler.retry_now(0, "c1")
        await asyncio.wait_for(ran.wait(), 30)


async def test_one_that_is_due_keeps_its_turn():
    world, order = World(), []
    room = AT_ONCE // 2  # for the calls of one task
    free, ended = asyncio.Event(), asyncio.Event()

    async def body(number=0):
        await free.wait()
        order.append(current().call.id)
        if len(order) == room + 3:
            ended.set()

    world.task(body, "shop.t")
    many = [pending_call(number, "shop.t") for number in range(room + 3)]
    async with scheduling(world, *many) as scheduler:
        while world.of_tasks.has_room(TaskLane("shop.t")):  # noqa: ASYNC110 - for turns of the loop
            await asyncio.sleep(0)
        assert scheduler.retry_now(0, f"c{room}")
        free.set()
        await asyncio.wait_for(ended.wait(), 30)
    assert order[-3:] == [f"c{number}" for number in range(room, room + 3)]


async def test_a_call_whose_tombstone_is_not_written_waits_again():
    world = World()
    for error in (RuntimeError("a defect of ours"), asyncio.CancelledError()):

        async def settle(_call, error=error):
            raise error

        world.outputs.settle = settle
        world.gate.close("rebalance")  # nothing runs meanwhile
        async with scheduling(world, pending_call(1, "streamhooks.t")) as scheduler:
            with pytest.raises(type(error)):
                await scheduler.drop(0, "c1")
            entry = scheduler._pending.get(0, "c1")
            assert entry.state == "waiting"
            assert entry.due > NOW * 1000


# --- large calls


def large_call(number: int, task: str = "streamhooks.t", attempt: int = 1) -> Record:
    call = DelayedCall(f"c{number}", task, attempt, int(NOW * 1000) - 1000 + number, 0, "retry", ["x" * LARGE])
    return Record("delayed", 0, number, 0, call.id.encode(), replace(call, hook_id=HOOK.id).to_json())


async def test_large_calls_are_read_when_they_run_and_only_so_many_bytes_at_once():
    world = World(bound=100, again=3 * LARGE - 1000)
    ended = asyncio.Event()
    at_once: list[int] = []
    running = ran = 0

    async def deliver(call):
        nonlocal running, ran
        assert call.args[0] == "x" * LARGE
        running += 1
        at_once.append(running)
        await asyncio.sleep(0)
        running -= 1
        ran += 1
        if ran == 10:
            ended.set()

    world.delivery(deliver)
    async with scheduling(world, *[large_call(number) for number in range(10)]):
        await asyncio.wait_for(ended.wait(), 5)
    assert sorted(world.read) == sorted(f"c{number}" for number in range(10))
    assert max(at_once) == 2


async def test_a_large_call_waits_as_long_as_kafka_does_not_answer():
    world = World()
    ended = asyncio.Event()

    async def deliver(_call):
        ended.set()

    world.delivery(deliver)
    world.answers = [TimeoutError(), TimeoutError(), True]
    async with scheduling(world, large_call(1)):
        await asyncio.wait_for(ended.wait(), 5)
        await world.runs.idle(5)
    assert world.outputs.dead == []
    assert world.bulkheads.in_flight(HOOK.id) == world.places.again.taken == 0


async def test_a_large_call_whose_arguments_are_gone_is_given_up():
    world = World()
    world.answers = [False]
    world.delivery(sends(200))
    async with scheduling(world, large_call(1)):
        await eventually(lambda: world.outputs.settled)
    assert [(call.id, reason) for call, reason, _ in world.outputs.dead] == [("c1", GONE)]


async def test_a_large_call_that_goes_away_while_it_is_read_does_not_run():
    world = World()
    world.delivery(sends(200))
    reading, read = asyncio.Event(), asyncio.Event()

    async def slowly(_call):
        reading.set()
        await read.wait()
        return False

    world.read_arguments = slowly
    async with scheduling(world, large_call(1)) as scheduler:
        await asyncio.wait_for(reading.wait(), 5)
        scheduler.release([0])
        read.set()
        await world.runs.idle(5)
    assert world.outputs.dead == world.outputs.settled == []


@pytest.mark.parametrize("answers", [[True], [TimeoutError(), True]])
async def test_a_large_call_that_the_log_lacks_is_written_with_its_arguments(answers):
    world = World()
    world.answers = answers
    world.gate.close("rebalance")
    async with scheduling(world, large_call(1, attempt=3)) as scheduler:
        scheduler._pending.begin_anew(0)
        scheduler._upkeep.heal(world.takeovers.is_ready)
        ((call, attempt, due, reason, _),) = await eventually(lambda: world.outputs.stored)
    assert (call.args, attempt, due, reason) == (["x" * LARGE], 3, int(NOW * 1000) - 999, "retry")


async def test_a_large_call_that_the_log_lacks_and_nobody_has_is_given_up():
    world = World()
    world.answers = [False]
    world.gate.close("rebalance")
    async with scheduling(world, large_call(1)) as scheduler:
        scheduler._pending.begin_anew(0)
        scheduler._upkeep.heal(world.takeovers.is_ready)
        await eventually(lambda: world.outputs.settled)
        await eventually(lambda: not len(scheduler._pending))
    assert [call.id for call, _, _ in world.outputs.dead] == ["c1"]


async def eventually(condition):
    async with asyncio.timeout(5):
        while not (found := condition()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return found


async def test_a_clock_that_goes_back_holds_nothing_up_that_waits_for_its_turn():
    world = World()
    ended = asyncio.Event()
    now, asked = NOW, 0

    async def deliver(_call):
        ended.set()

    def wait(_hook_id: str) -> float:
        nonlocal now, asked
        asked += 1
        now -= 3600.0  # while it waits
        return 0.05 if asked < 3 else 0.0

    world.delivery(deliver, name="streamhooks.deliver")
    call = DelayedCall("c1", "streamhooks.deliver", 1, int(NOW * 1000), 0, "overflow", hook_id=HOOK.id)
    record = Record("delayed", 0, 0, 0, b"c1", call.to_json())
    async with scheduling(world, record, wait=wait, clock=lambda: now):
        await asyncio.wait_for(ended.wait(), 10)
    assert asked == 3
