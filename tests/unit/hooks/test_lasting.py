"""How long what was found about a hook lasts, whatever the time of day says; with injected clocks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streamhooks.hooks.lasting import Lasting
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.reader import Record
from streamhooks.records.hook import Hook
from streamhooks.records.hook_state import HookState

HOOK = Hook(id="a" * 32, organization_id="1", url="https://example.com/", events=(), secret="x" * 16)
WALL = 1_700_000_000.0
HOUR = 3600.0


class World:
    def __init__(self) -> None:
        self.steady, self.wall = 500.0, WALL
        self.table = HooksTable("hooks", "states", clock=lambda: self.wall, steady_clock=lambda: self.steady)
        self.table.apply([Record("hooks", 0, 0, 0, HOOK.id.encode(), HOOK.to_json())])

    def read(self, **found: object) -> Lasting:
        state = HookState(HOOK.id, **found)
        assert self.table.apply([Record("states", 0, 0, 0, HOOK.id.encode(), state.to_json())]) == []
        known = self.table.lasting(HOOK.id)
        assert known is not None
        return known

    @property
    def shown(self) -> float | None:
        return self.table.status(HOOK.id).paused_until


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("off", [-HOUR, 0.0, HOUR])
def test_what_comes_lasts_from_now_on_though_the_writers_clock_is_another(world: World, off: float) -> None:
    world.table.go_live()
    known = world.read(paused_until=WALL + off + 60, paused_for=60.0, open_since=WALL + off, failing_since=WALL + off)
    assert (known.pause_left(), known.open_since, known.failing_since) == (60.0, 500.0, 500.0)


def test_what_was_there_at_the_start_is_as_old_as_the_time_of_day_says(world: World) -> None:
    known = world.read(paused_until=WALL + 20, paused_for=60.0, open_since=WALL - 40, failing_since=WALL - HOUR)
    assert (known.pause_left(), known.open_since, known.failing_since) == (20.0, 460.0, 500.0 - HOUR)
    assert world.read(paused_until=WALL - 20, paused_for=60.0).pause_left() == 0.0


def test_and_never_longer_than_it_was_to_last(world: World) -> None:
    world.wall -= HOUR
    known = world.read(paused_until=WALL + 20, paused_for=60.0, open_since=WALL - 40)
    assert (known.pause_left(), known.open_since) == (60.0, 500.0)


@pytest.mark.parametrize("is_live", [False, True])
def test_what_0_1_0_wrote_says_until_when(world: World, is_live: bool) -> None:
    if is_live:
        world.table.go_live()
    assert world.read(paused_until=WALL + 20).pause_left() == 20.0
    assert world.read(paused_until=WALL - 20).pause_left() == 0.0


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_a_jump_changes_nothing_that_is_known(world: World, jump: float) -> None:
    world.table.go_live()
    before = world.read(paused_until=WALL + 60, paused_for=60.0, open_since=WALL, failing_since=WALL)
    world.steady, world.wall = 530.0, WALL + 30 + jump
    assert before.pause_left() == 30.0
    # The owner records something else, and the hook is changed: what was observed before is as old as it was.
    again = world.read(
        paused_until=WALL + 60, paused_for=60.0, open_since=WALL, failing_since=WALL, warned_at=world.wall
    )
    assert (again.pause_left(), again.open_since, again.failing_since) == (30.0, 500.0, 500.0)
    changed = replace(HOOK, timeout=2.0)
    world.table.apply([Record("hooks", 0, 1, 0, HOOK.id.encode(), changed.to_json())])
    known = world.table.lasting(HOOK.id)
    assert known is not None
    assert known.pause_left() == 30.0


def test_until_when_is_shown_by_the_clock_of_who_is_asked(world: World) -> None:
    world.table.go_live()
    world.read(paused_until=WALL + 60, paused_for=60.0)
    world.steady, world.wall = 500.25, WALL + 0.5
    assert world.shown == WALL + 60
    world.wall -= HOUR
    assert world.shown == world.wall + 59.75
    world.steady += 60
    assert world.shown is None  # it is over, though the time of day is before
    world.wall = WALL + 61
    assert world.shown == WALL + 60
