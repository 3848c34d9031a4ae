"""A run that fails with an internal error is retried, and given up only when others succeed."""

from __future__ import annotations

import asyncio

import pytest
from support.runs import HOOK, Owner, World, sends

from streamhooks.errors import ProducerDead
from streamhooks.in_flight import again
from streamhooks.in_flight.again import FAILURES, Again
from streamhooks.in_flight.backoff import pause_after
from streamhooks.tasks.call import Call

DEFECT = RuntimeError("a defect of ours")


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were asked for; none takes any time."""
    found: list[float] = []

    def pause(failures: int) -> float:
        found.append(pause_after(failures))
        return 0.0

    monkeypatch.setattr(again, "pause_after", pause)
    return found


class Failing:
    """A run that fails this often, and then succeeds."""

    def __init__(self, do, times: int, error: BaseException = DEFECT) -> None:
        self.do, self.times, self.error = do, times, error

    async def __call__(self, *args, **kwargs):
        self.times -= 1
        if self.times >= 0:
            raise self.error
        return await self.do(*args, **kwargs)


def others_succeed(world: World) -> asyncio.Task[None]:
    async def succeed() -> None:
        while True:
            await world.runs.again.attempt("another", asyncio.sleep(0))

    return asyncio.create_task(succeed())


FAILED = sends(500, "retry")


@pytest.mark.parametrize("error", [DEFECT, asyncio.CancelledError()])
async def test_a_retry_that_could_not_be_written_is_written_later(error, pauses, caplog):
    world = World()
    world.outputs.store = Failing(world.outputs.store, 8, error)
    owner = await world.run(FAILED)
    assert owner.holds == 0
    assert len(world.outputs.stored) == 1
    assert world.outputs.dead == []
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert len([one for one in caplog.records if one.exc_info and "internal error" in one.message]) == 8


@pytest.mark.parametrize("hook_id", [HOOK.id, None])
@pytest.mark.parametrize("what", ["settle", "give_up"])
async def test_so_is_any_other_ending(what, hook_id):
    world = World()
    setattr(world.outputs, what, Failing(getattr(world.outputs, what), 3))

    async def fails(*_call):
        raise ValueError("x")

    owner = await world.run(fails, hook_id=hook_id, stored=True)
    assert owner.holds == 0
    assert len(world.outputs.dead) >= 1
    assert len(world.outputs.settled) == 1


async def test_what_always_fails_while_others_succeed_is_a_dead_letter(pauses, caplog):
    world = World()
    world.outputs.store = Failing(world.outputs.store, 10**9)
    others = others_succeed(world)
    owner = await world.run(FAILED)
    others.cancel()
    assert owner.holds == 0
    ((call, reason, _),) = world.outputs.dead
    assert (call.id, reason) == ("c1", "internal error")
    assert len(pauses) == FAILURES - 1
    assert len(world.outputs.settled) == 1
    assert "a defect of ours" in caplog.records[-1].exc_text


async def test_what_fails_with_all_else_is_never_given_up():
    world = World()
    world.outputs.store = Failing(world.outputs.store, 5 * FAILURES)
    owner = await world.run(FAILED)
    assert owner.holds == 0
    assert (len(world.outputs.stored), world.outputs.dead) == (1, [])


async def test_a_dead_letter_that_could_not_be_written_is_tried_again_too():
    world = World()
    world.outputs.store = Failing(world.outputs.store, 10**9)
    world.outputs.give_up = Failing(world.outputs.give_up, 30)
    others = others_succeed(world)
    owner = await world.run(FAILED)
    others.cancel()
    assert owner.holds == 0
    assert len(world.outputs.dead) == 1


async def test_a_pending_call_waits_again():
    world = World()
    world.outputs.settle = Failing(world.outputs.settle, 1)
    task, given_back = world.delivery(sends(200)), []

    class Pending(Owner):
        def give_back(self, seconds=0.0):
            given_back.append(seconds)
            self.ended.set()

    owner = Pending()
    assert world.bulkheads.enter_again(HOOK.id)
    world.runners.start_pending(Call("c1", task.name, 0, 0, hook_id=HOOK.id, stored=True), owner)
    await asyncio.wait_for(owner.ended.wait(), 5)
    assert len(given_back) == 1
    assert owner.holds == 1
    assert world.bulkheads.in_flight(HOOK.id) == 0


async def test_a_run_of_another_worker_is_not_retried():
    world = World()
    world.outputs.store = Failing(world.outputs.store, 10**9)
    owner, tried = Owner(), asyncio.Event()
    task = world.delivery(FAILED)

    async def let_go(*_args, **_kwargs):
        owner.is_void = True
        tried.set()
        raise DEFECT

    world.outputs.store = let_go
    await world.runners.start(Call("c1", task.name, 0, 0, hook_id=HOOK.id, source="e:0:0"), owner)
    await asyncio.wait_for(tried.wait(), 5)
    assert await world.runs.idle(5)
    assert (owner.holds, world.outputs.dead) == (1, [])


async def test_nothing_is_settled_when_the_producer_is_dead(caplog):
    world = World()
    world.outputs.store = Failing(world.outputs.store, 1, ProducerDead("fenced"))
    owner, task = Owner(), world.delivery(FAILED)
    await world.runners.start(Call("c1", task.name, 0, 0, hook_id=HOOK.id, source="e:0:0"), owner)
    assert await world.runs.idle(5)
    assert (owner.holds, world.outputs.dead, world.outputs.settled) == (1, [], [])


async def test_a_finding_is_written_in_the_end():
    world = World()
    world.outputs.store = Failing(world.outputs.store, 3)
    world.notes.tell("paused", HOOK.id, {})
    assert await world.runs.idle(5)
    assert len(world.outputs.stored) == 1


async def test_a_run_without_an_owner_ends_by_itself():
    one, done = Again(), asyncio.Event()

    async def do() -> None:
        done.set()

    one.start("k", Owner(), Failing(do, 3), do)
    await asyncio.wait_for(done.wait(), 5)
