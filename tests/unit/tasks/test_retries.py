"""Whether a run that failed is tried again, and when: by its task, the settings, its hook, and what is asked for."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.fakes import Owner
from support.runs import HOOK, NOW, World, sends

from streamhooks.records.hook import Hook
from streamhooks.tasks.call import Call
from streamhooks.tasks.endings import JITTER, Limits
from streamhooks.tasks.retry import RetryPolicy, RetryTaskError, retry
from streamhooks.tasks.task import Task, instrumented_task, registry


async def test_what_failed_is_stored_for_the_next_attempt_and_counted_with_bodies():
    world = World()
    await world.run(sends(500, "retry"))
    ((_, attempt, due, reason, last),) = world.outputs.stored
    assert (attempt, reason, last) == (2, "retry", {"status": 500})
    assert NOW + 300 <= due / 1000 <= NOW + 300 * (1 + JITTER)
    (counted,) = world.firings.attempts
    assert (counted.outcome, counted.request, counted.response) == ("retried", "body", "answer")
    assert world.outputs.settled == []


@pytest.mark.parametrize(("attempt", "retried"), [(1, True), (5, True), (6, False)])
async def test_five_retries_mean_six_runs(attempt, retried):
    world = World()
    failing = sends(None, "retry")
    await world.run(failing, attempt=attempt, max_retries=5)
    assert bool(world.outputs.stored) == retried
    assert bool(world.outputs.dead) != retried
    if not retried:
        ((_, reason, last),) = world.outputs.dead
        assert reason == "retries used up: timeout"
        assert last == {"error": "retries used up: timeout"}
        assert world.firings.attempts[0].outcome == "dead"


async def wants_again():
    raise RetryTaskError


async def test_the_setting_overrides_the_retries_of_our_own_tasks_only():
    world = World(max_retries=0)
    await world.run(sends(500, "retry"))
    assert len(world.outputs.dead) == 1
    world = World(max_retries=0)
    await world.run(wants_again, hook_id=None, name="users.own")
    assert len(world.outputs.stored) == 1


@pytest.mark.parametrize(
    ("attempt", "max_retries", "delay"),
    [(1, None, 5), (2, None, 60), (3, None, None), (1, 1, 5), (2, 1, None), (3, 3, 60), (4, 3, None), (1, 0, None)],
)
async def test_a_schedule_by_setting_decides_delays_and_number(attempt, max_retries, delay):
    world = World(schedule=(5.0, 60.0), max_retries=max_retries)
    await world.run(sends(500, "retry"), attempt=attempt, max_retries=3)
    if delay is None:
        assert len(world.outputs.dead) == 1
    else:
        assert NOW + delay <= world.outputs.stored[0][2] / 1000 <= NOW + delay * (1 + JITTER)


async def test_a_schedule_by_setting_is_for_the_mission_only_and_a_hooks_own_comes_before_it():
    world = World(schedule=(5.0,), max_retries=0)
    await world.run(wants_again, hook_id=None, name="users.own")
    assert world.outputs.stored[0][2] / 1000 >= NOW + 300
    world = World(schedule=(5.0,))
    failing = sends(500, "retry")
    world.hooks.hook = replace(HOOK, retry_schedule=(7.0, 8.0))
    await world.run(failing, attempt=2)
    assert NOW + 8 <= world.outputs.stored[0][2] / 1000 <= NOW + 8 * (1 + JITTER)
    world.hooks.hook = replace(HOOK, retry_schedule=())
    await world.run(failing)
    assert len(world.outputs.dead) == 1


async def test_the_settings_leave_our_own_notes_alone():
    # What was found about a hook must not be given up because deliveries are not retried.
    world = World(max_retries=0, schedule=(5.0,))
    task = Task("streamhooks.note", None, 5.0, 1000)
    limits = world.limits
    assert (limits.retries_of(task), limits.delay_of(task, 1)) == (1000, 5.0)
    assert {name for name, known in registry.items() if name.startswith("streamhooks.") and not known.is_governed} == {
        "streamhooks.note_finding"
    }


async def test_what_the_endpoint_asks_for_comes_before_the_delay_of_the_task():
    world = World()
    await world.run(sends(503, "retry", 10.0))
    due = world.outputs.stored[0][2] / 1000
    assert NOW + 10 <= due <= NOW + 10 * (1 + JITTER)


async def test_a_hooks_own_schedule_decides_delays_and_number():
    world = World()
    world.hooks.hook = Hook(**{**{n: getattr(HOOK, n) for n in HOOK.__slots__}, "retry_schedule": (5.0, 50.0)})
    failing = sends(500, "retry")
    await world.run(failing, attempt=2)
    assert NOW + 50 <= world.outputs.stored[0][2] / 1000 <= NOW + 60
    await world.run(failing, attempt=3)
    assert len(world.outputs.dead) == 1


async def test_what_is_rejected_is_dead_at_once_and_410_disables_the_hook():
    world = World()
    await world.run(sends(404, "rejected"))
    assert world.outputs.dead[0][1:] == ("status 404", {"status": 404})
    assert world.outputs.stored == []
    # An answer with a fault is no reason to disable it, whatever its status.
    await world.run(sends(410, "rejected"))
    assert world.outputs.stored == []
    await world.run(sends(410, "gone"))
    ((note, *_),) = world.outputs.stored
    assert (note.task, note.partition, note.args[:2]) == ("streamhooks.note_finding", 3, [HOOK.id, "disabled"])
    assert len(world.outputs.dead) == 3


async def test_precedence_is_ignore_then_exclude_then_on_and_the_rest_is_given_up():
    def raises(error):
        @retry(on=(ValueError,), exclude=(KeyError,), ignore=(KeyError, IndexError))
        async def body():
            raise error

        return body

    world = World()
    await world.run(raises(KeyError("k")), hook_id=None)
    assert (world.outputs.dead, world.outputs.stored) == ([], [])
    await world.run(raises(ValueError("v")), hook_id=None)
    assert len(world.outputs.stored) == 1
    await world.run(raises(TypeError("t")), hook_id=None)
    assert world.outputs.dead[0][1] == "TypeError: t"
    await world.run(raises(RetryTaskError(countdown=1)), hook_id=None)
    assert len(world.outputs.stored) == 2


def test_bare_retry_is_every_exception():
    @retry
    async def body():
        """Do nothing."""

    assert body.__retry_policy__.decide(RuntimeError()) == "retry"
    assert RetryPolicy().decide(RuntimeError()) == "exclude"


def defined(**options: Any) -> Task:
    return instrumented_task("tests.delays", **options)(lambda: None)


@pytest.mark.parametrize(
    ("options", "waits", "retries"),
    [
        ({}, [300, 300, 300], 5),
        ({"default_retry_delay": 7}, [7, 7, 7], 5),
        ({"retry_backoff": True}, [1, 2, 4, 8, 16], 5),
        ({"retry_backoff": False}, [300], 5),
        ({"retry_backoff": 0.5, "max_retries": 9}, [0.5, 1, 2], 9),
        ({"retry_backoff": 60, "retry_backoff_max": 100}, [60, 100, 100, 100], 5),
        ({"retry_backoff": 60, "retry_backoff_max": 10}, [10, 10], 5),
        ({"retry_backoff": 3, "max_retries": 10**9}, [3, 6, 12, 24, 48, 96, 192, 384, 600, 600], 10**9),
        ({"retry_backoff": 3, "max_retries": 0}, [3], 0),
        ({"retry_schedule": [0, 10, 3600]}, [0, 10, 3600, 3600], 3),
        ({"retry_schedule": (5,), "max_retries": 4}, [5, 5, 5], 4),
        ({"retry_schedule": (5, 6, 7), "max_retries": 1}, [5], 1),
        ({"retry_schedule": [timedelta(seconds=5), 6, timedelta(hours=1)]}, [5, 6, 3600], 3),
        ({"retry_backoff": timedelta(seconds=2), "retry_backoff_max": timedelta(seconds=5)}, [2, 4, 5, 5], 5),
    ],
)
def test_a_back_off_or_a_schedule_says_how_long_a_task_waits(options, waits, retries):
    task, limits = defined(**options), Limits(99.0, 99, (98.0,))
    assert [limits.delay_of(task, attempt) for attempt in range(1, len(waits) + 1)] == waits
    assert limits.retries_of(task) == retries


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"retry_backoff": 2, "retry_schedule": [1]}, "give one of them"),
        ({"retry_backoff": 0}, "retry_backoff: must be more than 0"),
        ({"retry_backoff": timedelta(0)}, "retry_backoff: must be more than 0"),
        ({"retry_backoff": timedelta(seconds=-1)}, "retry_backoff: must be seconds"),
        ({"retry_backoff": -1}, "retry_backoff: must be seconds"),
        ({"retry_backoff": "2s"}, "retry_backoff: must be seconds from 0 to 31622400, not '2s'"),
        ({"retry_backoff": math.nan}, "retry_backoff: must be seconds"),
        ({"retry_backoff": 2, "retry_backoff_max": math.inf}, "retry_backoff_max: must be seconds"),
        ({"retry_schedule": []}, "retry_schedule: needs at least one delay"),
        ({"retry_schedule": [1, None]}, "retry_schedule: must be seconds"),
        ({"retry_schedule": [1, 10**9]}, "retry_schedule: must be seconds"),
    ],
)
def test_a_wait_that_is_not_possible_is_refused_where_the_task_is_defined(options, problem):
    with pytest.raises(ValueError, match=problem):
        defined(**options)


async def test_a_task_that_backs_off_is_stored_for_that_time_with_jitter():
    world = World()
    task = world.task(wants_again, "users.own")
    object.__setattr__(task, "retry_delays", (5.0, 50.0))
    await world.runners.start(Call("c", "users.own", 0, 0, attempt=2), owner := Owner())
    await asyncio.wait_for(owner.ended.wait(), 30)
    assert NOW + 50 <= world.outputs.stored[0][2] / 1000 <= NOW + 50 * (1 + JITTER)
