"""Both runners as the scheduler sees them: whether a pending call may start, and when to look again."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from support.runs import HOOK, Owner, World, sends

from streamhooks.tasks.call import Call
from streamhooks.tasks.lanes import BUILT_IN, HookLane, TaskLane
from streamhooks.tasks.places import AT_ONCE

LANES = {"hook": HookLane(HOOK.id), "built-in": BUILT_IN, "of users": TaskLane("shop.t")}
TASKS = {"hook": "streamhooks.t", "built-in": "streamhooks.note", "of users": "shop.t"}


def world() -> World:
    made = World(bound=1, again=100)

    async def ends():
        """Do nothing."""

    made.delivery(sends(200), TASKS["hook"])
    made.task(ends, TASKS["built-in"])
    made.task(ends, TASKS["of users"])
    return made


def pending(lane: str, size: int = 0) -> Call:
    return Call("c1", TASKS[lane], 0, 0, hook_id=HOOK.id if lane == "hook" else None, stored=True, size=size)


@pytest.mark.parametrize("lane", LANES)
async def test_who_waits_for_room_is_told_when_there_is_some(lane: str) -> None:
    for size in (0, 90):
        made, owner = world(), Owner()
        found: list[tuple[bool, bool]] = []
        made.bulkheads.on_free = lambda made=made, found=found: found.append(
            (made.runners.has_room(LANES[lane], 0), made.runners.has_room(LANES[lane], 90))
        )
        if lane == "hook":
            assert made.runners.enter(LANES[lane])
            assert not made.runners.enter(LANES[lane])
        made.runners.start_pending(pending(lane, size), owner)
        assert made.runners.has_room(LANES[lane], 0) is (lane != "hook")
        assert made.runners.has_room(LANES[lane], 90) is (lane != "hook" and not size)
        await asyncio.wait_for(owner.ended.wait(), 5)
        await made.runs.idle(5)
        # The places come back first, and the room for the bytes when what the run left behind is written.
        assert found[-1] == (True, True)
        assert len(found) == (2 if size else 1)


async def test_each_lane_of_tasks_has_room_of_its_own() -> None:
    made = world()
    made.gate.close("rebalance")
    made.tasks["shop.t"] = replace(made.tasks["shop.t"], max_running=AT_ONCE)
    lanes = (LANES["of users"], TaskLane("shop.other"), BUILT_IN)
    for _ in range(AT_ONCE):
        assert made.runners.has_room(LANES["of users"], 0)
        made.runners.start_pending(pending("of users"), Owner())
    assert [made.runners.has_room(lane, 0) for lane in lanes] == [False, False, True]
    made.runs.cancel()
    assert await made.runs.idle(5)
    assert [made.runners.has_room(lane, 0) for lane in lanes] == [True, True, True]


@pytest.mark.parametrize("answer", [TimeoutError(), False])
async def test_a_probe_whose_arguments_can_not_be_read_is_no_probe(answer: object) -> None:
    made, owner, told = world(), Owner(), []
    made.restraints.unsent = told.append
    made.answers = [answer]
    call = pending("hook", 90)
    call.kept_at = 7
    assert made.runners.enter(LANES["hook"])
    made.runners.start_pending(call, owner)
    await asyncio.wait_for(owner.ended.wait(), 5)
    await made.runs.idle(5)
    assert told == [HOOK.id]
    assert len(made.outputs.dead) == (answer is False)
    assert made.bulkheads.in_flight(HOOK.id) == 0
