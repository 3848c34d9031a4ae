"""The lease on our partitions begins when a heartbeat is sent: an answer that is read late proves nothing."""

from __future__ import annotations

import pytest

from streamhooks.faust_patches.group import watched


@pytest.mark.parametrize(("alive", "noted"), [(True, [100.0]), (False, [])])
async def test_a_process_that_is_paused_before_it_reads_the_answer(alive: bool, noted: list[float]) -> None:
    now = 100.0

    async def heartbeat() -> bool:
        nonlocal now
        now += 30.0  # stopped here
        return alive

    notes: list[float] = []
    assert await watched(heartbeat, notes.append, lambda: now)() == alive
    assert notes == noted
