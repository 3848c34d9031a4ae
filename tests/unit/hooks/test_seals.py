from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from support.examples import HOOK

from streamhooks.delayed.admission import Admission
from streamhooks.delayed.queues import Queues
from streamhooks.hooks.seals import Seals
from streamhooks.hooks.table import HooksTable
from streamhooks.hooks.telling import TOLD
from streamhooks.kafka.reader import Record
from streamhooks.limits.restraints import Restraints
from streamhooks.records.hook import Hook

SEALED = replace(HOOK, secret="fernet:lost")


class World:
    def __init__(self, hook: Hook | None = SEALED, *, home: bool = True) -> None:
        self.now, self.home, self.told = 100.0, home, list[tuple[str, object]]()
        self.hooks = SimpleNamespace(
            seals_changed={HOOK.id}, get=lambda _: hook, state=lambda _: None, lasting=lambda _: None
        )
        self.seals = Seals(self.hooks, lambda _: self.home, self.tell, lambda: self.now, lambda: self.now)

    def tell(self, what, hook_id, found):
        assert hook_id == HOOK.id
        self.told.append((what, found["sealed_since"]))


def test_the_owner_is_told_and_told_again_only_if_it_does_not_record_it():
    world = World()
    world.seals.tell()
    world.seals.tell()
    assert world.told == [("sealed", 100.0)]
    world.now += TOLD
    world.seals.tell()
    assert len(world.told) == 2
    world.hooks.seals_changed.clear()
    world.now += TOLD
    world.seals.tell()
    assert len(world.told) == 2


def test_what_changes_again_is_told_at_once():
    world = World(HOOK)
    world.seals.tell()
    world.hooks.seals_changed.clear()
    world.seals.tell()
    world.hooks.seals_changed.add(HOOK.id)
    world.seals.tell()
    assert world.told == [("opened", None), ("opened", None)]


@pytest.mark.parametrize("world", [World(home=False), World(None)], ids=["elsewhere", "deleted"])
def test_others_are_left_to_others(world: World):
    world.seals.tell()
    assert world.told == []
    world.home = True


OVER = replace(HOOK, events=tuple(f"m.{number}" for number in range(101)))


def test_what_is_over_a_bound_is_told_too():
    world = World(OVER)
    world.seals.tell()
    assert world.told == [("sealed", 100.0)]


@pytest.mark.parametrize("hook", [SEALED, OVER], ids=["sealed", "over a bound"])
def test_what_is_blocked_waits_and_catches_nothing_up(hook: Hook):
    hooks = HooksTable("hooks", "states")
    hooks.apply([Record("hooks", 0, 0, 0, HOOK.id.encode(), replace(hook, app_id="1").to_json())])
    restraints = Restraints(hooks, is_owner=lambda _: True, tell=lambda *_: None, clock=lambda: 100.0)
    admission = Admission(hooks, restraints, Queues(), 10)
    assert hooks.is_active(HOOK.id)
    assert restraints.hold_back(HOOK.id) == 0.0
    assert admission.wait(HOOK.id) is None
    assert not admission.may_catch_up(HOOK.id)
    hooks.apply([Record("hooks", 0, 0, 0, HOOK.id.encode(), HOOK.to_json())])
    assert (restraints.hold_back(HOOK.id), admission.wait(HOOK.id)) == (None, 0.0)
    assert admission.may_catch_up(HOOK.id)


def test_deliveries_of_a_sealed_hook_are_held_back_for_the_owner():
    world = World()
    restraints = Restraints(world.hooks, is_owner=lambda _: True, tell=world.tell, clock=lambda: world.now)
    assert restraints.hold_back(HOOK.id) == 0.0
    world.hooks.get = lambda _: HOOK
    assert restraints.hold_back(HOOK.id) is None
