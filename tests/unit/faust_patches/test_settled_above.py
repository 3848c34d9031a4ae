"""What is settled above the offset that is committed: not taken up again, as long as the log is the same."""

from __future__ import annotations

import pytest
from faust.types import TP
from test_positions import A, World

from streamhooks.in_flight.progress import Settled
from streamhooks.kafka.logs import Log, Reading
from streamhooks.kafka.reader import Record


def taken_up(world: World, tp: TP, offsets: range, epoch: int = 3) -> list[int]:
    """Have these records come; return those that are taken up, which settles them."""
    taken = []
    for offset in offsets:
        assert world.positions.note(Record(*tp, offset, 0, None, b"", (), epoch, world.tracker.number(tp) or 0))
        ticket = world.tracker.start(tp, offset, world.tracker.number(tp) or 0)
        if ticket is not None:
            taken.append(offset)
            ticket.release()
    return taken


async def with_above(*above: tuple[int, int]) -> World:
    world = World()
    world.commits[A] = Reading(10, "id", 3, above)
    return await world.begin()


async def test_what_is_settled_above_the_offset_is_not_taken_up_again() -> None:
    world = await with_above((12, 14), (20, 30))
    assert dict(world.tracker.committable()) == {}
    assert world.positions.reading(A, Settled(10, ((12, 14),))) == Reading(10, "id", 3, ((12, 14),))
    assert taken_up(world, A, range(10, 40)) == [10, 11, *range(14, 20), *range(30, 40)]
    assert dict(world.tracker.committable()) == {A: Settled(40)}


@pytest.mark.parametrize(
    "read",
    [
        Reading(10, "former", 3, ((12, 14),)),
        Reading(10, "", 3, ((12, 14),)),
        Reading(10, "id", -1, ((12, 14),)),
    ],
    ids=["another log", "no topic id", "no epoch"],
)
async def test_of_a_log_that_may_be_another_one_nothing_above_the_offset_is_known(read: Reading) -> None:
    world = World()
    world.commits[A] = read
    await world.begin()
    start = world.tracker.expected(A) or 0
    assert taken_up(world, A, range(start, 20)) == [*range(start, 20)]


async def test_what_a_log_has_lost_above_the_offset_is_not_settled() -> None:
    world = World()
    world.commits[A], world.ends[A] = Reading(10, "id", 2, ((12, 30),)), 15
    await world.begin()
    assert world.reported == []
    assert dict(world.tracker.committable()) == {A: Settled(10, ((12, 15),))}
    assert taken_up(world, A, range(10, 20)) == [10, 11, 15, 16, 17, 18, 19]


async def test_retention_that_overtakes_leaves_what_is_settled_above() -> None:
    world = World()
    world.logs_now[A] = Log("id", 3, 25, 100)
    world.commits[A] = Reading(10, "id", 3, ((20, 30), (40, 50)))
    await world.begin()
    assert world.reported == [(A, "overtaken", 15)]
    assert taken_up(world, A, range(25, 60)) == [*range(30, 40), *range(50, 60)]


async def test_a_record_of_a_later_epoch_is_none_that_was_settled() -> None:
    world = await with_above((20, 50))
    assert taken_up(world, A, range(10, 25)) == [*range(10, 20)]
    assert taken_up(world, A, range(25, 50), epoch=4) == [*range(25, 50)]


@pytest.mark.parametrize(("kept", "taken"), [(30, range(30, 60)), (None, range(15, 60)), (80, range(50, 60))])
async def test_where_the_epoch_ends_in_the_log_ends_what_is_settled(kept: int | None, taken: range) -> None:
    world = await with_above((20, 50))
    taken_up(world, A, range(10, 15))
    world.logs_now[A], world.ends[A] = Log("id", 4, 0, 100), kept
    await world.positions.check()
    assert world.reported == []
    assert taken_up(world, A, range(15, 60), epoch=-1) == [*range(15, 20), *(n for n in taken if n >= 20)]


async def test_a_log_that_moves_under_a_running_worker_takes_along_what_was_settled() -> None:
    world = await with_above((20, 50))
    world.logs_now[A] = Log("other", 0, 0, 100)
    await world.positions.check()
    assert taken_up(world, A, range(60), epoch=0) == [*range(60)]
