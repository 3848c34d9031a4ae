"""When deliveries start, and what becomes of them, with everything around the runners faked."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from msgspec import UNSET, structs
from support.runs import HOOK, NOW, Owner, World, sends

from streamhooks.delivery.outcomes import not_sent
from streamhooks.tasks.call import Call


async def test_what_was_delivered_is_counted_and_settled():
    for stored in (False, True):
        world = World()
        owner = await world.run(sends(200), stored=stored)
        (attempt,) = world.firings.attempts
        assert (attempt.outcome, attempt.status, attempt.attempt, attempt.request) == ("delivered", 200, 1, UNSET)
        assert world.outputs.stored == []
        assert (len(world.outputs.settled), owner.holds) == (stored, 0)


@pytest.mark.parametrize("hook_id", ["b" * 32, HOOK.id])
async def test_what_is_dropped_was_no_attempt(hook_id):
    world = World()
    task, owner = world.delivery(sends(200)), Owner()
    if hook_id == HOOK.id:  # it is disabled while its arguments are read
        answers = iter([True, True, False])
        world.hooks.is_active = lambda _hook_id: next(answers)
    await world.runners.start(Call("c1", task.name, 0, 0, hook_id=hook_id, source="e:0:0", letter="k"), owner)
    await asyncio.wait_for(owner.ended.wait(), 5)
    assert [ended[2:] for ended in world.outputs.ended] == [
        ("open", "disabled hook" if hook_id == HOOK.id else "unknown hook")
    ]
    assert world.firings.attempts == []
    assert world.outputs.dead == []


async def test_what_is_over_a_hooks_bound_is_written_once_and_not_run():
    world = World(bound=1)
    hangs = asyncio.Event()

    async def deliver(_call):
        await hangs.wait()

    task = world.delivery(deliver)
    first, second = Owner(), Owner()
    await world.runners.start(Call("c1", task.name, 0, 0, hook_id=HOOK.id, source="e:0:0"), first)
    await world.runners.start(Call("c2", task.name, 0, 0, hook_id=HOOK.id, source="e:0:1"), second)
    await asyncio.wait_for(second.ended.wait(), 5)
    assert [(call.id, attempt, reason) for call, attempt, _, reason, _ in world.outputs.stored] == [
        ("c2", 1, "overflow")
    ]
    hangs.set()
    await asyncio.wait_for(first.ended.wait(), 5)


async def test_nothing_starts_while_the_gate_is_closed_and_what_is_void_never():
    world = World()
    ran = []

    async def deliver(_call):
        ran.append(1)

    task = world.delivery(deliver)
    world.gate.close("rebalance")
    lost = Owner()
    await world.runners.start(Call("c1", task.name, 0, 0, hook_id=HOOK.id, source="e:0:0"), lost)
    await asyncio.sleep(0)
    assert ran == []
    lost.is_void = True
    world.gate.open("rebalance")
    assert await world.runs.idle(5)
    assert ran == []
    assert not lost.ended.is_set()


async def test_what_comes_for_a_disabled_hook_is_passed_over():
    world = World()
    world.hooks.active = False
    await world.run(sends(200))
    assert world.passed_over == [(HOOK, "e:0:0")]
    assert world.firings.attempts == world.outputs.stored == world.outputs.settled == []


async def test_what_decides_about_a_record_that_is_passed_over_is_what_is_decided_after_the_look():
    world = World()
    world.hooks.active = False
    task, owner = world.delivery(sends(200)), Owner()
    await world.runners.start(Call("c1", task.name, 0, 0, hook_id=HOOK.id, source="e:0:0"), owner)
    world.hooks.active, world.hooks.hook = True, replace(HOOK, resume="all", resumed_at=NOW)  # before its first turn
    await asyncio.wait_for(owner.ended.wait(), 5)
    assert world.passed_over == [(HOOK, "e:0:0")]


async def test_a_hook_that_was_disabled_while_the_gate_was_closed_gets_nothing():
    world = World()
    world.gate.close("rebalance")
    task = world.delivery(sends(200))
    owner = Owner()
    await world.runners.start(Call("c1", task.name, 0, 0, hook_id=HOOK.id, source="e:0:0"), owner)
    world.hooks.active = False
    world.gate.open("rebalance")
    await asyncio.wait_for(owner.ended.wait(), 5)
    assert world.passed_over == [(HOOK, "e:0:0")]
    assert world.firings.attempts == []


async def test_a_pending_call_of_a_hook_that_was_disabled_meanwhile_waits_again():
    world = World()
    task = world.delivery(sends(200))
    world.hooks.active = False
    owner = Owner()
    assert world.bulkheads.enter_again(HOOK.id)
    world.runners.start_pending(Call("c1", task.name, 0, 0, hook_id=HOOK.id, source="e:0:0", stored=True), owner)
    await asyncio.wait_for(owner.ended.wait(), 5)
    await world.runs.idle(5)
    assert owner.holds == 1
    assert world.passed_over == world.firings.attempts == world.outputs.settled == []
    assert world.bulkheads.in_flight(HOOK.id) == 0


async def test_a_pending_call_that_had_nothing_to_send_is_told_to_the_restraints():
    async def body(_call):
        return not_sent("the body has 9 bytes, more than 8")

    world = World()
    told = []
    world.restraints.unsent = told.append
    await world.run(body)
    assert told == []
    assert world.outputs.dead[0][1] == "the body has 9 bytes, more than 8"
    task = world.tasks["streamhooks.t"]
    assert world.bulkheads.enter_again(HOOK.id)
    owner = Owner()
    world.runners.start_pending(Call("c2", task.name, 0, 0, hook_id=HOOK.id, stored=True), owner)
    await asyncio.wait_for(owner.ended.wait(), 5)
    assert told == [HOOK.id]


async def test_large_deliveries_run_as_far_as_their_bytes_have_room():
    world = World(bound=10, first=250)
    ends = asyncio.Event()

    async def deliver(_call):
        await ends.wait()

    task = world.delivery(deliver)
    owners = [Owner() for _ in range(4)]
    calls = [Call(f"c{number}", task.name, 0, 0, hook_id=HOOK.id, source="e:0:0", size=100) for number in range(4)]
    starting = [asyncio.ensure_future(world.runners.start(*pair)) for pair in zip(calls, owners, strict=True)]
    small = asyncio.ensure_future(world.runners.start(structs.replace(calls[0], size=0), Owner()))
    for _ in range(5):
        await asyncio.sleep(0)
    assert [one.done() for one in (*starting, small)] == [True, True, False, False, True]
    ends.set()
    await asyncio.wait_for(asyncio.gather(*starting), 5)
    await world.runs.idle(5)
    await asyncio.sleep(0)
    assert world.places.first.taken == 0
    assert [owner.holds for owner in owners] == [0] * 4


async def test_what_is_written_because_of_a_large_call_keeps_its_room_until_it_is_confirmed():
    world = World(bound=0, first=100)
    confirmed = asyncio.Event()

    async def store(*_args, **_options):
        await confirmed.wait()

    world.outputs.store = store
    owners = [Owner(), Owner()]
    for owner in owners:
        call = Call("c1", world.delivery(sends(200)).name, 0, 0, hook_id=HOOK.id, source="e:0:0", size=100)
        starting = asyncio.ensure_future(world.runners.start(call, owner))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not starting.done()
    confirmed.set()
    for owner in owners:
        await asyncio.wait_for(owner.ended.wait(), 5)


async def test_what_comes_after_a_clock_went_back_is_from_after_the_hook_was_resumed():
    """Else its retry would be taken for one from before, and dropped where the hook was resumed with `skip`."""
    world = World()
    world.hooks.hook = replace(HOOK, resume="skip", resumed_at=NOW + 3600.0005)

    await world.run(sends(500, "retry"))
    (stored,) = world.outputs.stored
    assert stored[0].created / 1000 >= world.hooks.hook.resumed_at
