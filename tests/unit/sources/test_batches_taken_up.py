"""A batch is taken up in one go, as far as nothing has to wait; where something has to, all behind it waits as well."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest
from test_intake import TP, World, message

from streamhooks.in_flight.tracker import Tracker
from streamhooks.kafka.reader import TURN
from streamhooks.tasks.call import Call


class Straight(World):
    """Calls named in `waits` have to wait until `may_go` is set; the others start straight."""

    def __init__(self, calls: int = 1, **rest) -> None:
        super().__init__(**rest)
        self.number_of_calls = calls
        self.straight: list[str] = []
        self.general: list[str] = []
        self.waits: set[str] = set()
        self.may_go = asyncio.Event()
        self.order: list[str] = []

    def calls_of(self, record, origin):
        super().calls_of(record, origin)
        return [Call(f"{record.offset}-{n}", "t", 0, 0, hook_id="h", source="s") for n in range(self.number_of_calls)]

    def start_straight(self, call, _owner):
        if call.id in self.waits:
            return False
        self.straight.append(call.id)
        self.order.append(call.id)
        return True

    async def start_held(self, call, owner):
        assert call.id in self.waits
        await self.may_go.wait()
        self.general.append(call.id)
        self.order.append(call.id)

    async def follow(self, *batches):
        async def given():
            for batch in batches:
                yield batch

        await self.intake.follow(given(), self.calls_of)


def batch(*offsets: int):
    return deque(message(offset) for offset in offsets)


async def test_a_batch_that_waits_for_nothing_is_taken_up_without_a_turn_of_the_loop():
    world, others = Straight(), []
    asyncio.get_running_loop().call_soon(others.append, 1)
    await world.follow(batch(0, 1, 2), batch(3))
    assert world.straight == ["0-0", "1-0", "2-0", "3-0"]
    assert others == []
    assert world.floor == 4  # nothing of it is held by a start


async def test_others_get_a_turn_after_so_many_records():
    world, others = Straight(), []
    asyncio.get_running_loop().call_soon(lambda: others.append(len(world.straight)))
    await world.follow(batch(*range(TURN + 1)))
    assert others == [TURN]
    assert world.floor == TURN + 1


async def test_a_call_that_has_to_wait_is_tried_once():
    world, tried = Straight(calls=2), []
    world.waits, straight = {"0-0", "0-1"}, world.start_straight
    world.may_go.set()

    def start_straight(call, owner):
        tried.append(call.id)
        return straight(call, owner)

    world.start_straight = start_straight
    await world.follow(batch(0))
    assert tried == world.general == ["0-0", "0-1"]


async def test_others_get_a_turn_after_so_many_calls_of_one_record():
    world, others = Straight(calls=2 * TURN + 1), []
    asyncio.get_running_loop().call_soon(lambda: others.append(len(world.straight)))
    await world.follow(batch(0))
    assert others == [2 * TURN]  # of those that need no waiting: one turn at once, and another
    assert len(world.straight) == 2 * TURN + 1
    assert world.floor == 1


async def test_a_call_that_has_to_wait_holds_up_what_is_behind_it_and_nothing_is_started_twice():
    world = Straight(calls=3)
    world.waits = {"1-1"}
    left = batch(0, 1, 2)
    following = asyncio.ensure_future(world.follow(left))
    for _ in range(3):
        await asyncio.sleep(0)
    assert world.order == ["0-0", "0-1", "0-2", "1-0"]
    assert [record.offset for record in left] == [2]
    assert world.floor == 1
    world.may_go.set()
    await following
    assert world.order == [f"{offset}-{number}" for offset in range(3) for number in range(3)]
    assert world.general == ["1-1"]
    assert world.floor == 3


async def test_what_a_rebalance_takes_back_from_a_batch_is_not_taken_up():
    world = Straight()
    world.waits = {"0-0"}
    left = batch(0, 1)
    following = asyncio.ensure_future(world.follow(left))
    await asyncio.sleep(0)
    left.clear()
    world.may_go.set()
    await following
    assert world.taken == [0]


async def test_a_batch_waits_for_room_record_by_record():
    world = Straight()
    world.tracker = world.intake._tracker = Tracker(most=1)
    world.tracker.assign(TP, 0, None)
    tickets = []
    straight = world.start_straight

    def held(call, owner):
        owner.hold()
        tickets.append(owner)
        return straight(call, owner)

    world.start_straight = held
    following = asyncio.ensure_future(world.follow(batch(0, 1, 2)))
    for offset in range(3):
        for _ in range(3):
            await asyncio.sleep(0)
        assert world.taken == list(range(offset + 1))
        tickets.pop().release()
    await following
    assert world.floor == 3


@pytest.mark.parametrize("when", ["straight", "waiting"])
async def test_a_defect_while_calls_start_concerns_one_record(when: str):
    world, insisted = Straight(), []
    world.insist = lambda key, *_: insisted.append(key)

    def fails(call, owner):
        if call.id != "0-0":
            return True
        if when == "straight":
            raise KeyError("a defect of ours")
        return False

    async def fails_later(_call, _owner):
        await asyncio.sleep(0)
        raise KeyError("a defect of ours")

    world.start_straight, world.start_held = fails, fails_later
    await world.follow(batch(0, 1))
    assert insisted == ["events:0:0"]
    assert world.taken == [0, 1]


async def test_a_hole_is_filled_before_what_is_behind_it():
    world = Straight(kafka=range(4))
    world.waits = {"1-0"}
    world.may_go.set()
    await world.follow(batch(0, 3))
    assert world.order == ["0-0", "1-0", "2-0", "3-0"]
    assert world.reads == [(1, 3)]
