"""Stretches for a disabled hook begin before the record is settled, and end after the last record passed over."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from support.examples import HOOK

from streamhooks.backlog.passing import UNDECIDED, PassedOver
from streamhooks.backlog.stretches import Backlog, Stretches
from streamhooks.errors import ProducerDead
from streamhooks.hooks.decisions import Decisions
from streamhooks.kafka.reader import Record, coordinates
from streamhooks.records.stretch import Stretch

TP = ("e", 0)


class World:
    """A worker, its log of stretches, and its partition of a source topic."""

    def __init__(self, previous: World | None = None) -> None:
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
        self.missed = PassedOver(
            Backlog(self.stretches, self.write, self.forget, self.on_gone),
            self,
            self,
            self,
            clock=lambda: self.now,
            steady_clock=lambda: self.now,
        )
        for stretch, value in previous.log if previous else ():
            self.apply(stretch, value)

    async def on_gone(self, stretch, _removed):
        self.gone.append(stretch)

    def holds_lease(self):
        return self.lease

    def topic_id(self, _tp):
        return self.log_id

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


async def test_no_record_is_settled_before_the_first_offset_is_confirmed():
    world = World()
    world.open.clear()
    waiting = [asyncio.create_task(world.pass_over(offset)) for offset in (5, 6)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    world.open.set()
    await asyncio.gather(*waiting)
    assert world.known == [(5, None, None)]


async def test_a_failed_note_is_written_by_the_next_try():
    world = World()
    world.error = ProducerDead("away")
    for _ in range(2):
        with pytest.raises(ProducerDead):
            await world.pass_over(5)
    world.error = None
    await world.pass_over(6)
    assert world.known == [(6, None, None)]


async def test_an_older_record_is_kept_too():
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
async def test_enabling_ends_it_after_the_last_record_passed_over(resume, known):
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


async def test_a_decision_after_the_hook_was_found_disabled_applies_to_the_record():
    world = World()
    keeping = world.missed.pass_over(world.hook, "e:0:5")  # in the turn in which the hook was found disabled
    world.enable("all")
    await keeping
    await world.missed.end()
    assert world.known == [(5, 6, "all")]


async def test_the_first_decision_holds_even_when_the_hook_is_disabled_again_at_once():
    world = World()
    await world.pass_over(5)
    world.decide("all", at=2000.0)
    await world.pass_over(6)  # disabled again, nobody has looked yet: this one is up to the next decision
    world.enable("skip", at=3000.0)
    await world.missed.end()
    assert world.known == [(5, 6, "all")]


async def test_what_somebody_else_has_ended_is_relied_on_no_more():
    world = World()
    await world.pass_over(5)
    ((stretch, _),) = world.log
    world.apply(stretch, None)
    await world.pass_over(6)
    assert world.known == [(6, None, None)]


async def test_without_a_decision_nothing_is_ended_and_in_the_end_it_is_sent():
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


async def test_a_record_during_the_end_begins_a_new_stretch():
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
