"""When the breaker of a hook opens, who probes, when it closes, and who hears of it."""

from __future__ import annotations

import pytest
from test_restraints import HOOK, World

from streamhooks.hooks.findings import TELL_AGAIN, merged
from streamhooks.hooks.telling import TOLD
from streamhooks.limits.breakers import LEAST, OPEN_FIRST, OPEN_LONGEST, TIMEOUTS, Failures, Probing
from streamhooks.limits.restraints import Restraints
from streamhooks.records.hook_state import HookState


def test_ten_timeouts_in_a_row_open_the_breaker_and_nine_do_not():
    world = World()
    world.ends("retry", "timeout", times=TIMEOUTS - 1)
    world.ends()
    world.ends("retry", "timeout", times=TIMEOUTS - 1)
    assert world.held_until is None
    world.ends("retry", "timeout")
    assert world.held_until == world.now
    assert "breaker" in world.told


def test_half_failures_of_at_least_twenty_open_it():
    failures = Failures()
    assert not any(failures.note(0.0, failed=n % 2 == 0, timed_out=False) for n in range(LEAST - 1))
    assert failures.note(0.0, failed=True, timed_out=False)
    failures = Failures()
    for _ in range(LEAST):
        failures.note(0.0, failed=False, timed_out=False)
    assert not any(failures.note(0.0, failed=True, timed_out=False) for _ in range(LEAST - 1))
    assert failures.note(0.0, failed=True, timed_out=False)


def test_what_is_older_than_a_minute_counts_no_more():
    failures = Failures()
    for _ in range(LEAST - 1):
        failures.note(0.0, failed=True, timed_out=False)
    assert not failures.note(61.0, failed=True, timed_out=False)


def test_an_open_breaker_lets_one_probe_through_then_waits_twice_as_long_and_closes_after_a_success():
    world = World()
    world.ends("retry", "timeout", times=TIMEOUTS)
    assert world.wait > 0
    world.now += OPEN_FIRST
    assert world.wait == 0.0
    assert world.wait > 0.0
    world.ends("retry", "timeout")
    world.now += 2 * OPEN_FIRST - 1
    assert world.wait > 0.0
    world.now += 1
    assert world.wait == 0.0
    assert world.held_until == world.now
    world.ends("delivered")
    assert "closed" in world.told
    assert world.held_until is None
    assert world.wait == 0.0


def test_the_wait_between_probes_is_bounded():
    probing = Probing(0.0, 0.0)
    now = 0.0
    for _ in range(10):
        now = probing.next_at
        assert probing.take(now)
        assert not probing.take(now)
        probing.failed(now, now)
    assert probing.next_at - now == OPEN_LONGEST


def test_a_breaker_that_the_owner_has_not_heard_of_yet_is_open_here_and_does_not_stay_so_for_ever():
    world = World(owner=False)
    world.write = False
    world.ends("retry", "timeout", times=TIMEOUTS)
    assert world.held_until == world.now
    world.now += TOLD + 1
    assert world.held_until is None


def test_the_first_who_saw_the_breaker_trip_holds():
    state = merged(HookState(HOOK.id), "breaker", {"open_since": 1.0}, now=1.0)
    assert merged(state, "breaker", {"open_since": 2.0}, now=2.0).open_since == 1.0


def test_what_was_in_flight_when_the_breaker_opened_neither_closes_it_nor_counts_as_its_probe():
    world = World()
    before = world.now
    world.now += 1
    world.ends("retry", "timeout", times=TIMEOUTS)
    assert world.wait > 0.0
    world.now += 1
    world.ends("delivered", started=before)
    assert world.held_until == world.now
    assert "closed" not in world.told
    world.now += OPEN_FIRST
    assert world.wait == 0.0  # the probe
    world.ends("retry", "timeout", started=before)
    world.ends("delivered")
    assert world.told[-1] == "closed"
    assert world.held_until is None


def test_another_worker_does_not_close_it():
    away = World(owner=False)
    away.ends("retry", "timeout", times=TIMEOUTS)
    away.ends("delivered")
    assert "closed" not in away.told


def test_who_had_nothing_to_send_while_it_was_open_probes_at_once():
    world = World()
    world.ends("retry", "timeout", times=TIMEOUTS)
    world.now += OPEN_FIRST + 5
    assert world.wait == 0.0
    assert world.wait > 0.0


def test_what_a_person_sends_in_spite_of_an_open_breaker_closes_it():
    world = World()
    world.ends("retry", "timeout", times=TIMEOUTS)
    world.now += 1
    assert world.wait > 0.0  # asked, and not heeded
    world.ends("delivered")
    assert world.held_until is None


def test_a_breaker_that_opens_again_soon_is_told_again():
    world = World()
    for _ in range(2):
        world.ends("retry", "timeout", times=TIMEOUTS)
        assert world.found.open_since == world.now
        assert world.wait > 0.0
        world.now += 1
        world.ends("delivered")
        assert world.found.open_since is None


def opens(world):
    """Have the breaker open, and close after a second."""
    world.ends("retry", "timeout", times=TIMEOUTS)
    assert world.found.open_since is not None
    assert world.wait > 0.0
    world.now += 1
    world.ends("delivered")
    assert world.found.open_since is None


def test_an_opening_is_noticed_and_its_failing_probes_are_not():
    world = World()
    world.ends("retry", "timeout", times=TIMEOUTS)
    for _ in range(5):
        world.now += OPEN_LONGEST
        assert world.wait == 0.0
        world.ends("retry", "timeout", times=TIMEOUTS)
    assert world.notices == ["breaker_opened"]


def test_a_breaker_that_opens_again_and_again_is_noticed_once_an_hour():
    world = World()
    began = world.now
    while world.now < began + 3 * TELL_AGAIN - 60:
        opens(world)
        world.now += 30
    assert world.notices == ["breaker_opened"] * 3


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_clock_that_jumps_brings_one_notice_more_at_most(jump: float):
    world = World()
    opens(world)
    world.wall_is_off = jump
    for _ in range(10):
        world.now += 30
        opens(world)
    assert 1 <= world.notices.count("breaker_opened") <= 2


def test_several_workers_that_see_it_trip_bring_one_notice():
    world, other = World(), World(owner=False)
    other.tell, other.state, other.lasting = world.tell, world.state, world.lasting
    other.restraints = Restraints(
        other, is_owner=lambda _hook: False, tell=world.tell, clock=lambda: world.now, wall=lambda: world.now
    )
    world.ends("retry", "timeout", times=TIMEOUTS)
    other.ends("retry", "timeout", times=TIMEOUTS)
    assert world.notices == ["breaker_opened"]


def test_a_probe_that_had_nothing_to_send_is_none():
    world = World()
    world.ends("retry", "timeout", times=TIMEOUTS)
    world.now += OPEN_FIRST
    assert world.wait == 0.0
    assert world.wait > 0.0
    world.restraints.unsent(HOOK.id)
    assert world.wait == 0.0
    world.ends("delivered")
    assert world.held_until is None


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_clock_that_jumps_changes_no_breaker(jump: float):
    world = World()
    world.ends("retry", "timeout", times=TIMEOUTS)
    world.wall_is_off = jump
    assert world.wait == pytest.approx(OPEN_FIRST)
    world.now += OPEN_FIRST
    assert world.wait == 0.0
    world.ends("retry", "timeout")
    assert world.wait == pytest.approx(2 * OPEN_FIRST)
    world.now += 2 * OPEN_FIRST
    assert world.wait == 0.0
    world.ends("delivered")
    assert world.held_until is None
    failures = TIMEOUTS - 1
    world.ends("retry", "timeout", times=failures)
    world.wall_is_off = 0.0
    world.ends("retry", "timeout")
    assert world.held_until == world.now
