"""The places of tasks: what one of them takes, others do not miss."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from support.runs import World, pending_call, scheduling

from streamhooks.metrics import FREE_PLACES, RUNNING
from streamhooks.records.call import DelayedCall
from streamhooks.records.formats import decode
from streamhooks.tasks.lanes import BUILT_IN, TaskLane
from streamhooks.tasks.places import AT_ONCE, TaskPlaces


class Bound:
    def __init__(self, max_running: int | None = None) -> None:
        self.max_running = max_running


def taken_by(places: TaskPlaces, task: str) -> int:
    """Have a task take as many places as it gets."""
    lane, count = TaskLane(task), 0
    while places.has_room(lane):
        places.enter(lane, task)
        count += 1
    return count


def test_a_task_that_hangs_leaves_half_of_what_is_free() -> None:
    places = TaskPlaces({name: Bound() for name in "abcdefghij"}, lambda: None)
    assert [taken_by(places, name) for name in "abcdefgh"] == [100, 50, 25, 13, 6, 3, 2, 1]
    assert places.has_room(BUILT_IN)
    places.leave(TaskLane("a"), "a")
    assert places.has_room(TaskLane("i"))


@pytest.mark.parametrize("bound", [1, 7, 150, 1000])
def test_a_bound_of_its_own_takes_precedence(bound: int) -> None:
    places = TaskPlaces({"a": Bound(bound)}, lambda: None)
    assert taken_by(places, "a") == min(bound, AT_ONCE)


def test_the_gauges() -> None:
    places = TaskPlaces({"shop.gauged": Bound()}, lambda: None)
    lane = TaskLane("shop.gauged")
    places.enter(lane, "shop.gauged")
    places.enter(TaskLane("whatever came"), "whatever came")
    values = {(s.labels["of"]): s.value for metric in FREE_PLACES.collect() for s in metric.samples}
    assert values == {"users": AT_ONCE - 2, "built-in": AT_ONCE}
    running = {s.labels["task"]: s.value for metric in RUNNING.collect() for s in metric.samples}
    assert running["shop.gauged"] == running["unknown"] == 1
    assert "whatever came" not in running
    places.leave(lane, "shop.gauged")
    places.leave(TaskLane("whatever came"), "whatever came")


async def test_200_calls_that_hang_leave_room_for_another_task() -> None:
    world, ran, hanging = World(), asyncio.Event(), 0

    async def hangs() -> None:
        nonlocal hanging
        hanging += 1
        await asyncio.Event().wait()

    async def quick() -> None:
        ran.set()

    world.task(hangs, "shop.hangs")
    world.task(quick, "shop.quick")
    calls = [pending_call(number, "shop.hangs") for number in range(AT_ONCE)]
    async with scheduling(world, *calls):
        async with asyncio.timeout(10):
            while world.runners.has_room(TaskLane("shop.hangs"), 0):  # noqa: ASYNC110
                await asyncio.sleep(0)
        world.log.apply([pending_call(AT_ONCE, "shop.quick")])
        await asyncio.wait_for(ran.wait(), 10)
    assert hanging == AT_ONCE // 2


async def test_no_more_run_than_the_task_allows_and_all_run_in_the_end() -> None:
    world, most, ran, running = World(), 0, 0, 0
    ended = asyncio.Event()

    async def counted() -> None:
        nonlocal most, ran, running
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        running -= 1
        ran += 1
        if ran == 50:
            ended.set()

    world.tasks["shop.counted"] = replace(world.task(counted, "shop.counted"), max_running=3)
    calls = [pending_call(number, "shop.counted") for number in range(50)]
    assert decode(DelayedCall, calls[0].value).task == "shop.counted"
    async with scheduling(world, *calls):
        await asyncio.wait_for(ended.wait(), 10)
    assert most == 3
