"""Distinguish a task that is cancelled or closed from one that awaits something cancelled or raises the same."""

from __future__ import annotations

import asyncio


def is_being_cancelled() -> bool:
    """Tell whether the running task itself is being cancelled, and not only what it awaits."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def is_closed_by_another(task: asyncio.Task[object] | None) -> bool:
    """Tell whether this code of the task, which got a GeneratorExit, does not run in it: its coroutine is closed."""
    try:
        return asyncio.current_task() is not task
    except RuntimeError:  # there is no loop any more
        return True
