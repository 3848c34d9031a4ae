"""The bytes of running calls are bounded, and waiting calls get room in order of arrival."""

from __future__ import annotations

import asyncio

import pytest

from streamhooks.in_flight.room import Weight, divided


async def waiting(weight: Weight, *sizes: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(weight.take(size)) for size in sizes]
    await asyncio.sleep(0)
    return tasks


async def done(*tasks: asyncio.Task[None]) -> list[bool]:
    for _ in range(3):
        await asyncio.sleep(0)
    return [task.done() for task in tasks]


async def test_what_does_not_fit_waits_in_turn_the_small_behind_the_large():
    weight = Weight(100)
    await weight.take(60)
    large, small = await waiting(weight, 50, 10)
    assert await done(large, small) == [False, False]
    weight.give_back(60)
    assert await done(large, small) == [True, True]
    assert weight.taken == 60
    assert not weight.fits(41)
    assert weight.fits(40)


async def test_one_alone_has_room_whatever_its_size():
    weight = Weight(100)
    await weight.take(1000)
    (other,) = await waiting(weight, 1)
    assert await done(other) == [False]
    weight.give_back(1000)
    assert await done(other) == [True]


@pytest.mark.parametrize("granted", [False, True])
async def test_who_gives_up_keeps_no_room_and_no_turn(granted):
    weight = Weight(100)
    await weight.take(100)
    gone, after = await waiting(weight, 90, 100)
    if granted:
        weight.give_back(100)  # it has its turn, and does not know yet
    gone.cancel()
    if not granted:
        await done(gone)
        weight.give_back(100)
    assert await done(gone, after) == [True, True]
    assert gone.cancelled()
    assert weight.taken == 100


async def test_there_is_no_bound_unless_it_is_given():
    weight = Weight()
    await weight.take(2**40)
    await weight.take(2**40)
    assert weight.fits(2**62)


def test_what_four_topics_have_fetched_and_what_is_unsettled_is_what_there_is_about():
    parts = divided(64_000_000)
    assert parts.unsettled + 4 * 2 * parts.ahead == 64_000_000
