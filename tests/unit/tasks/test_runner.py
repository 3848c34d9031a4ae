"""Calls without a hook, and what they have in common with deliveries, with everything around the runners faked."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from dataclasses import replace

import pytest
from support.runs import HOOK, Owner, World

from streamhooks.errors import RecordTooLarge
from streamhooks.tasks.call import Call
from streamhooks.tasks.context import current
from streamhooks.tasks.lanes import TaskLane
from streamhooks.tasks.places import AT_ONCE
from streamhooks.tasks.retry import retry
from streamhooks.tasks.task import Delivery


async def test_an_unknown_task_is_dead_lettered():
    world = World()
    owner = Owner()
    await world.runners.start(Call("c1", "gone", 0, 0), owner)
    await asyncio.wait_for(owner.ended.wait(), 5)
    assert world.outputs.dead[0][1] == "unknown task gone"


async def test_a_fan_out_starts_a_delivery_a_hook_with_an_id_of_its_own_and_ends_after_all():
    world = World()
    sent = []

    async def deliver(call):
        sent.append(call.webhook_id)

    child = world.delivery(deliver, name="streamhooks.child")

    async def fan_out():
        return [Delivery(child.name, hook, [hook], "issue.created") for hook in ("b" * 32, "c" * 32)]

    world.hooks.get = lambda hook_id: replace(HOOK, id=hook_id)
    world.hooks.is_active = lambda _hook_id: True
    world.fan_out(fan_out, name="streamhooks.f")
    for stored in (False, True):
        owner = Owner()
        await world.runners.start(Call("c1", "streamhooks.f", 0, 0, source="e:0:0", stored=stored), owner)
        await asyncio.wait_for(owner.ended.wait(), 5)
    assert len(sent) == 4
    assert len(set(sent)) == 2


class PanicException(BaseException):
    """What a library in Rust raises (pyo3)."""


ERRORS = [
    SystemExit(3),
    KeyboardInterrupt(),
    asyncio.CancelledError(),
    GeneratorExit(),
    PanicException("index out of bounds"),
    BaseExceptionGroup("two", [SystemExit(1), ValueError()]),
]


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_whatever_a_task_raises_is_its_failure(error, plain, caplog):
    async def body():
        raise error

    def plain_body():
        raise error

    world = World()
    await world.run(plain_body if plain else body, hook_id=None)
    assert world.outputs.dead[0][1].startswith(type(error).__name__)
    (line,) = caplog.records
    assert line.getMessage().startswith("task failed: task=streamhooks.t ")
    assert f"{type(error).__name__}" in line.getMessage()


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_it_is_retried_as_the_task_says(error):
    @retry(on=(BaseException,))
    async def body():
        raise error

    world = World()
    await world.run(body, hook_id=None)
    assert world.outputs.dead == []
    assert [(attempt, reason) for _, attempt, _, reason, _ in world.outputs.stored] == [(2, "retry")]


async def test_a_coroutine_that_is_closed_has_not_failed():
    world = World()
    started = asyncio.Event()

    async def body():
        started.set()
        await asyncio.Event().wait()

    world.task(body)
    run = world.of_tasks._run(Call("c1", "streamhooks.t", 0, 0), Owner(), lambda: None)
    around = contextvars.copy_context()
    around.run(run.send, None)
    assert started.is_set()
    # Not by its own task: as when the loop has ended, and what it left is collected.
    await asyncio.to_thread(around.run, run.close)
    assert (world.outputs.dead, world.outputs.settled) == ([], [])


@pytest.mark.parametrize("hook_id", [HOOK.id, None])
async def test_a_run_that_we_let_go_is_not_concluded(hook_id):
    started = asyncio.Event()

    async def body(*_call):
        started.set()
        await asyncio.Event().wait()

    world = World()
    task = (world.delivery if hook_id else world.task)(body)
    owner = Owner()
    await world.runners.start(Call("c1", task.name, 0, 0, hook_id=hook_id), owner)
    await asyncio.wait_for(started.wait(), 5)
    world.runs.cancel()
    assert await world.runs.idle(5)
    assert (world.outputs.dead, owner.holds) == ([], 1)


async def test_a_call_that_can_never_be_stored_is_the_failure_of_the_task_that_made_it():
    class TooLarge:
        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            raise RecordTooLarge("Message size too large")

    async def body():
        current().handles.append(TooLarge())

    world = World()
    await world.run(body, hook_id=None, stored=True)
    assert world.outputs.dead[0][1] == "a call that it made can't be stored: Message size too large"
    assert len(world.outputs.settled) == 1


@pytest.mark.parametrize("stored", [False, True])
async def test_what_is_let_go_before_it_began_gives_its_places_back(stored):
    world = World()

    async def deliver(_call):
        await asyncio.Event().wait()

    world.delivery(deliver)
    world.task(deliver, "shop.t")
    bulkheads = world.bulkheads
    world.gate.close("rebalance")
    for hook_id in (HOOK.id, None):
        call = Call("c1", "streamhooks.t" if hook_id else "shop.t", 0, 0, hook_id=hook_id, stored=stored)
        if not stored:
            await world.runners.start(call, Owner())
        elif hook_id is None or bulkheads.enter_again(hook_id):
            world.runners.start_pending(call, Owner())
    world.runs.cancel()  # not one of them has had its first turn
    assert await world.runs.idle(5)
    assert bulkheads.in_flight(HOOK.id) == 0
    assert (bulkheads._room.taken, bulkheads._room_again) == (0, 25)
    assert world.of_tasks._first._value == AT_ONCE
    assert world.of_tasks.places.taken(TaskLane("shop.t")) == 0


async def test_blocking_functions_leave_the_threads_of_others_alone():
    release, together = threading.Event(), threading.Barrier(40)
    all_run, loop = asyncio.Event(), asyncio.get_running_loop()

    def blocks():
        if together.wait(30) == 0:
            loop.call_soon_threadsafe(all_run.set)
        release.wait(30)

    world = World(bound=100)
    waiting = [asyncio.create_task(world.run(blocks, hook_id=None)) for _ in range(40)]
    await asyncio.wait_for(all_run.wait(), 30)
    # A pool would have no thread left for this.
    assert await asyncio.wait_for(asyncio.to_thread(lambda: 7), 10) == 7
    release.set()
    await asyncio.gather(*waiting)
    assert world.outputs.dead == []


async def test_the_deliveries_of_large_fan_outs_do_not_wait_for_each_other():
    world = World(first=150)
    sent = []

    async def deliver(call):
        sent.append(call.args[1])

    delivering = world.delivery(deliver, name="streamhooks.deliver")

    async def fan_out():
        return [Delivery(delivering.name, HOOK.id, [HOOK.id, number], "e") for number in range(3)]

    task = world.fan_out(fan_out)
    owners = [Owner() for _ in range(4)]
    for number, owner in enumerate(owners):
        await world.runners.start(Call(f"c{number}", task.name, 0, 0, source=f"e:0:{number}", size=100), owner)
    for owner in owners:
        await asyncio.wait_for(owner.ended.wait(), 5)
    assert sorted(sent) == [0] * 4 + [1] * 4 + [2] * 4
