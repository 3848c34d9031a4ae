"""What Faust waits for by the clock, a worker does when it can be done: tables at its start, tasks at its end."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from unittest.mock import AsyncMock

import pytest

from streamhooks.faust_patches.recovery import TableManager
from streamhooks.faust_patches.worker import Worker


@pytest.mark.parametrize("is_stopping", [False, True])
async def test_tables_are_registered_without_a_pause(monkeypatch: pytest.MonkeyPatch, is_stopping: bool):
    manager = TableManager.__new__(TableManager)
    manager._update_channels, manager._recovery = AsyncMock(), SimpleNamespace(start=AsyncMock())
    monkeypatch.setattr(TableManager, "sleep", AsyncMock(side_effect=AssertionError("it sleeps")))
    monkeypatch.setattr(TableManager, "should_stop", is_stopping)
    await manager.on_start()
    assert manager._update_channels.await_count == manager._recovery.start.await_count == int(not is_stopping)


async def test_the_end_waits_for_what_was_cancelled(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asyncio, "sleep", AsyncMock(side_effect=AssertionError("it sleeps")))
    ended, may_end = asyncio.Event(), asyncio.Event()

    async def lingers() -> None:
        await may_end.wait()
        ended.set()

    left = asyncio.ensure_future(lingers())
    asyncio.get_running_loop().call_later(0.01, may_end.set)
    await Worker._sentinel_task(Worker.__new__(Worker))
    assert ended.is_set()
    assert left.done()
    await Worker._sentinel_task(Worker.__new__(Worker))  # nothing is left
