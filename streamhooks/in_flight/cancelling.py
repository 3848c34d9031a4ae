"""Distinguish a cancelled task from a task that awaits something cancelled."""

from __future__ import annotations

import asyncio


def is_being_cancelled() -> bool:
    """Tell whether the running task itself is being cancelled, and not only what it awaits."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
