"""What people write who come from Celery: the error names what to write instead."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from streamhooks import NextTask, RetryTaskError, instrumented_task
from streamhooks.tasks.task import Task
from streamhooks.testing import LocalWorker


@pytest.fixture
def task() -> Task[..., Any]:
    return instrumented_task("tests.habits")(lambda order: None)


@pytest.mark.parametrize(
    ("option", "cure"),
    [
        ("queue", "no option 'queue': start some workers with its module only"),
        ("routing_key", "start some workers with its module only"),
        ("priority", "calls of a task start in the order of their time"),
        ("task_id", r"each call gets an id, handle\.id"),
        ("link", "call the next task at the end of this one"),
        ("retry", "a call waits for Kafka by itself"),
        ("serializer", "arguments are JSON"),
        ("anything", r"apply_async: there is no option 'anything' \(docs/tasks\.md\)"),
    ],
)
def test_an_option_of_a_call(task: Task[..., Any], option: str, cure: str) -> None:
    options: dict[str, Any] = {option: "high"}
    with LocalWorker() as worker, pytest.raises(TypeError, match=cure):
        task.apply_async(["o"], **options)
    assert worker.calls == []


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("retry", r"a task has no 'retry': raise RetryTaskError\(countdown=…\)"),
        ("request", r"current_call\(\) tells of the running call"),
        ("delay_on_commit", r"use transaction\.on_commit\(lambda: task\.delay\(…\)\)"),
        ("s", "call the next task at the end of this one"),
        ("apply", r"use streamhooks\.testing\.LocalWorker"),
        ("anything", r"a task has no 'anything' \(docs/tasks\.md\)"),
    ],
)
def test_an_attribute_of_a_task(task: Task[..., Any], name: str, cure: str) -> None:
    with pytest.raises(AttributeError, match=cure):
        getattr(task, name)
    assert not hasattr(task, name)


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        (
            "get",
            r"a call has no 'get': return values are not kept, and result\(timeout\) waits until the call is stored",
        ),
        ("ready", "return values are not kept"),
        ("status", "streamhooks tasks show"),
        ("revoke", "streamhooks tasks drop"),
        ("anything", "a call has no 'anything'"),
    ],
)
def test_an_attribute_of_a_handle(task: Task[..., Any], name: str, cure: str) -> None:
    with LocalWorker():
        handle = task.delay("o")
    with pytest.raises(AttributeError, match=cure):
        getattr(handle, name)


async def test_a_handle_says_how_it_is_awaited(task: Task[..., Any]) -> None:
    with LocalWorker():
        handle = task.delay("o")
        assert await asyncio.ensure_future(handle) == handle.id
        with pytest.raises(TypeError, match=rf"{handle.id}.*await it, or use asyncio\.ensure_future"):
            await asyncio.create_task(handle)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [10, 2.5, timedelta(seconds=10)])
def test_a_delay_is_no_message(given: Any) -> None:
    with pytest.raises(TypeError, match=r"write RetryTaskError\(countdown=…\)"):
        RetryTaskError(given)
    assert str(RetryTaskError(OSError("away"))) == "away"  # type: ignore[arg-type]


def test_the_next_task_is_a_task(task: Task[..., Any]) -> None:
    with pytest.raises(TypeError, match="NextTask: needs a task, not str"):
        NextTask("tests.habits", ["o"])  # type: ignore[arg-type]
    assert NextTask(task, ["o"]).task is task
