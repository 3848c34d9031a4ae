"""Stretches of what comes for a disabled hook begin before the ack, and end where the hook is sent to again."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from streamhooks.in_flight.tracker import Tracker
from streamhooks.kafka.reader import Record, coordinates
from streamhooks.records.hook import Hook
from streamhooks.records.stretch import Stretch
from streamhooks.tables.stretches import Stretches
from streamhooks.tasks.missed import UNDECIDED, Missed

HOOK = Hook(id="a" * 32, organization_id="1", url="https://example.com/", events=(), secret="x" * 16)


class World:
    def __init__(self) -> None:
        self.now = 1000.0
        self.hook: Hook | None = HOOK
        self.active = False
        self.next: dict[tuple[str, int], int] = {("e", 0): 8}
        self.stretches = Stretches()
        self.log: list[Stretch] = []
        self.open = asyncio.Event()
        self.open.set()
        self.log_id = ""
        self.gone: list[Stretch] = []
        self.missed = Missed(
            self.stretches,
            self,
            write=self.write,
            forget=self.forget,
            reached=self.next.get,
            clock=lambda: self.now,
            steady_clock=lambda: self.now,
            log_of=lambda _tp: self.log_id,
            on_gone=self.gone.append,
        )

    def get(self, hook_id):
        return self.hook

    def is_active(self, hook_id):
        return self.active

    async def write(self, stretch: Stretch) -> None:
        self.log.append(stretch)
        await self.open.wait()
        self.apply(stretch, stretch.to_json())

    async def forget(self, stretch: Stretch) -> None:
        self.apply(stretch, None)

    def apply(self, stretch: Stretch, value: bytes | None) -> None:
        assert self.stretches.apply([Record("states", 0, 0, 0, stretch.key.encode(), value)]) == []

    @property
    def known(self) -> list[tuple[int, int | None, str | None]]:
        return [(one.next, one.end, one.resume) for one in self.stretches.of_hook(HOOK.id)]

    def enable(self, resume: str | None, at: float = 2000.0) -> None:
        self.hook = replace(HOOK, resume=resume, resumed_at=at)
        self.active = True


async def test_the_first_offset_is_noted_once():
    world = World()
    for offset in (5, 6, 7):
        await world.missed.pass_over(HOOK.id, f"e:0:{offset}")
    assert world.known == [(5, None, None)]
    assert len(world.log) == 1
    assert world.missed.covers(HOOK.id, "e:0:9")
    assert not world.missed.covers(HOOK.id, "e:0:4")
    assert not world.missed.covers(HOOK.id, "e:1:9")


async def test_nobody_goes_on_before_the_first_offset_is_confirmed():
    world = World()
    world.open.clear()
    waiting = [asyncio.create_task(world.missed.pass_over(HOOK.id, f"e:0:{offset}")) for offset in (5, 6)]
    await asyncio.sleep(0)
    assert not world.missed.covers(HOOK.id, "e:0:6")
    assert not any(task.done() for task in waiting)
    world.open.set()
    await asyncio.gather(*waiting)
    assert world.known == [(5, None, None)]


async def test_an_older_record_begins_a_stretch_of_its_own():
    world = World()
    await world.missed.pass_over(HOOK.id, "e:0:5")
    await world.missed.pass_over(HOOK.id, "e:0:3")  # a fan-out that had to wait for its resource
    assert world.known == [(3, None, None), (5, None, None)]


@pytest.mark.parametrize(("resume", "known"), [("all", [(5, 8, "all")]), ("1500.5", [(5, 8, "1500.5")]), ("skip", [])])
async def test_enabling_ends_it_where_the_hook_is_sent_to_again(resume, known):
    world = World()
    await world.missed.pass_over(HOOK.id, "e:0:5")
    await world.missed.end()
    assert world.known == [(5, None, None)]
    world.enable(resume)
    await world.missed.end()
    assert world.known == known
    world.active = False
    await world.missed.pass_over(HOOK.id, "e:0:9")
    assert world.known == [*known, (9, None, None)]


async def test_what_a_former_owner_passed_over_is_in_it_although_the_floor_lies_below():
    world = World()
    await world.missed.pass_over(HOOK.id, "e:0:5")
    tracker = Tracker(tells_above=True)  # of the next owner, who takes up 5 and none of the others
    tracker.assign(("e", 0), 5, None, above=((6, 20),))
    missed = Missed(
        world.stretches,
        world,
        write=world.write,
        forget=world.forget,
        reached=tracker.reached,
        clock=lambda: world.now,
    )
    world.enable("all")
    await missed.end()
    assert world.known == [(5, 20, "all")]


async def test_the_owner_of_the_partition_ends_it():
    world = World()
    await world.missed.pass_over(HOOK.id, "e:0:5")
    world.enable("all")
    del world.next["e", 0]
    await world.missed.end()
    assert world.known == [(5, None, None)]


async def test_a_decision_from_before_it_began_is_about_another_one():
    world = World()
    world.hook = replace(HOOK, resume="all", resumed_at=500.0)
    await world.missed.pass_over(HOOK.id, "e:0:5")
    world.active = True  # seen active, and nothing that was decided since: this worker may just not know yet
    await world.missed.end()
    assert world.known == [(5, None, None)]
    world.now += UNDECIDED
    await world.missed.end()
    assert world.known == []


async def test_what_comes_while_it_ends_begins_a_new_one():
    world = World()
    await world.missed.pass_over(HOOK.id, "e:0:5")
    world.enable("all")
    world.open.clear()
    ending = asyncio.create_task(world.missed.end())
    await asyncio.sleep(0)
    world.active = False
    passing = asyncio.create_task(world.missed.pass_over(HOOK.id, "e:0:8"))
    await asyncio.sleep(0)
    world.open.set()
    await asyncio.gather(ending, passing)
    assert world.known == [(5, 8, "all"), (8, None, None)]


def test_coordinates_of_a_topic_with_colons():
    assert coordinates("a:b:3:17") == ("a:b", 3, 17)
    with pytest.raises(ValueError, match="invalid"):
        coordinates("a:b:c")


async def test_a_stretch_names_its_log_and_covers_nothing_of_another_one():
    world = World()
    world.log_id = "A"
    await world.missed.pass_over(HOOK.id, "e:0:5")
    assert [stretch.log for stretch in world.log] == ["A"]
    assert world.missed.covers(HOOK.id, "e:0:7")
    world.log_id, world.next["e", 0] = "B", 8
    assert not world.missed.covers(HOOK.id, "e:0:7")
    await world.missed.pass_over(HOOK.id, "e:0:7")
    assert [stretch.log for stretch in world.log] == ["A", "B"]
    await world.missed.end()
    # What it had missed on the former one is gone, which is told; the other goes on.
    assert [stretch.log for stretch in world.gone] == ["A"]
    assert world.known == [(7, None, None)]
    world.enable("all")
    await world.missed.end()
    assert world.known == [(7, 8, "all")]


async def test_a_stretch_that_names_no_log_is_taken_for_one_of_this():
    world = World()
    await world.missed.pass_over(HOOK.id, "e:0:5")
    world.log_id = "B"
    assert world.missed.covers(HOOK.id, "e:0:7")
    await world.missed.end()
    assert world.gone == []


async def test_the_same_offset_of_another_log_is_another_stretch_while_the_first_one_is_written():
    world = World()
    world.log_id = "A"
    world.open.clear()
    first = asyncio.ensure_future(world.missed.pass_over(HOOK.id, "e:0:5"))
    await asyncio.sleep(0)
    world.log_id = "B"
    second = asyncio.ensure_future(world.missed.pass_over(HOOK.id, "e:0:5"))
    await asyncio.sleep(0)
    world.open.set()
    await asyncio.gather(first, second)
    assert [stretch.log for stretch in world.log] == ["A", "B"]
