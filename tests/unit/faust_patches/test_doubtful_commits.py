"""A coordinator that says that nothing is committed, where something is: it is asked again before all is sent again."""

from __future__ import annotations

import pytest
from test_positions import A, B, World

from streamhooks.faust_patches import positions
from streamhooks.kafka.logs import Reading


async def test_that_nothing_is_committed_is_asked_again_where_that_is_unlikely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "DOUBT", 0.0)
    world = World()
    world.commits[B], world.late[B] = None, Reading(20, "id", 3)
    assert await world.positions.take_over([A, B]) == {A: 10, B: 20}
    # Nobody had a commit: it is a new installation, and it does not wait.
    world = World()
    world.commits, world.late = {}, {A: Reading(10, "id", 3)}
    assert await world.positions.take_over([A, B]) == {A: 0, B: 0}
    # But it was read here before.
    world.positions.forget([A, B])
    world.commits, world.late = {}, {A: Reading(10, "id", 3)}
    assert await world.positions.take_over([A]) == {A: 10}
