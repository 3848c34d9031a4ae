"""Records of a later leader epoch, fetched by a client that does not check the log itself."""

from __future__ import annotations

import pytest
from faust.types import TP
from test_positions import A, B, World

from streamhooks.faust_patches.fetching import Seek
from streamhooks.in_flight.progress import Settled
from streamhooks.kafka.logs import Log, Reading


@pytest.fixture
async def world() -> World:
    """Return a world whose log A was read to 40 in epoch 3."""
    world = World()
    world.checks_logs = False
    await world.begin()
    assert all(world.fetched(*range(10, 40)))
    return world


def cut_and_grown(world: World, end: int = 25, tp: TP = A) -> None:
    world.logs_now[tp], world.ends[tp] = Log("id", 5, 0, 1000), end


async def test_they_come_before_anybody_looked_and_what_replaced_the_lost_records_is_read(world) -> None:
    cut_and_grown(world)
    assert world.fetched(40, 41, epoch=5) == [False, False]
    assert world.positions.reading(A, Settled(40)) == Reading(40, "id", 3)  # whoever takes over finds out, too
    await world.positions.check()
    assert world.reported == [(A, "shorter", 0)]
    assert world.moves == [{A: Seek(25, 5, 3)}]
    assert world.holes == []
    assert all(world.fetched(*range(25, 60), epoch=5))


async def test_where_nothing_was_lost_they_are_read_again_and_handed_over(world) -> None:
    cut_and_grown(world, end=40)
    assert world.fetched(40, 41, epoch=5) == [False, False]
    await world.positions.check()
    assert (world.reported, world.moves) == ([], [{A: Seek(40, 5, 1)}])
    assert world.fetched(40, 41, epoch=5) == [True, True]
    await world.positions.check()
    assert (world.asked_epochs, len(world.moves), world.holes) == ([{A: 3}], 1, [])


async def test_an_answer_of_before_they_came_lets_none_pass_by(world) -> None:
    cut_and_grown(world, end=40)
    world.meanwhile = lambda: world.fetched(40, 41, epoch=5) if not world.asked_epochs else None
    await world.positions.check()
    assert world.fetched(42, epoch=5) == [False]  # else 40 and 41 were taken for a gap
    await world.positions.check()
    assert (world.moves, world.holes) == ([{A: Seek(40, 5, 1)}], [])
    assert world.fetched(40, 41, 42, epoch=5) == [True, True, True]


async def test_records_of_a_leader_of_before_that_came_after_the_answer_are_held_against_the_log(world) -> None:
    cut_and_grown(world, end=42)
    world.meanwhile = lambda: world.fetched(40, 41, 42, 43) if not world.asked_epochs else None
    await world.positions.check()
    assert world.reported == []
    assert world.fetched(44, epoch=5) == [False]
    await world.positions.check()
    assert world.reported == [(A, "shorter", 0)]
    assert world.moves == [{A: Seek(42, 5, 3)}]


async def test_a_leader_of_before_that_still_answers_is_not_believed(world) -> None:
    world.logs_now[A] = Log("id", 3, 0, 40)
    assert world.fetched(40, epoch=5) == [False]
    await world.positions.check()
    assert world.fetched(40, epoch=5) == [False]
    cut_and_grown(world)
    await world.positions.check()
    assert world.reported == [(A, "shorter", 0)]


async def test_other_partitions_go_on(world) -> None:
    assert world.fetched(40, epoch=5) == [False]
    assert world.fetched(20, 21, tp=B) == [True, True]


async def test_of_brokers_that_name_no_epochs_they_are_handed_over() -> None:
    world = World()
    world.checks_logs = False
    world.logs_now[A] = Log("id", -1, 0, 100)
    await world.begin()
    assert world.fetched(10, epoch=3) == [True]
    assert world.fetched(11, epoch=5) == [True]


async def test_a_client_that_checks_the_log_is_believed(world) -> None:
    world.checks_logs = True
    assert world.fetched(40, 41, epoch=5) == [True, True]
    assert world.positions.reading(A, Settled(42)).epoch == 5
