"""The marks of owners: who takes a partition over knows how its former owner ended."""

from __future__ import annotations

import asyncio

from support.lives import Fleet, hangs, poison, quick
from support.runs import NOW, scheduling

from streamhooks.delayed.owner_marks import SUSPECTED, key_of, mark_of
from streamhooks.delayed.pending import Pending
from streamhooks.kafka.reader import Record
from streamhooks.records.call import ATTEMPT_HEADER, DelayedCall
from streamhooks.records.formats import decode


async def test_a_clean_end_suspects_nobody_and_takes_its_mark_back() -> None:
    fleet = Fleet({"shop.hangs": hangs, "shop.t": quick})
    fleet.call(0, "shop.hangs")
    assert await fleet.live(until=lambda: "shop.hangs" in fleet.running, leave=True)
    assert fleet.log[-1].key.decode() == key_of(0)
    assert fleet.log[-1].value is None
    fleet.call(1, "shop.t")
    assert await fleet.live(until=lambda: fleet.open == {"c0"})
    assert fleet.marks("c0") == [0]


async def test_who_leaves_before_all_have_run_alone_says_so_and_blames_nobody() -> None:
    fleet = Fleet({"shop.hangs": hangs, "shop.poison": poison})
    fleet.call(0, "shop.poison")
    assert not await fleet.live()
    fleet.call(1, "shop.hangs")
    fleet.tasks["shop.poison"] = hangs
    assert await fleet.live(until=lambda: bool(fleet.running), leave=True)
    assert fleet.marks("c0")[-1] == 0
    assert decode(DelayedCall, fleet.log[-1].value).args == [SUSPECTED]
    fleet.tasks["shop.poison"] = poison
    assert not await fleet.live()
    assert fleet.beside[-1] == {"shop.poison"}


async def test_calls_that_were_not_due_are_not_suspected() -> None:
    fleet = Fleet({"shop.t": quick})
    later = DelayedCall("later", "shop.t", 1, int(NOW * 1000) + 5, 0, "countdown")
    fleet.log.append(Record("delayed", 0, 0, 0, b"later", later.to_json()))
    fleet.log.append(Record("delayed", 0, 1, 0, key_of(0).encode(), mark_of(0, "somebody", 1)))
    world = fleet.new_world()
    async with scheduling(world, *fleet.log, has_tasks=True):
        while world.takeovers._marked != {0}:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert not world.alone.is_on


def test_who_does_not_know_marks_takes_one_for_a_call_that_is_never_due() -> None:
    pending, in_2900 = Pending(), 29_348_006_400_000
    for number in range(3):
        mark = mark_of(0, "somebody", 1000 + number)
        assert pending.apply(Record("delayed", 0, 2 * number, 0, key_of(0).encode(), mark)) is not None
        assert list(pending.pop_due(in_2900, lambda _partition: True)) == []
        headers = ((ATTEMPT_HEADER, str(1000 + number).encode()),)
        pending.apply(Record("delayed", 0, 2 * number + 1, 0, key_of(0).encode(), None, headers))
        assert (len(pending), pending.heals(0)) == (0, [])


async def test_nothing_starts_before_the_mark_is_in_the_log() -> None:
    fleet = Fleet({"shop.t": quick})
    fleet.call(0, "shop.t")
    world = fleet.new_world()
    asked = asyncio.Event()

    async def never(*_args, **_options):
        asked.set()
        await asyncio.Event().wait()

    world.publish = never
    async with scheduling(world, *fleet.log, has_tasks=True):
        await asyncio.wait_for(asked.wait(), 10)
        for _ in range(20):
            world.queues.changed.set()
            await asyncio.sleep(0)
        assert fleet.runs == {}


async def test_a_mark_that_a_late_owner_deletes_is_written_again() -> None:
    fleet = Fleet({})
    world = fleet.new_world()
    async with scheduling(world, has_tasks=True), asyncio.timeout(10):
        while world.takeovers._marked != {0}:  # noqa: ASYNC110
            await asyncio.sleep(0)
        fleet.log.clear()
        world.log.apply([Record("delayed", 0, 9, 0, key_of(0).encode(), None, ((ATTEMPT_HEADER, b"1"),))])
        while not fleet.log:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert decode(DelayedCall, fleet.log[0].value).args == [world.takeovers.me]
