from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.examples import HOOK

from streamhooks.delivery.client import Answer
from streamhooks.delivery.outcomes import Attempted, Request, Verdict, VerdictKind
from streamhooks.hooks.findings import TELL_AGAIN, merged, notice_of
from streamhooks.hooks.lasting import Lasting, lasting
from streamhooks.hooks.telling import TOLD
from streamhooks.limits.breakers import LEAST, OPEN_FIRST, OPEN_LONGEST, TIMEOUTS, Failures, Probing
from streamhooks.limits.rates import Rate
from streamhooks.limits.restraints import MANY, Restraints
from streamhooks.records.hook import Hook
from streamhooks.records.hook_state import HookState

DAY = 86400.0


def attempted(
    verdict: str, kind: str = "answered", retry_after: float | None = None, started: float = 0.0
) -> Attempted:
    request, answer = Request(0, "", b"", started), Answer(200, None, kind, (), "", 1)
    return Attempted(request, answer, Verdict(VerdictKind(verdict), retry_after, ""))


class World:
    """Two workers' views of one hook; what they tell the home is written at once."""

    def __init__(self, *, home: bool = True, hook: Hook = HOOK) -> None:
        self.now = 1000.0 * DAY
        self.wall_is_off = 0.0
        self.hook = hook
        self.found: HookState | None = None
        self.known: Lasting | None = None
        self.told: list[str] = []
        self.write = True
        self.notices: list[str] = []
        self.restraints = Restraints(
            self, is_home=lambda _hook: home, tell=self.tell, clock=lambda: self.now, wall=lambda: self.wall
        )

    @property
    def wall(self) -> float:
        return self.now + self.wall_is_off

    def get(self, _hook_id):
        return self.hook

    def state(self, _hook_id):
        return self.found

    def lasting(self, _hook_id):
        return self.known

    def tell(self, what, hook_id, found):
        self.told.append(what)
        if self.write:
            left = self.known.pause_left() if self.known else 0.0
            state = self.found or HookState(hook_id)
            enabled_at = self.hook.enabled_at
            self.found = merged(state, what, found, now=self.wall, pause_left=left, enabled_at=enabled_at)
            self.known = lasting(self.found, self.known, self.wall, is_old=False, clock=lambda: self.now)
            if (notice := notice_of(what, self.found, self.wall)) is not None:
                self.notices.append(notice.what)

    def ends(
        self,
        verdict: str = "delivered",
        kind: str = "answered",
        retry_after: float | None = None,
        times: int = 1,
        started: float | None = None,
    ):
        at = self.now if started is None else started
        for _ in range(times):
            self.restraints.note(HOOK.id, attempted(verdict, kind, retry_after, at))

    @property
    def held_until(self) -> float | None:
        wait = self.restraints.hold_back(HOOK.id)
        return None if wait is None else self.now + wait

    @property
    def wait(self) -> float:
        return self.restraints.wait(HOOK.id)


def test_a_hook_that_answers_is_not_held_back():
    world = World()
    world.ends(times=100)
    assert world.held_until is None
    assert world.wait == 0.0
    assert world.told == []


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


def test_a_breaker_that_the_home_has_not_heard_of_yet_is_open_here_and_does_not_stay_so_for_ever():
    world = World(home=False)
    world.write = False
    world.ends("retry", "timeout", times=TIMEOUTS)
    assert world.held_until == world.now
    world.now += TOLD + 1
    assert world.held_until is None


def test_retry_after_pauses_the_whole_hook():
    world = World()
    world.ends("retry", retry_after=30.0)
    assert world.held_until == world.now + 30
    assert world.wait == 30
    assert world.restraints.is_paused(HOOK.id)
    world.now += 30
    assert world.held_until is None
    assert not world.restraints.is_paused(HOOK.id)


def test_a_shorter_pause_does_not_end_a_longer_one():
    state = merged(HookState(HOOK.id), "pause", {"paused_for": 50.0}, now=10.0)
    assert (state.paused_until, state.paused_for) == (60.0, 50.0)
    assert merged(state, "pause", {"paused_for": 40.0}, now=11.0, pause_left=49.0) == state
    assert merged(state, "pause", {"paused_for": 40.0}, now=31.0, pause_left=29.0).paused_until == 71.0
    told_by_0_1_0 = merged(HookState(HOOK.id), "pause", {"paused_until": 50.0}, now=10.0)
    assert (told_by_0_1_0.paused_until, told_by_0_1_0.paused_for) == (50.0, 40.0)


def test_the_first_who_saw_the_breaker_trip_holds():
    state = merged(HookState(HOOK.id), "breaker", {"open_since": 1.0}, now=1.0)
    assert merged(state, "breaker", {"open_since": 2.0}, now=2.0).open_since == 1.0


def test_only_the_home_hands_out_starts_of_a_rate():
    limited = replace(HOOK, rate_limit=2.0)
    away = World(home=False, hook=limited)
    assert away.held_until == away.now
    home = World(hook=limited)
    assert home.held_until is None
    assert home.held_until == home.now
    assert 0.4 < home.wait <= 0.5
    home.now += 0.5
    assert home.wait == 0.0


@given(st.floats(0.5, 500), st.lists(st.floats(0, 0.2), min_size=200, max_size=400))
def test_a_rate_is_never_above_its_limit_by_more_than_a_tenth_and_is_used(limit, lateness):
    rate, now, starts = Rate(limit), 100.0, []
    for late in lateness:
        wait = rate.take(now)
        if wait == 0.0:
            starts.append(now)
        now += wait + (late * 0.01 if wait else 0.0)
    for n, start in enumerate(starts):
        within = sum(1 for other in starts[n:] if other < start + 1.0)
        assert within <= limit * 1.1 + 1
    if len(starts) > limit and starts[-1] > starts[0]:
        assert (len(starts) - 1) / (starts[-1] - starts[0]) >= 0.9 * limit


def test_a_hook_that_only_fails_is_warned_about_at_half_of_the_span_and_disabled_at_its_end():
    world = World()
    world.ends("retry")
    assert world.found.failing_since == world.now
    world.now += 2.4 * DAY
    world.ends("retry")
    assert world.notices == []
    world.now += 0.2 * DAY
    world.ends("retry", times=3)
    assert world.notices == ["failing"]
    world.now += 2.5 * DAY
    world.ends("retry")
    assert world.notices == ["failing", "disabled"]
    assert world.found.disabled_since == world.now
    assert world.found.status_reason == "every attempt failed for 5 days"


def test_a_success_resets_the_span():
    world = World()
    world.ends("retry")
    world.now += 4 * DAY
    world.ends("delivered")
    assert world.found.failing_since is None
    world.now += 2 * DAY
    world.ends("retry")
    assert world.found.failing_since == world.now
    assert world.found.disabled_since is None


def test_enabling_a_hook_starts_the_span_anew():
    world = World()
    world.ends("retry")
    world.now += 5 * DAY
    world.ends("retry")
    assert world.notices == ["disabled"]
    world.hook = replace(HOOK, enabled_at=world.now + 1)
    world.now += 10
    world.ends("retry")
    assert world.found.failing_since == world.now
    assert world.notices == ["disabled"]


def test_what_was_told_is_not_told_again_and_again():
    world = World(home=False)
    world.write = False
    world.ends("retry", times=5)
    assert world.told == ["failing"]
    world.now += TOLD + 1
    world.ends("retry")
    assert world.told == ["failing", "failing"]


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
    away = World(home=False)
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


def test_an_endpoint_that_only_refuses_fails_as_well():
    world = World()
    world.ends("rejected")
    world.now += 2.6 * DAY
    world.ends("rejected")
    world.now += 2.5 * DAY
    world.ends("rejected")
    assert world.notices == ["failing", "disabled"]
    assert "breaker" not in world.told


@pytest.mark.parametrize("limit", [20.0, 100.0, 500.0, 1000.0, 5000.0])
@pytest.mark.parametrize("late", [0.002, 0.01, 0.03])
def test_a_rate_is_used_though_the_loop_wakes_up_late(limit: float, late: float):
    rate, now, starts = Rate(limit), 100.0, []
    while now < 110.0:
        while rate.take(now) == 0.0:
            starts.append(now)
        now += rate.take(now) + late
    assert len(starts) / 10 >= 0.9 * limit
    for n, start in enumerate(starts):
        end = bisect_left(starts, start + 1.0, n)
        assert end - n <= limit * 1.1


def test_hooks_of_which_nothing_was_heard_lately_are_forgotten():
    world = World()
    for number in range(3 * MANY):
        world.now += 0.01
        world.restraints.note(f"{number:032x}", attempted("delivered"))
    assert len(world.restraints._failures) < 2 * MANY


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
    world, other = World(), World(home=False)
    other.tell, other.state, other.lasting = world.tell, world.state, world.lasting
    other.restraints = Restraints(
        other, is_home=lambda _hook: False, tell=world.tell, clock=lambda: world.now, wall=lambda: world.now
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
def test_a_clock_that_jumps_changes_no_pause(jump: float):
    world = World()
    world.ends("retry", retry_after=30.0)
    world.wall_is_off = jump
    assert world.wait == 30.0
    world.ends("retry", retry_after=60.0)  # told by the clock that has jumped
    world.now += 59.0
    assert world.wait == 1.0
    world.now += 1.0
    assert world.wait == 0.0
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


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_clock_that_jumps_changes_no_rate_and_nothing_that_was_told(jump: float):
    world = World(hook=replace(HOOK, rate_limit=2.0))
    assert world.wait == 0.0
    world.wall_is_off = jump
    assert 0.4 < world.wait <= 0.5
    world.ends("retry")
    told = len(world.told)
    world.wall_is_off = 0.0
    world.ends("retry")
    assert len(world.told) == told


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_hook_that_only_fails_is_disabled_after_its_span_whatever_the_clock_says(jump: float):
    world = World(hook=replace(HOOK, enabled_at=1000.0 * DAY - 10))
    world.ends("retry")
    world.wall_is_off = jump
    world.now += 5 * DAY - 60
    world.ends("retry")
    assert world.notices == ["failing"]
    world.now += 60
    world.ends("retry")
    assert world.notices == ["failing", "disabled"]
    assert world.found.disabled_since > world.hook.enabled_at


def test_what_is_found_after_a_clock_went_back_is_found_after_the_hook_was_enabled():
    world = World(hook=replace(HOOK, enabled_at=1000.0 * DAY))
    world.now += 10
    world.wall_is_off = -3600.0
    world.ends("retry")
    assert world.found.failing_since == world.hook.enabled_at
    found = {"status_reason": "", "disabled_since": world.wall, "enabled_at": world.hook.enabled_at}
    enabled_at = world.hook.enabled_at
    disabled = merged(HookState(HOOK.id), "disabled", found, now=world.wall, enabled_at=enabled_at)
    assert disabled.disabled_since > enabled_at
    enabled_again = merged(HookState(HOOK.id), "disabled", found, now=world.wall, enabled_at=enabled_at + 1)
    assert enabled_again.disabled_since is None
