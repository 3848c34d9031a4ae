"""What a former owner began, or what is of another log: who ends it, and who may take it in."""

from __future__ import annotations

import asyncio

from test_passing import TP, World


async def test_the_next_owner_ends_what_a_former_one_began_where_it_has_come_to():
    former = World()
    await former.pass_over(5)
    world = World(former)
    world.enable("all")
    world.next[TP] = 20
    await world.missed.end()
    assert world.known == [(5, 20, "all")]


async def test_only_an_owner_whose_lease_holds_ends_anything():
    world = World()
    await world.pass_over(5)
    world.enable("all")
    world.lease = False
    await world.missed.end()
    assert world.known == [(5, None, None)]
    world.lease = True
    del world.next[TP]
    await world.missed.end()
    assert world.known == [(5, None, None)]


async def test_nobody_relies_on_what_another_owner_began():
    former = World()
    await former.pass_over(5)
    world = World(former)
    await world.pass_over(9, 10)
    # One stretch all the same: the new one takes the former one in.
    assert world.known == [(5, None, None)]
    assert len(world.log) == 2
    # The former owner wakes up and ends its own, or what it wrote long ago comes now.
    former.enable("all")
    await former.missed.end()
    world.apply(*former.log[-1])
    world.enable("all")
    await world.missed.end()
    assert sorted(world.known) == [(5, 6, "all"), (5, 11, "all")]


async def test_without_the_lease_nothing_is_taken_in():
    later = World()
    await later.pass_over(5)
    world = World(later)
    world.lease = False
    await world.pass_over(4)
    assert world.known == [(4, None, None), (5, None, None)]


async def test_what_was_decided_is_not_taken_in():
    former = World()
    await former.pass_over(5)
    world = World(former)
    world.decide("skip")
    await world.pass_over(9)
    assert world.known == [(5, None, None), (9, None, None)]
    await world.missed.end()
    assert world.known == [(9, None, None)]


async def test_in_another_assignment_a_stretch_is_begun_anew():
    world = World()
    await world.pass_over(5)
    world.assignment += 1
    await world.pass_over(6)
    assert world.known == [(5, None, None)]
    assert len({stretch.key for stretch, _ in world.log}) == 2


async def test_a_stretch_names_its_log_and_covers_nothing_of_another_one():
    world = World()
    world.log_id = "A"
    await world.pass_over(5, 7)
    assert [stretch.log for stretch, _ in world.log] == ["A"]
    world.log_id, world.next[TP] = "B", 8
    await world.pass_over(7)
    assert [stretch.log for stretch, _ in world.log] == ["A", "B"]
    await world.missed.end()
    # What it had missed on the former one is gone, which is told; the other goes on.
    assert [stretch.log for stretch in world.gone] == ["A"]
    assert world.known == [(7, None, None)]
    world.enable("all")
    await world.missed.end()
    assert world.known == [(7, 8, "all")]


async def test_a_stretch_that_names_no_log_is_taken_for_one_of_this():
    world = World()
    await world.pass_over(5)
    world.log_id = "B"
    await world.pass_over(7)
    assert len(world.log) == 1
    await world.missed.end()
    assert world.gone == []


async def test_the_same_offset_of_another_log_is_another_stretch_while_the_first_one_is_written():
    world = World()
    world.log_id = "A"
    world.open.clear()
    first = asyncio.ensure_future(world.pass_over(5))
    await asyncio.sleep(0)
    world.log_id = "B"
    second = asyncio.ensure_future(world.pass_over(5))
    await asyncio.sleep(0)
    world.open.set()
    await asyncio.gather(first, second)
    assert [stretch.log for stretch, _ in world.log] == ["A", "B"]


async def test_what_0_1_0_began_names_no_log_and_is_taken_in():
    former = World()
    await former.pass_over(5)
    world = World(former)
    world.log_id = "A"
    await world.pass_over(9)
    assert [(one.next, one.log) for one in world.stretches] == [(5, "A")]
    another = World(world)
    another.log_id = "B"
    await another.pass_over(2)
    assert [(one.next, one.log) for one in another.stretches] == [(2, "B"), (5, "A")]
