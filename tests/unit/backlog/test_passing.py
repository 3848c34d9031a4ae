"""Stretches of what comes for a disabled hook begin before the ack, and end behind the last that was passed over."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from support.examples import HOOK

from streamhooks.backlog.passing import UNDECIDED, Missed
from streamhooks.backlog.stretches import Stretches
from streamhooks.errors import ProducerDead
from streamhooks.hooks.decisions import Decisions
from streamhooks.kafka.reader import Record, coordinates
from streamhooks.records.stretch import Stretch

TP = ("e", 0)


class World:
    """A worker, its log of stretches, and its partition of a source topic."""

    def __init__(self, former: World | None = None) -> None:
        self.now = 1000.0
        self.hook = HOOK
        self.active = False
        self.next: dict[tuple[str, int], int] = {TP: 8, ("e", 1): 1}
        self.assignment = 1
        self.lease = True
        self.decisions = Decisions()
        self.stretches = Stretches()
        self.log: list[tuple[Stretch, bytes | None]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None
        self.log_id = ""
        self.gone: list[Stretch] = []
        self.missed = Missed(
            self.stretches,
            self,
            self,
            write=self.write,
            forget=self.forget,
            holds_lease=lambda: self.lease,
            clock=lambda: self.now,
            steady_clock=lambda: self.now,
            log_of=lambda _tp: self.log_id,
            on_gone=self.gone.append,
        )
        for stretch, value in former.log if former else ():
            self.apply(stretch, value)

    def is_active(self, hook_id):
        return self.active

    def decided(self, hook_id, after):
        return self.decisions.first(hook_id, after)

    def reached(self, tp):
        return self.next.get(tp)

    def number(self, tp):
        return self.assignment if tp in self.next else None

    async def write(self, stretch: Stretch) -> None:
        self.log.append((stretch, stretch.to_json()))
        await self.open.wait()
        if self.error:
            raise self.error
        self.apply(stretch, stretch.to_json())

    async def forget(self, stretch: Stretch) -> None:
        self.log.append((stretch, None))
        self.apply(stretch, None)

    def apply(self, stretch: Stretch, value: bytes | None) -> None:
        assert self.stretches.apply([Record("states", 0, 0, 0, stretch.key.encode(), value)]) == []

    async def pass_over(self, *offsets: int, partition: int = 0) -> None:
        for offset in offsets:
            await self.missed.pass_over(self.hook, f"e:{partition}:{offset}")

    @property
    def known(self) -> list[tuple[int, int | None, str | None]]:
        return [(one.next, one.end, one.resume) for one in self.stretches.of_hook(HOOK.id)]

    def decide(self, resume: str | None, at: float = 2000.0) -> None:
        self.hook = replace(HOOK, resume=resume, resumed_at=at)
        self.decisions.note(HOOK.id, self.hook)

    def enable(self, resume: str | None, at: float = 2000.0) -> None:
        self.decide(resume, at)
        self.active = True


async def test_the_first_offset_is_noted_once():
    world = World()
    await world.pass_over(5, 6, 7)
    assert world.known == [(5, None, None)]
    assert len(world.log) == 1
    await world.pass_over(0, partition=1)
    assert world.known == [(5, None, None), (0, None, None)]


async def test_nobody_goes_on_before_the_first_offset_is_confirmed():
    world = World()
    world.open.clear()
    waiting = [asyncio.create_task(world.pass_over(offset)) for offset in (5, 6)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    world.open.set()
    await asyncio.gather(*waiting)
    assert world.known == [(5, None, None)]


async def test_what_could_not_be_noted_is_noted_when_it_is_tried_again():
    world = World()
    world.error = ProducerDead("away")
    for _ in range(2):
        with pytest.raises(ProducerDead):
            await world.pass_over(5)
    world.error = None
    await world.pass_over(6)
    assert world.known == [(6, None, None)]


async def test_an_older_record_is_held_too():
    world = World()
    await world.pass_over(5, 3)  # a fan-out that had to wait for its resource
    assert world.known == [(3, None, None)]
    world.enable("all")
    await world.missed.end()
    assert world.known == [(3, 6, "all")]


@pytest.mark.parametrize(
    ("resume", "known"),
    [("all", [(5, 7, "all")]), (None, [(5, 7, "all")]), ("1500.5", [(5, 7, "1500.5")]), ("skip", [])],
)
async def test_enabling_ends_it_behind_the_last_record_that_was_passed_over(resume, known):
    world = World()
    await world.pass_over(5, 6)
    await world.missed.end()
    assert world.known == [(5, None, None)]
    world.enable(resume)
    await world.missed.end()
    assert world.known == known
    world.active = False
    await world.pass_over(9)
    assert world.known == [*known, (9, None, None)]


async def test_what_is_decided_after_the_look_decides_about_the_record():
    world = World()
    keeping = world.missed.pass_over(world.hook, "e:0:5")  # in the turn in which the hook was found disabled
    world.enable("all")
    await keeping
    await world.missed.end()
    assert world.known == [(5, 6, "all")]


async def test_the_first_decision_decides_also_when_the_hook_is_disabled_again_at_once():
    world = World()
    await world.pass_over(5)
    world.decide("all", at=2000.0)
    await world.pass_over(6)  # disabled again, nobody has looked yet: this one is up to the next decision
    world.enable("skip", at=3000.0)
    await world.missed.end()
    assert world.known == [(5, 6, "all")]


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


async def test_what_somebody_else_has_ended_is_relied_on_no_more():
    world = World()
    await world.pass_over(5)
    ((stretch, _),) = world.log
    world.apply(stretch, None)
    await world.pass_over(6)
    assert world.known == [(6, None, None)]


async def test_as_long_as_nobody_has_decided_nothing_is_ended_and_then_it_is_sent():
    world = World()
    world.hook = replace(HOOK, resume="all", resumed_at=500.0)
    world.decisions.note(HOOK.id, world.hook)
    await world.pass_over(5)
    world.active = True  # seen active, and nothing that was decided since: this worker may just not know yet
    await world.missed.end()
    world.now += UNDECIDED - 1
    world.active = False
    await world.missed.end()
    world.active = True
    world.now += 2
    await world.missed.end()
    assert world.known == [(5, None, None)]
    world.now += UNDECIDED
    await world.missed.end()
    assert world.known == [(5, 6, "all")]


async def test_what_comes_while_it_ends_begins_a_new_one():
    world = World()
    await world.pass_over(5)
    world.enable("all")
    world.open.clear()
    ending = asyncio.create_task(world.missed.end())
    await asyncio.sleep(0)
    world.active = False
    passing = asyncio.create_task(world.pass_over(8))
    await asyncio.sleep(0)
    world.open.set()
    await asyncio.gather(ending, passing)
    assert world.known == [(5, 6, "all"), (8, None, None)]


def test_coordinates_of_a_topic_with_colons():
    assert coordinates("a:b:3:17") == ("a:b", 3, 17)
    with pytest.raises(ValueError, match="invalid"):
        coordinates("a:b:c")


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
