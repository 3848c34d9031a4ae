"""A coordinator that says that nothing is committed, where something is: it is asked again before all is sent again."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from faust.types import TP
from test_positions import A, B, World

from streamhooks.faust_patches.positions import ASKED_AGAIN
from streamhooks.kafka.logs import Reading


async def taken_over(world: World, tps: Collection[TP], tries: int) -> dict[TP, int]:
    """Take over as the consumer does: again after each TimeoutError, of which there are `tries`."""
    for _ in range(tries):
        with pytest.raises(TimeoutError, match="nothing is committed of 1 partitions"):
            await world.positions.take_over(tps)
    return await world.positions.take_over(tps)


async def test_it_is_asked_again_where_another_partition_was_read() -> None:
    world = World()
    world.commits[B], world.late[B] = None, Reading(20, "id", 3)
    assert await taken_over(world, [A, B], 1) == {A: 10, B: 20}


async def test_in_the_end_it_is_believed() -> None:
    world = World()
    world.commits[B] = None
    for _ in range(2):
        assert await taken_over(world, [A, B], ASKED_AGAIN) == {A: 10, B: 0}


async def test_a_new_installation_does_not_wait_but_what_was_read_here_is_doubted() -> None:
    world = World()
    world.commits, world.late = {}, {A: Reading(10, "id", 3)}
    assert await taken_over(world, [A, B], 0) == {A: 0, B: 0}
    world.positions.forget([A, B])
    world.commits = {}
    assert await taken_over(world, [A], 1) == {A: 10}
