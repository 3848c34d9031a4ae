"""Due calls of very many hooks wait: who looks for the next call to start must not visit them all."""

from __future__ import annotations

import asyncio

import pytest
from support.runs import World, pending_call, scheduling

from streamhooks.delayed.entries import Entry
from streamhooks.delayed.queues import Queues
from streamhooks.delayed.scheduler import LONGEST_SLEEP, LOOKS
from streamhooks.tasks.lanes import HookLane, Lane
from streamhooks.times import steady


def entry(number: int, hook: str) -> Entry:
    return Entry(f"c{number}", 0, 1, 0, 0, hook, b"", task="streamhooks.deliver")


def queued(*hooks: str) -> Queues:
    queues = Queues()
    for number, hook in enumerate(hooks):
        queues.add(entry(number, hook))
    return queues


def test_a_held_lane_has_no_turn_before_its_time() -> None:
    queues = queued("a", "b")
    queues.hold(HookLane("a"), 10.0)
    assert queues.next_hook() == HookLane("b")
    queues.hold(HookLane("b"), 20.0)
    queues.let_go(9.0, 5)
    assert (queues.next_hook(), queues.next_end, queues.held) == (None, 10.0, 2)
    queues.let_go(10.0, 5)
    assert (queues.next_hook(), queues.next_end, queues.held) == (HookLane("a"), 20.0, 1)


def test_a_free_place_wakes_nobody_for_held_lanes() -> None:
    queues = queued("a")
    queues.hold(HookLane("a"), 10.0)
    queues.changed.clear()
    queues.tell_of_room()
    assert not queues.changed.is_set()
    queues.let_go(10.0, 5)
    queues.tell_of_room()
    assert queues.changed.is_set()


def test_a_call_of_a_held_lane_waits_behind_those_before_it() -> None:
    queues = queued("a")
    queues.hold(HookLane("a"), 10.0)
    queues.add(entry(7, "a"))
    assert (queues.next_hook(), queues.waiting("a")) == (None, 2)
    queues.let_go(10.0, 5)
    assert [queues.take(HookLane("a")).id for _ in range(2)] == ["c0", "c7"]
    assert queues.next_hook() is None


def test_only_so_many_lanes_have_turns_again_at_once() -> None:
    queues = queued("a", "b", "c")
    for hook in "abc":
        queues.hold(HookLane(hook), 10.0)
    queues.let_go(11.0, 2)
    assert (queues.held, queues.next_end) == (1, 10.0)


def test_lanes_that_were_set_aside_have_the_first_turns() -> None:
    queues = queued("a", "b", "c")
    lanes = [HookLane("a"), HookLane("b")]
    for lane in lanes:
        queues.set_aside(lane)
    assert queues.next_hook() == HookLane("c")
    queues.put_back(lanes)
    order = []
    while (lane := queues.next_hook()) is not None:
        order.append(queues.take(lane).hook_id)
    assert order == ["a", "b", "c"]


async def test_without_a_free_place_no_lane_is_visited(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    visited: list[Lane] = []
    has_room = world.runners.has_room

    def counting(lane: Lane, size: int) -> bool:
        visited.append(lane)
        return has_room(lane, size)

    monkeypatch.setattr(world.runners, "has_room", counting)
    others = []
    while world.bulkheads.has_places_again:
        others.append(str(len(others)))
        assert world.bulkheads.enter_again(others[-1])
    records = [pending_call(number, "streamhooks.deliver", f"{number:032x}") for number in range(300)]
    async with scheduling(world, *records):
        while world.queues.next_hook() is None:  # noqa: ASYNC110 - no event reports it
            await asyncio.sleep(0)
        for _ in range(20):
            world.queues.changed.set()
            await asyncio.sleep(0)
        assert visited == []
        world.bulkheads.leave_again(others[0], 0.0)
        while not visited:  # noqa: ASYNC110 - no event reports it
            await asyncio.sleep(0)


async def test_the_more_hooks_may_not_be_called_the_less_often_they_are_looked_at() -> None:
    world = World()
    async with scheduling(world) as scheduler:
        soon = scheduler._look_again(None) - steady()
        assert soon == pytest.approx(LONGEST_SLEEP, abs=0.2)
        world.queues._held = dict.fromkeys(map(HookLane, map(str, range(10 * LOOKS))))
        assert scheduler._look_again(None) - steady() == pytest.approx(10, abs=0.2)
        assert scheduler._look_again(0.25) - steady() == pytest.approx(0.25, abs=0.2)
        world.queues._held = {}
