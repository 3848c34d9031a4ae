from __future__ import annotations

from dataclasses import replace

import pytest
from support.examples import HOOK

from streamhooks.delivery.client import Answer
from streamhooks.delivery.outcomes import Attempted, Request, Verdict, VerdictKind
from streamhooks.hooks.findings import merged, notice_of
from streamhooks.hooks.lasting import Lasting, lasting
from streamhooks.hooks.telling import TOLD
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
    """Two workers' views of one hook; what they report to the owner is written at once."""

    def __init__(self, *, owner: bool = True, hook: Hook = HOOK) -> None:
        self.now = 1000.0 * DAY
        self.wall_is_off = 0.0
        self.hook = hook
        self.found: HookState | None = None
        self.known: Lasting | None = None
        self.told: list[str] = []
        self.write = True
        self.notices: list[str] = []
        self.restraints = Restraints(
            self, is_owner=lambda _hook: owner, tell=self.tell, clock=lambda: self.now, wall=lambda: self.wall
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
    world = World(owner=False)
    world.write = False
    world.ends("retry", times=5)
    assert world.told == ["failing"]
    world.now += TOLD + 1
    world.ends("retry")
    assert world.told == ["failing", "failing"]


def test_an_endpoint_that_only_refuses_fails_as_well():
    world = World()
    world.ends("rejected")
    world.now += 2.6 * DAY
    world.ends("rejected")
    world.now += 2.5 * DAY
    world.ends("rejected")
    assert world.notices == ["failing", "disabled"]
    assert "breaker" not in world.told


def test_hooks_of_which_nothing_was_heard_lately_are_forgotten():
    world = World()
    for number in range(3 * MANY):
        world.now += 0.01
        world.restraints.note(f"{number:032x}", attempted("delivered"))
    assert len(world.restraints._failures) < 2 * MANY


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_clock_that_jumps_changes_no_pause(jump: float):
    world = World()
    world.ends("retry", retry_after=30.0)
    world.wall_is_off = jump
    assert world.wait == 30.0
    world.ends("retry", retry_after=60.0)  # reported by the clock that has jumped
    world.now += 59.0
    assert world.wait == 1.0
    world.now += 1.0
    assert world.wait == 0.0
    assert world.held_until is None


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


@pytest.mark.parametrize(
    ("hook", "verdict", "is_free"),
    [
        (HOOK, None, True),
        (replace(HOOK, rate_limit=5.0), None, False),
        (replace(HOOK, secret="fernet:x"), None, False),
        (HOOK, attempted("retry", retry_after=60.0), False),
    ],
)
def test_asking_whether_a_hook_is_free_takes_nothing_of_its_rate(hook: Hook, verdict, is_free: bool):
    world = World(hook=hook)
    if verdict is not None:
        world.restraints.note(hook.id, verdict)
    assert [world.restraints.is_free(hook) for _ in range(100)] == [is_free] * 100
    if hook.rate_limit:
        assert world.restraints.hold_back(hook.id) is None


def test_a_hook_whose_breaker_is_open_is_not_free():
    world = World()
    for _ in range(10):
        world.restraints.note(HOOK.id, attempted("retry", "timeout"))
    assert not world.restraints.is_free(HOOK)
