"""Deliveries that need no waiting go straight, and what is unusual does not."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from msgspec import structs
from support.runs import HOOK, NOW, Owner
from support.straight import DELIVERED, TASK, Straight, call

from streamhooks.metrics import HELD_BACK, IN_FLIGHT, QUEUE_SECONDS, TASK_SECONDS, tasks_of
from streamhooks.records.hook_state import HookState
from streamhooks.records.secret import SEALED
from streamhooks.tasks.call import Call
from streamhooks.tasks.task import Delivery


async def test_a_delivery_goes_out_and_is_settled_without_a_task():
    world, tasks = Straight(), asyncio.all_tasks()
    done = tasks_of(TASK, "done").number
    owner, exchange = world.begin()
    assert (exchange.body, exchange.headers["webhook-id"]) == (b"body", "w1")
    assert (world.bulkheads.in_flight(HOOK.id), world.bulkheads._room.taken, owner.holds) == (1, 1, 1)
    exchange.ended(DELIVERED)
    (attempt,) = world.firings.attempts
    assert (attempt.outcome, attempt.status, attempt.duration_ms, attempt.source) == ("delivered", 200, 7, "e:0:0")
    assert (owner.holds, world.bulkheads.in_flight(HOOK.id), world.bulkheads._room.taken) == (0, 0, 0)
    assert tasks_of(TASK, "done").number == done + 1
    assert asyncio.all_tasks() == tasks
    assert world.endpoint.posted == []


async def test_its_times_and_the_deliveries_in_flight_are_measured():
    world, name = Straight(), "streamhooks.measured"
    world.tasks[name] = replace(world.tasks[TASK], name=name)
    owner = Owner()
    assert world.deliveries.straight.start(structs.replace(call(), task=name), owner)
    assert [sum(one._counts.get(name, ())) for one in (QUEUE_SECONDS, TASK_SECONDS)] == [1, 0]
    assert next(iter(IN_FLIGHT.collect())).samples[0].value == 1
    world.endpoint.exchanges[0].ended(DELIVERED)
    assert [sum(one._counts.get(name, ())) for one in (QUEUE_SECONDS, TASK_SECONDS)] == [1, 1]
    assert next(iter(IN_FLIGHT.collect())).samples[0].value == 0


def closed(world: Straight) -> None:
    world.gate.close("rebalance")


def disabled(world: Straight) -> None:
    world.hooks.active = False


def changed(**fields):
    def change(world: Straight) -> None:
        world.hooks.hook = replace(HOOK, **fields)

    return change


def paused(world: Straight) -> None:
    world.restraints._pause(HOOK.id, 5.0, NOW)
    world.told.clear()


def broken(world: Straight) -> None:
    world.hooks.state = lambda _id: HookState(HOOK.id, open_since=NOW)


def full(world: Straight) -> None:
    while world.bulkheads.enter(HOOK.id):
        pass


def all_taken(world: Straight) -> None:
    world.bulkheads._room.add(100)


def unknown_version(world: Straight) -> None:
    object.__setattr__(world.hooks.hook, "version", 7)


def unrenderable(world: Straight) -> None:
    def render(*_args):
        raise KeyError("x")

    world.tasks[TASK] = replace(world.tasks[TASK], render=render)


def too_large(world: Straight) -> None:
    world.body = b"x" * 101


def no_connection(world: Straight) -> None:
    world.endpoint.is_idle = False


def no_delivery(world: Straight) -> None:
    world.fan_out(None, TASK)


UNUSUAL = (
    closed,
    disabled,
    changed(id="b" * 32),
    changed(rate_limit=5.0),
    changed(secret=f"{SEALED}x"),
    paused,
    broken,
    full,
    all_taken,
    changed(version=7),
    unrenderable,
    too_large,
    no_connection,
    no_delivery,
)


@pytest.mark.parametrize("unusual", UNUSUAL)
async def test_what_is_unusual_does_not_go_straight_and_nothing_has_happened(unusual):
    world, owner = Straight(bound=3), Owner()
    unusual(world)
    before = (world.bulkheads.in_flight(HOOK.id), world.bulkheads._room.taken)
    counted = {why: HELD_BACK.labels(why)._value.get() for why in ("sealed", "pause", "breaker", "rate", "disabled")}
    assert not world.deliveries.straight.start(call(), owner)
    assert (world.bulkheads.in_flight(HOOK.id), world.bulkheads._room.taken) == before
    assert {why: HELD_BACK.labels(why)._value.get() for why in counted} == counted
    assert (owner.holds, world.endpoint.exchanges, world.runs.straight) == (1, [], 0)
    assert world.left == ([], [], [], [], [], [])


@pytest.mark.parametrize("fields", [{"size": 20_000}, {"stored": True}, {"hook_id": None}])
async def test_nor_do_calls_that_are_large_or_stored_or_of_no_hook(fields):
    world = Straight()
    assert not world.deliveries.straight.start(call(**fields), Owner())
    assert world.endpoint.exchanges == []


async def test_nor_what_belongs_to_another_worker_now():
    world = Straight()
    assert not world.deliveries.straight.start(call(), Owner(is_void=True))
    assert world.endpoint.exchanges == []


async def test_nor_anything_while_others_wait_for_a_place():
    world = Straight()
    world.bulkheads._room.add(100)
    waiting = asyncio.ensure_future(world.bulkheads.room("b" * 32))
    await asyncio.sleep(0)
    world.bulkheads._room.taken -= 1
    assert not world.deliveries.straight.start(call(), Owner())
    waiting.cancel()


async def test_nor_attempts_of_which_each_has_a_span():
    class Tracing:
        """Makes spans."""

    world = Straight(tracing=Tracing())
    assert world.deliveries.straight is None
    assert world.endpoint.exchanges == []


@pytest.mark.parametrize("is_idle", [True, False])
async def test_whoever_starts_a_call_may_wait_but_need_not(is_idle: bool):
    world, owner = Straight(), Owner()
    world.endpoint.is_idle = is_idle
    await world.runners.start(call(), owner)
    for exchange in world.endpoint.exchanges:
        exchange.ended(DELIVERED)
    await asyncio.wait_for(owner.ended.wait(), 5)
    assert (len(world.endpoint.exchanges), len(world.endpoint.posted)) == ((1, 0) if is_idle else (0, 1))
    assert len(world.firings.attempts) == 1


async def test_a_call_that_is_held_by_its_owner_is_released_when_it_has_ended():
    world, owner = Straight(), Owner()
    assert world.runners.start_straight(call(), owner)
    assert owner.holds == 2
    world.endpoint.exchanges[0].ended(DELIVERED)
    assert owner.holds == 1
    world.hooks.active = False
    assert not world.runners.start_straight(call(), owner)
    assert owner.holds == 1


async def test_the_deliveries_of_a_fan_out_go_straight():
    async def hooks():
        return [Delivery(TASK, HOOK.id, [HOOK.id], "issue.created")]

    world, owner = Straight(), Owner()
    world.fan_out(hooks, "streamhooks.find")
    await world.runners.start(Call("c1", "streamhooks.find", 0, 0, source="e:0:0"), owner)
    while not world.endpoint.exchanges:  # noqa: ASYNC110 - for turns of the loop
        await asyncio.sleep(0)
    world.endpoint.exchanges[0].ended(DELIVERED)
    await asyncio.wait_for(owner.ended.wait(), 5)
    assert world.endpoint.posted == []
    assert [attempt.event for attempt in world.firings.attempts] == ["issue.created"]
