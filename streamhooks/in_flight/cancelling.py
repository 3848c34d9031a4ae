"""Whose cancellation a CancelledError is."""

from __future__ import annotations

import asyncio


def is_let_go() -> bool:
    """Tell whether somebody cancels the running task itself; else what it waits for was cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
