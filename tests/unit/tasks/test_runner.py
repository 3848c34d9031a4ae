"""What becomes of a call by how its run ended, with everything around the runner faked."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest
from support.runs import HOOK, NOW, Owner, World, delivering, sends

from streamhooks.delivery.outcomes import DeliveryFailed, DeliveryRejected, HookGone
from streamhooks.errors import RecordTooLarge
from streamhooks.records.hook import Hook
from streamhooks.tasks.call import Call
from streamhooks.tasks.context import current
from streamhooks.tasks.endings import JITTER
from streamhooks.tasks.retry import RetryPolicy, RetryTaskError, retry
from streamhooks.tasks.runner import FAN_OUTS, OURS
from streamhooks.tasks.task import Delivery, Task


async def test_what_was_delivered_is_counted_and_settled():
    world = World()
    await world.run(sends(200))
    (attempt,) = world.firings.attempts
    assert (attempt.outcome, attempt.status, attempt.attempt, attempt.request) == ("delivered", 200, 1, None)
    assert world.outputs.stored == []
    assert len(world.outputs.settled) == 1


async def test_what_failed_is_stored_for_the_next_attempt_and_counted_with_bodies():
    world = World()
    await world.run(sends(500, DeliveryFailed("status 500", None)), policy=delivering)
    ((_, attempt, due, reason, last),) = world.outputs.stored
    assert (attempt, reason, last) == (2, "retry", {"status": 500})
    assert NOW + 300 <= due / 1000 <= NOW + 300 * (1 + JITTER)
    (counted,) = world.firings.attempts
    assert (counted.outcome, counted.request, counted.response) == ("retried", "body", "answer")
    assert world.outputs.settled == []


@pytest.mark.parametrize(("attempt", "retried"), [(1, True), (5, True), (6, False)])
async def test_five_retries_mean_six_runs(attempt, retried):
    world = World()
    failing = sends(None, DeliveryFailed("timeout", None))
    await world.run(failing, attempt=attempt, policy=delivering, max_retries=5)
    assert bool(world.outputs.stored) == retried
    assert bool(world.outputs.dead) != retried
    if not retried:
        ((_, reason, last),) = world.outputs.dead
        assert reason == "retries used up: timeout"
        assert last == {"error": "retries used up: timeout"}
        assert world.firings.attempts[0].outcome == "dead"


async def test_the_setting_overrides_the_retries_of_our_own_tasks_only():
    world = World(max_retries=0)
    await world.run(sends(500, DeliveryFailed("x", None)), policy=delivering)
    assert len(world.outputs.dead) == 1
    world = World(max_retries=0)
    await world.run(sends(500, DeliveryFailed("x", None)), policy=delivering, name="users.own")
    assert len(world.outputs.stored) == 1


@pytest.mark.parametrize(
    ("attempt", "max_retries", "delay"),
    [(1, None, 5), (2, None, 60), (3, None, None), (1, 1, 5), (2, 1, None), (3, 3, 60), (4, 3, None), (1, 0, None)],
)
async def test_a_schedule_by_setting_decides_delays_and_number(attempt, max_retries, delay):
    world = World(schedule=(5.0, 60.0), max_retries=max_retries)
    await world.run(sends(500, DeliveryFailed("x", None)), attempt=attempt, policy=delivering, max_retries=3)
    if delay is None:
        assert len(world.outputs.dead) == 1
    else:
        assert NOW + delay <= world.outputs.stored[0][2] / 1000 <= NOW + delay * (1 + JITTER)


async def test_a_schedule_by_setting_is_for_the_mission_only_and_a_hooks_own_comes_before_it():
    world = World(schedule=(5.0,), max_retries=0)
    failing = sends(500, DeliveryFailed("x", None))
    await world.run(failing, policy=delivering, name="users.own")
    assert world.outputs.stored[0][2] / 1000 >= NOW + 300
    world = World(schedule=(5.0,))
    world.hooks.hook = replace(HOOK, retry_schedule=(7.0, 8.0))
    await world.run(failing, attempt=2, policy=delivering)
    assert NOW + 8 <= world.outputs.stored[0][2] / 1000 <= NOW + 8 * (1 + JITTER)
    world.hooks.hook = replace(HOOK, retry_schedule=())
    await world.run(failing, policy=delivering)
    assert len(world.outputs.dead) == 1


async def test_the_settings_leave_our_own_notes_alone():
    # What was found about a hook must not be given up because deliveries are not retried.
    world = World(max_retries=0, schedule=(5.0,))
    task = Task("streamhooks.note", None, 5.0, 1000)
    limits = world.runner._limits
    assert (limits.retries_of(task), limits.delay_of(task, 1)) == (1000, 5.0)


async def test_what_the_endpoint_asks_for_comes_before_the_delay_of_the_task():
    world = World()
    await world.run(sends(503, DeliveryFailed("status 503", 10.0)), policy=delivering)
    due = world.outputs.stored[0][2] / 1000
    assert NOW + 10 <= due <= NOW + 10 * (1 + JITTER)


async def test_a_hooks_own_schedule_decides_delays_and_number():
    world = World()
    world.hooks.hook = Hook(**{**{n: getattr(HOOK, n) for n in HOOK.__slots__}, "retry_schedule": (5.0, 50.0)})
    failing = sends(500, DeliveryFailed("x", None))
    await world.run(failing, attempt=2, policy=delivering)
    assert NOW + 50 <= world.outputs.stored[0][2] / 1000 <= NOW + 60
    await world.run(failing, attempt=3, policy=delivering)
    assert len(world.outputs.dead) == 1


async def test_what_is_rejected_is_dead_at_once_and_410_disables_the_hook():
    world = World()
    await world.run(sends(404, DeliveryRejected("status 404")), policy=delivering)
    assert world.outputs.dead[0][1:] == ("status 404", {"status": 404})
    assert world.outputs.stored == []
    # An answer with a fault is no reason to disable it, whatever its status.
    await world.run(sends(410, DeliveryRejected("status 410"), "rejected"), policy=delivering)
    assert world.outputs.stored == []
    await world.run(sends(410, HookGone("status 410"), "gone"), policy=delivering)
    ((note, *_),) = world.outputs.stored
    assert (note.task, note.partition, note.args[:2]) == ("streamhooks.note_finding", 3, [HOOK.id, "disabled"])
    assert len(world.outputs.dead) == 3


async def test_precedence_is_ignore_then_exclude_then_on_and_the_rest_is_given_up():
    policy = RetryPolicy(on=(ValueError,), exclude=(KeyError,), ignore=(KeyError, IndexError))

    def raises(error):
        async def body():
            raise error

        return body

    world = World()
    await world.run(raises(KeyError("k")), policy=policy)
    assert (world.outputs.dead, world.outputs.stored) == ([], [])
    await world.run(raises(ValueError("v")), policy=policy)
    assert len(world.outputs.stored) == 1
    await world.run(raises(TypeError("t")), policy=policy)
    assert world.outputs.dead[0][1] == "TypeError: t"
    await world.run(raises(RetryTaskError(countdown=1)), policy=policy)
    assert len(world.outputs.stored) == 2


def test_bare_retry_is_every_exception():
    @retry
    async def body():
        """Do nothing."""

    assert body.__retry_policy__.decide(RuntimeError()) == "retry"
    assert RetryPolicy().decide(RuntimeError()) == "exclude"


async def test_what_is_dropped_was_no_attempt():
    async def body():
        current().dropped = "unknown hook"

    world = World()
    await world.run(body)
    assert world.firings.attempts == []
    assert world.outputs.dead == []


async def test_an_unknown_task_is_dead_lettered():
    world = World()
    owner = Owner()
    await world.runner.start(Call("c1", "gone", 0, 0), owner)
    await asyncio.wait_for(owner.ended.wait(), 5)
    assert world.outputs.dead[0][1] == "unknown task gone"


async def test_a_fan_out_starts_a_delivery_a_hook_with_an_id_of_its_own_and_ends_after_all():
    world = World()
    sent = []

    async def deliver():
        sent.append(current().call.webhook_id)

    child = world.task(deliver, name="streamhooks.child")

    async def fan_out():
        return [Delivery(child, hook, [], "issue.created") for hook in ("b" * 32, "c" * 32)]

    await world.run(fan_out, hook_id=None)
    await world.run(fan_out, hook_id=None, stored=True)
    assert len(sent) == 4
    assert len(set(sent)) == 2


async def test_what_is_over_a_hooks_bound_is_written_once_and_not_run():
    world = World(bound=1)
    hangs = asyncio.Event()

    async def deliver():
        await hangs.wait()

    task = world.task(deliver)
    first, second = Owner(), Owner()
    await world.runner.start(Call("c1", task.name, 0, 0, hook_id=HOOK.id, source="e:0:0"), first)
    await world.runner.start(Call("c2", task.name, 0, 0, hook_id=HOOK.id, source="e:0:1"), second)
    await asyncio.wait_for(second.ended.wait(), 5)
    assert [(call.id, attempt, reason) for call, attempt, _, reason, _ in world.outputs.stored] == [
        ("c2", 1, "overflow")
    ]
    hangs.set()
    await asyncio.wait_for(first.ended.wait(), 5)


async def test_nothing_starts_while_the_gate_is_closed_and_what_is_void_never():
    world = World()
    ran = []

    async def deliver():
        ran.append(1)

    task = world.task(deliver)
    world.gate.close("rebalance")
    lost = Owner()
    await world.runner.start(Call("c1", task.name, 0, 0, hook_id=HOOK.id, source="e:0:0"), lost)
    await asyncio.sleep(0)
    assert ran == []
    lost.is_void = True
    world.gate.open("rebalance")
    assert await world.runner.idle(5)
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
    task, owner = world.task(sends(200)), Owner()
    await world.runner.start(Call("c1", task.name, 0, 0, hook_id=HOOK.id, source="e:0:0"), owner)
    world.hooks.active, world.hooks.hook = True, replace(HOOK, resume="all", resumed_at=NOW)  # before its first turn
    await asyncio.wait_for(owner.ended.wait(), 5)
    assert world.passed_over == [(HOOK, "e:0:0")]


async def test_a_hook_that_was_disabled_while_the_gate_was_closed_gets_nothing():
    world = World()
    world.gate.close("rebalance")
    task = world.task(sends(200))
    owner = Owner()
    await world.runner.start(Call("c1", task.name, 0, 0, hook_id=HOOK.id, source="e:0:0"), owner)
    world.hooks.active = False
    world.gate.open("rebalance")
    await asyncio.wait_for(owner.ended.wait(), 5)
    assert world.passed_over == [(HOOK, "e:0:0")]
    assert world.firings.attempts == []


async def test_a_pending_call_of_a_hook_that_was_disabled_meanwhile_waits_again():
    world = World()
    task = world.task(sends(200))
    world.hooks.active = False
    owner = Owner()
    assert world.runner._bulkheads.enter_again(HOOK.id)
    world.runner.start_again(Call("c1", task.name, 0, 0, hook_id=HOOK.id, source="e:0:0", stored=True), owner)
    await asyncio.wait_for(owner.ended.wait(), 5)
    await world.runner.idle(5)
    assert owner.holds == 1
    assert world.passed_over == world.firings.attempts == world.outputs.settled == []
    assert world.runner._bulkheads.in_flight(HOOK.id) == 0


@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError()])
async def test_a_task_that_ends_the_process_or_cancels_itself_has_failed(error):
    async def body():
        raise error

    world = World()
    await world.run(body, hook_id=None)
    assert world.outputs.dead[0][1].startswith(type(error).__name__)


async def test_a_plain_function_that_exits_has_failed_too():
    def body():
        raise SystemExit(3)

    world = World()
    await world.run(body, hook_id=None)
    assert world.outputs.dead[0][1] == "SystemExit: 3"


async def test_a_run_that_we_let_go_is_not_concluded():
    started = asyncio.Event()

    async def body():
        started.set()
        await asyncio.Event().wait()

    world = World()
    task = world.task(body)
    owner = Owner()
    await world.runner.start(Call("c1", task.name, 0, 0), owner)
    await asyncio.wait_for(started.wait(), 5)
    world.runner.cancel()
    assert await world.runner.idle(5)
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

    async def deliver():
        await asyncio.Event().wait()

    task = world.task(deliver)
    bulkheads = world.runner._bulkheads
    world.gate.close("rebalance")
    for hook_id in (HOOK.id, None):
        call = Call("c1", task.name, 0, 0, hook_id=hook_id, stored=stored)
        if not stored:
            await world.runner.start(call, Owner())
        elif hook_id is None or bulkheads.enter_again(hook_id):
            world.runner.start_again(call, Owner())
    world.runner.cancel()  # not one of them has had its first turn
    assert await world.runner.idle(5)
    assert bulkheads.in_flight(HOOK.id) == 0
    assert (bulkheads._room._value, bulkheads._room_again) == (100, 25)
    assert world.runner._fan_outs._value == world.runner._room_again[OURS] == FAN_OUTS


async def test_a_pending_call_that_had_nothing_to_send_is_told_to_the_restraints():
    async def body():
        raise DeliveryRejected("the body has 9 bytes, more than 8")

    world = World()
    told = []
    world.runner._restraints.unsent = told.append
    await world.run(body, policy=delivering)
    assert told == []
    task = world.tasks["streamhooks.t"]
    assert world.runner._bulkheads.enter_again(HOOK.id)
    owner = Owner()
    world.runner.start_again(Call("c2", task.name, 0, 0, hook_id=HOOK.id, stored=True), owner)
    await asyncio.wait_for(owner.ended.wait(), 5)
    assert told == [HOOK.id]


async def test_blocking_functions_leave_the_threads_of_others_alone():
    release, together = threading.Event(), threading.Barrier(40)
    all_run, loop = asyncio.Event(), asyncio.get_running_loop()

    def blocks():
        if together.wait(30) == 0:
            loop.call_soon_threadsafe(all_run.set)
        release.wait(30)

    world = World(bound=100)
    waiting = [asyncio.create_task(world.run(blocks)) for _ in range(40)]
    await asyncio.wait_for(all_run.wait(), 30)
    # A pool would have no thread left for this.
    assert await asyncio.wait_for(asyncio.to_thread(lambda: 7), 10) == 7
    release.set()
    await asyncio.gather(*waiting)
    assert world.outputs.dead == []


# --- large calls


async def test_large_deliveries_run_as_far_as_their_bytes_have_room():
    world = World(bound=10, first=250)
    ends = asyncio.Event()

    async def deliver():
        await ends.wait()

    task = world.task(deliver)
    owners = [Owner() for _ in range(4)]
    calls = [Call(f"c{number}", task.name, 0, 0, hook_id=HOOK.id, source="e:0:0", size=100) for number in range(4)]
    starting = [asyncio.ensure_future(world.runner.start(*pair)) for pair in zip(calls, owners, strict=True)]
    small = asyncio.ensure_future(world.runner.start(replace(calls[0], size=0), Owner()))
    for _ in range(5):
        await asyncio.sleep(0)
    assert [one.done() for one in (*starting, small)] == [True, True, False, False, True]
    ends.set()
    await asyncio.wait_for(asyncio.gather(*starting), 5)
    await world.runner.idle(5)
    await asyncio.sleep(0)
    assert world.runner._weights.first.taken == 0
    assert [owner.holds for owner in owners] == [0] * 4


async def test_the_deliveries_of_large_fan_outs_do_not_wait_for_each_other():
    world = World(first=150)
    sent = []

    async def deliver(number):
        sent.append(number)

    delivering = world.task(deliver, name="streamhooks.deliver")

    async def fan_out():
        return [Delivery(delivering, HOOK.id, [number], "e") for number in range(3)]

    task = world.task(fan_out)
    owners = [Owner() for _ in range(4)]
    for number, owner in enumerate(owners):
        await world.runner.start(Call(f"c{number}", task.name, 0, 0, source=f"e:0:{number}", size=100), owner)
    for owner in owners:
        await asyncio.wait_for(owner.ended.wait(), 5)
    assert sorted(sent) == [0] * 4 + [1] * 4 + [2] * 4


async def test_what_is_written_because_of_a_large_call_keeps_its_room_until_it_is_confirmed():
    world = World(bound=0, first=100)
    confirmed = asyncio.Event()

    async def store(*_args, **_options):
        await confirmed.wait()

    world.outputs.store = store
    owners = [Owner(), Owner()]
    for owner in owners:
        call = Call("c1", world.task(sends(200)).name, 0, 0, hook_id=HOOK.id, source="e:0:0", size=100)
        starting = asyncio.ensure_future(world.runner.start(call, owner))
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

    async def fail():
        raise RetryTaskError

    await world.run(fail)
    (stored,) = world.outputs.stored
    assert stored[0].created / 1000 >= world.hooks.hook.resumed_at
