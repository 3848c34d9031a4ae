"""What a task knows about its own call, and what a team runs around it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import pytest
from support.fakes import Owner
from support.runs import World

from streamhooks import RetryTaskError, RunningCall, current_call, instrumented_task, middleware, retry
from streamhooks.records.call import DelayedCall
from streamhooks.records.formats import decode
from streamhooks.tasks import middleware as known
from streamhooks.tasks.call import Call
from streamhooks.testing import LocalWorker

SEEN: list[Any] = []
PLACE: ContextVar[str] = ContextVar("place", default="nowhere")


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    SEEN.clear()
    monkeypatch.setattr(known, "registered", [])


@instrumented_task(name="tests.who_am_i", default_retry_delay=60, max_retries=2)
@retry(on=(ConnectionError,))
async def who_am_i(failures: int = 0) -> None:
    await asyncio.sleep(0)
    SEEN.append(call := current_call())
    if call.attempt <= failures:
        raise ConnectionError("away")


@instrumented_task(name="tests.in_a_thread")
def in_a_thread() -> None:
    SEEN.append((current_call().id, PLACE.get()))


async def run(function: Any, *, task: str = "shop.t", **options: Any) -> World:
    """Run a function as a task of a user."""
    world = World()
    world.task(function, task)
    owner = Owner()
    call = Call("call_1", task, 0, 1_000, due=5_000, source="t.events:0:7", **options)
    await world.runners.start(call, owner)
    await asyncio.wait_for(owner.ended.wait(), 30)
    return world


async def test_a_task_knows_its_call() -> None:
    async def task() -> None:
        SEEN.append(current_call())

    await run(task, attempt=3)
    due = datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)
    assert [RunningCall("call_1", "shop.t", 3, 5, due, "t.events:0:7")] == SEEN


async def test_its_id_stays_when_its_dead_letter_is_sent_again() -> None:
    async def task() -> None:
        SEEN.append(current_call().id)

    again = Call("call_2", "shop.t", 0, 1, first_id="call_0")
    stored = decode(DelayedCall, again.record(attempt=2, due=2, reason="retry"))
    assert (stored.id, stored.first_id) == ("call_2", "call_0")
    await run(task, first_id=Call.from_record(stored, 0).first_id)
    assert SEEN == ["call_0"]


def test_its_id_is_that_of_the_handle_in_every_run() -> None:
    with LocalWorker() as worker:
        handle = who_am_i.delay(failures=1)
        worker.run()
    assert [(call.id, call.attempt, call.max_retries) for call in SEEN] == [(handle.id, 1, 2), (handle.id, 2, 2)]
    assert (SEEN[1].due - SEEN[0].due).total_seconds() == 60


def test_a_function_in_its_thread_knows_it_too() -> None:
    with LocalWorker() as worker:
        handle = in_a_thread.delay()
        worker.run()
    assert [(handle.id, "nowhere")] == SEEN


def test_outside_of_a_run_there_is_none() -> None:
    with pytest.raises(RuntimeError, match="in a worker"):
        current_call()


async def test_what_is_around_a_run_is_before_it_and_after_it_the_first_outermost() -> None:
    def around(name: str) -> Any:
        def traced(call: RunningCall) -> Iterator[None]:
            SEEN.append((f"before {name}", call.id, call.attempt))
            yield
            SEEN.append(f"after {name}")

        return traced

    middleware(around("outer"))
    middleware(around("inner"))

    async def task() -> None:
        SEEN.append("run")

    await run(task)
    wanted = [("before outer", "call_1", 1), ("before inner", "call_1", 1), "run", "after inner", "after outer"]
    assert wanted == SEEN


@pytest.mark.parametrize("kind", ["async", "plain"])
@pytest.mark.parametrize("error", [ValueError("v"), StopIteration("s"), SystemExit(3), asyncio.CancelledError()])
async def test_it_gets_the_error_of_a_run_that_fails(kind: str, error: BaseException) -> None:
    @middleware
    def traced(call: RunningCall) -> Iterator[None]:
        try:
            yield
        except BaseException as raised:
            SEEN.append(raised)
            raise
        SEEN.append("after")

    def plain() -> None:
        raise error

    async def coroutine() -> None:
        raise error

    world = await run(coroutine if kind == "async" else plain)
    assert len(world.outputs.dead) == 1
    ((raised),) = SEEN
    assert raised is error or isinstance(raised, RuntimeError)  # Python lets no StopIteration out of a coroutine


async def test_that_it_keeps_an_error_does_not_make_a_failure_a_success() -> None:
    @middleware
    def kept(_call: RunningCall) -> Iterator[None]:
        with contextlib.suppress(ValueError):
            yield

    async def task() -> None:
        raise ValueError("lost")

    world = await run(task)
    assert [reason for _, reason, _ in world.outputs.dead] == ["ValueError: lost"]


def fails_before(_call: RunningCall) -> Iterator[None]:
    raise KeyError("before")
    yield


def fails_after(_call: RunningCall) -> Iterator[None]:
    try:
        yield
    finally:
        raise KeyError("after")


def yields_twice(_call: RunningCall) -> Iterator[None]:
    yield
    yield


def never_yields(_call: RunningCall) -> Iterator[None]:
    if SEEN is None:
        yield


def exits(_call: RunningCall) -> Iterator[None]:
    raise SystemExit(3)
    yield


@pytest.mark.parametrize("broken", [fails_before, fails_after, yields_twice, never_yields, exits])
@pytest.mark.parametrize("fails", [False, True])
async def test_one_that_is_broken_changes_nothing_about_the_run(
    broken: Any, fails: bool, caplog: pytest.LogCaptureFixture
) -> None:
    middleware(broken)

    @middleware
    def inner(_call: RunningCall) -> Iterator[None]:
        try:
            yield
        finally:
            SEEN.append("inner")

    async def task() -> None:
        SEEN.append("run")
        if fails:
            raise ValueError("of the task")

    world = await run(task)
    assert SEEN == ["run", "inner"]
    assert [reason for _, reason, _ in world.outputs.dead] == (["ValueError: of the task"] if fails else [])
    told = [one for one in caplog.messages if "middleware" in one]
    # One that raises in place of a second yield ends with the task's error.
    assert len(told) == (0 if fails and broken is yields_twice else 1)
    assert all("test_running_call" in one and broken.__name__ in one for one in told)


async def test_what_it_sets_is_there_in_the_task_and_in_its_thread() -> None:
    @middleware
    def placed(_call: RunningCall) -> Iterator[None]:
        token = PLACE.set("here")
        yield
        PLACE.reset(token)

    async def coroutine() -> None:
        SEEN.append(PLACE.get())

    def plain() -> None:
        SEEN.append(PLACE.get())

    await run(coroutine)
    await run(plain)
    assert SEEN == ["here", "here"]


async def test_it_is_around_no_task_of_ours() -> None:
    @middleware
    def traced(call: RunningCall) -> Iterator[None]:
        SEEN.append(call)
        yield

    async def task() -> None:
        """Do nothing."""

    await run(task, task="streamhooks.t")
    assert SEEN == []


@pytest.mark.parametrize("wrong", [lambda _call: None, "text", asyncio.sleep])
def test_what_is_no_generator_function_is_refused_where_it_is_defined(wrong: Any) -> None:
    with pytest.raises(TypeError, match="one yield"):
        middleware(wrong)


def test_a_module_that_is_imported_again_registers_nothing_twice() -> None:
    for _ in range(2):
        code: dict[str, Any] = {"__name__": "shop.tracing"}
        exec("def traced(call):\n    yield", code)
        middleware(code["traced"])
    assert len(known.registered) == 1


def test_what_a_factory_makes_is_registered_each_time() -> None:
    def make() -> Any:
        def made(_call: RunningCall) -> Iterator[None]:
            yield

        return made

    one, another = make(), make()
    for each in (one, another, another):
        middleware(each)
    assert known.registered == [one, another]


async def test_a_call_that_is_given_up_is_an_error_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def task() -> None:
        try:
            raise ConnectionError("the bank is away")
        except ConnectionError as error:
            raise RetryTaskError("later") from error

    await run(task, attempt=6)
    (told,) = [one for one in caplog.records if one.name.endswith("endings")]
    assert told.levelno == logging.ERROR
    assert "task=shop.t" in told.getMessage()
    assert "ConnectionError: the bank is away" in told.getMessage()
    assert "test_running_call.py" in told.getMessage()


async def test_one_that_is_retried_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    async def task() -> None:
        raise RetryTaskError("later")

    await run(task)
    (told,) = [one for one in caplog.records if one.name.endswith("endings")]
    assert (told.levelno, "Traceback" in told.getMessage()) == (logging.WARNING, False)
