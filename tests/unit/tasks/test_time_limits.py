"""How long runs may take, and what becomes of those that take longer."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from datetime import timedelta

import pytest
from support.fakes import Owner
from support.runs import World, pending_call, scheduling

from streamhooks import TimeLimitExceeded, instrumented_task, retry
from streamhooks.metrics import LONG_RUNS, OVER_TIME_LIMIT
from streamhooks.tasks import task as task_module
from streamhooks.tasks import time_limits
from streamhooks.tasks.call import Call
from streamhooks.tasks.lanes import TaskLane
from streamhooks.tasks.task import Task

LIMIT = 0.05


@pytest.fixture(autouse=True)
def tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the tasks of a test defined for it alone."""
    monkeypatch.setattr(task_module, "registry", {})


async def outcome_of(world: World, task: Task) -> None:
    world.tasks[task.name] = task
    owner = Owner()
    await world.runners.start(Call("c1", task.name, 0, 0, stored=True), owner)
    await asyncio.wait_for(owner.ended.wait(), 10)


async def test_a_coroutine_over_its_limit_has_failed_and_is_retried() -> None:
    cancelled = []

    async def hangs() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    world = World()
    before = OVER_TIME_LIMIT.labels("shop.hangs")._value.get()
    await outcome_of(world, instrumented_task("shop.hangs", time_limit=LIMIT)(retry(hangs)))
    assert cancelled == [True]
    (stored,) = world.outputs.stored
    assert (stored[1], stored[3]) == (2, "retry")
    assert stored[4] == {"error": "TimeLimitExceeded: the run took longer than its time limit of 0.05 s"}
    assert OVER_TIME_LIMIT.labels("shop.hangs")._value.get() == before + 1


async def test_without_a_policy_it_is_a_dead_letter() -> None:
    world = World()
    await outcome_of(world, instrumented_task("shop.hangs", time_limit=LIMIT)(lambda: asyncio.Event().wait()))
    ((_, reason, _),) = world.outputs.dead
    assert reason == "TimeLimitExceeded: the run took longer than its time limit of 0.05 s"


async def test_a_coroutine_that_goes_on_is_waited_for_and_has_failed() -> None:
    ends = asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            asyncio.get_running_loop().call_soon(ends.set)
            await ends.wait()

    world = World()
    await outcome_of(world, instrumented_task("shop.stubborn", time_limit=LIMIT)(stubborn))
    assert ends.is_set()
    assert world.outputs.dead[0][1].startswith("TimeLimitExceeded")


async def test_a_timeout_of_its_own_is_not_its_limit() -> None:
    async def times_out() -> None:
        raise TimeoutError("the bank is slow")

    world = World()
    await outcome_of(world, instrumented_task("shop.times_out", time_limit=60)(times_out))
    assert world.outputs.dead[0][1] == "TimeoutError: the bank is slow"


async def test_a_thread_over_its_limit_keeps_its_place_and_its_retry_waits_for_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    goes_on, started = threading.Event(), threading.Event()

    @instrumented_task("shop.blocks", time_limit=LIMIT, max_running=1)
    @retry
    def blocks() -> None:
        started.set()
        goes_on.wait(30)

    world, lane = World(), TaskLane("shop.blocks")
    world.tasks[blocks.name] = blocks
    async with scheduling(world, pending_call(1, blocks.name)):
        try:
            async with asyncio.timeout(10):
                while not any("over its time limit" in line for line in caplog.messages):  # noqa: ASYNC110
                    await asyncio.sleep(0)
            assert started.is_set()
            assert not world.runners.has_room(lane, 0)
            assert world.outputs.stored == []
        finally:
            goes_on.set()
        async with asyncio.timeout(10):
            while not world.outputs.stored:  # noqa: ASYNC110
                await asyncio.sleep(0)
        assert world.outputs.stored[0][1] == 2
        assert world.runners.has_room(lane, 0)


async def test_a_run_that_is_let_go_is_not_concluded_though_it_has_a_limit() -> None:
    started = asyncio.Event()

    @instrumented_task("shop.hangs", time_limit=600)
    async def hangs() -> None:
        started.set()
        await asyncio.Event().wait()

    world = World()
    world.tasks[hangs.name] = hangs
    owner = Owner()
    await world.runners.start(Call("c1", hangs.name, 0, 0), owner)
    await asyncio.wait_for(started.wait(), 5)
    world.runs.cancel()
    assert await world.runs.idle(5)
    assert (world.outputs.dead, owner.holds) == ([], 1)


async def test_a_long_run_without_a_limit_is_told_of(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_limits, "LONG", LIMIT)
    before = LONG_RUNS.labels("shop.long")._value.get()

    @instrumented_task("shop.long")
    async def long() -> None:
        while not caplog.messages:  # noqa: ASYNC110
            await asyncio.sleep(0)

    world = World()
    with caplog.at_level(logging.WARNING):
        await outcome_of(world, long)
    assert "its task has no time_limit: task=shop.long" in caplog.text
    assert LONG_RUNS.labels("shop.long")._value.get() == before + 1
    assert len(world.outputs.settled) == 1
    assert world.outputs.dead == []


def plain(function):
    """Decorate as people do who time their functions."""

    @functools.wraps(function)
    def wrapper(*args: object) -> object:
        return function(*args)

    return wrapper


async def test_a_coroutine_function_below_a_plain_decorator_runs() -> None:
    ran = []

    @instrumented_task("shop.wrapped")
    @plain
    async def wrapped() -> None:
        await asyncio.sleep(0)
        ran.append(True)

    await outcome_of(World(), wrapped)
    assert ran == [True]


async def test_it_has_its_limit_too() -> None:
    @instrumented_task("shop.wrapped", time_limit=LIMIT)
    @plain
    async def wrapped() -> None:
        await asyncio.Event().wait()

    world = World()
    await outcome_of(world, wrapped)
    assert world.outputs.dead[0][1].startswith("TimeLimitExceeded")


async def yields():
    yield 1


def yields_plainly():
    yield 1


@pytest.mark.parametrize("function", [yields, yields_plainly])
async def test_a_generator_is_refused_where_it_is_defined_and_has_failed_below_a_decorator(function) -> None:
    with pytest.raises(TypeError, match=r"the function of the task 'shop.yields' is a generator"):
        instrumented_task("shop.yields")(function)
    world = World()
    await outcome_of(world, instrumented_task("shop.yields")(plain(function)))
    assert world.outputs.dead[0][1].startswith("TypeError: the function returned a generator")


@pytest.mark.parametrize(
    ("limits", "error", "text"),
    [
        ({"time_limit": 0}, ValueError, "time_limit of the task 'shop.t' must be above 0"),
        ({"time_limit": float("nan")}, ValueError, "time_limit"),
        ({"time_limit": float("inf")}, ValueError, "time_limit"),
        ({"time_limit": "60"}, TypeError, "time_limit of the task 'shop.t' must be a number, not str"),
        ({"max_running": 0}, ValueError, "max_running of the task 'shop.t' must be above 0"),
        ({"max_running": 1.5}, TypeError, "max_running"),
        ({"max_running": True}, TypeError, "max_running"),
    ],
)
def test_what_is_no_limit_is_refused_where_it_is_written(limits, error, text) -> None:
    with pytest.raises(error, match=text):
        instrumented_task("shop.t", **limits)


def test_a_limit_may_be_a_timedelta() -> None:
    assert instrumented_task("shop.t", time_limit=timedelta(minutes=1))(lambda: None).time_limit == 60.0
    with pytest.raises(ValueError, match=r"time_limit of the task 'shop\.t' must be above 0"):
        instrumented_task("shop.t", time_limit=timedelta(0))


def test_the_error_is_a_timeout() -> None:
    assert issubclass(TimeLimitExceeded, TimeoutError)
