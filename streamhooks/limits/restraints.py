"""What holds back the deliveries of a hook: a pause that its endpoint asked for, an open breaker, a rate limit.

The hook's *owner* decides what must hold over all workers. The owner is the worker that owns the hook's partition of
`delayed`. It alone writes the observed state of the hook (`hook-states`), sends probes, and hands out starts of a rate.
The others hand over their calls through `delayed`, and report what they observe to the owner.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from streamhooks.delivery.outcomes import Attempted, VerdictKind
from streamhooks.hooks.findings import What
from streamhooks.hooks.lasting import Lasting
from streamhooks.hooks.telling import TOLD, Tell
from streamhooks.limits.breakers import Failures, Probing
from streamhooks.limits.deadlines import Deadlines
from streamhooks.limits.rates import Rate
from streamhooks.metrics import BREAKERS_OPENED, HELD_BACK
from streamhooks.records.hook import Hook
from streamhooks.records.hook_state import HookState
from streamhooks.times import steady

#: how long every attempt of a hook may fail before it is disabled, in seconds; at half of it a notice warns
FAILING = 5 * 86400.0
#: above this many tracked hooks, outdated statistics are removed
MANY = 20_000


class Hooks(Protocol):
    """The parts of the hooks table that restraints need."""

    def get(self, hook_id: str) -> Hook | None:
        """Return the hook, or None."""

    def state(self, hook_id: str) -> HookState | None:
        """Return its observed state, or None."""

    def lasting(self, hook_id: str) -> Lasting | None:
        """Return its observed state with its times by the steady clock, or None."""


class Restraints:
    """Decides whether deliveries of a hook may start, and learns from their outcomes. One per worker.

    `wall` gives epoch seconds, for reports to the owner. All else uses `clock`, which nobody can set.
    """

    def __init__(
        self,
        hooks: Hooks,
        *,
        is_owner: Callable[[str], bool],
        tell: Tell,
        clock: Callable[[], float] = steady,
        wall: Callable[[], float] = time.time,
        breaker: bool = True,
        failing: float = FAILING,
    ) -> None:
        self._hooks = hooks
        self._is_owner = is_owner
        self._tell_owner = tell
        self._clock = clock
        self._wall = wall
        self._breaker = breaker
        self._failing = failing
        self._failures: dict[str, Failures] = {}
        self._many = MANY
        self._probing: dict[str, Probing] = {}
        self._rates: dict[str, Rate] = {}
        self._told: Deadlines[tuple[What, str]] = Deadlines()
        # What this worker has found and the owner has not written yet.
        self._paused: Deadlines[str] = Deadlines()
        self._open: Deadlines[str] = Deadlines()

    # --- before a delivery

    def hold_back(self, hook_id: str) -> float | None:
        """Return None if a first attempt may start here and now, else in how many seconds on the hook's owner."""
        now = self._clock()
        hook = self._hooks.get(hook_id)
        if hook is not None and hook.blocked:
            HELD_BACK.labels("sealed" if hook.is_sealed else "over_bound").inc()
            return 0.0
        paused = self._paused_until(hook_id)
        if paused > now:
            HELD_BACK.labels("pause").inc()
            return paused - now
        if self._is_open(hook_id, now):
            HELD_BACK.labels("breaker").inc()
            return 0.0
        if hook is not None and hook.rate_limit and (not self._is_owner(hook_id) or self._rate(hook).take(now)):
            HELD_BACK.labels("rate").inc()
            return 0.0
        return None

    def wait(self, hook_id: str) -> float:
        """Return 0 if a pending call may start now on the hook's owner, else how many seconds to wait."""
        now = self._clock()
        paused = self._paused_until(hook_id)
        if paused > now:
            return paused - now
        if self._is_open(hook_id, now):
            probing = self._probing.get(hook_id)
            if probing is None:
                probing = self._probing[hook_id] = Probing(now, self._open_since(hook_id, now))
            if not probing.take(now):
                return max(probing.next_at - now, 0.2)
            return 0.0
        hook = self._hooks.get(hook_id)
        return self._rate(hook).take(now) if hook is not None and hook.rate_limit else 0.0

    def is_free(self, hook: Hook) -> bool:
        """Tell whether nothing can hold back a first attempt here, not even a rate; asking changes nothing."""
        if hook.blocked or hook.rate_limit:
            return False
        return self._is_untroubled(hook.id) or not self.is_held(hook.id)

    def is_paused(self, hook_id: str) -> bool:
        """Tell whether its endpoint asked not to be called for now."""
        return self._paused_until(hook_id) > self._clock()

    def is_held(self, hook_id: str) -> bool:
        """Tell whether a pause or an open breaker holds its deliveries back; asking changes nothing."""
        now = self._clock()
        return self._paused_until(hook_id) > now or self._is_open(hook_id, now)

    def _is_untroubled(self, hook_id: str) -> bool:
        """Tell whether neither this worker nor the owner has ever found anything about a hook; so it is for most."""
        return not (
            hook_id in self._paused
            or hook_id in self._open
            or hook_id in self._probing
            or self._hooks.state(hook_id) is not None
        )

    def _paused_until(self, hook_id: str) -> float:
        known = self._hooks.lasting(hook_id)
        until = known.paused_until if known is not None else None
        return max(until or 0.0, self._paused.get(hook_id, 0.0))

    def _is_open(self, hook_id: str, now: float) -> bool:
        state = self._hooks.state(hook_id)
        if state is not None and state.open_since is not None:
            self._open.pop(hook_id, None)
            return True
        if self._open.get(hook_id, 0.0) > now:
            return True
        self._probing.pop(hook_id, None)
        return False

    def _open_since(self, hook_id: str, now: float) -> float:
        known = self._hooks.lasting(hook_id)
        return now if known is None or known.open_since is None else known.open_since

    def _rate(self, hook: Hook) -> Rate:
        rate = self._rates.get(hook.id)
        if rate is None or rate.limit != hook.rate_limit:
            rate = self._rates[hook.id] = Rate(hook.rate_limit or 1.0)
        return rate

    # --- after a delivery

    def note(self, hook_id: str, attempted: Attempted) -> None:
        """Record the result of a delivery, if it was sent."""
        request, answer, verdict = attempted.request, attempted.answer, attempted.verdict
        if request is None or answer is None:
            return
        now = self._clock()
        if verdict.kind is VerdictKind.DELIVERED and self._is_untroubled(hook_id):
            self._failures_of(hook_id, now).note(now, failed=False, timed_out=False)
            return
        failed = verdict.kind is VerdictKind.RETRY
        if verdict.retry_after is not None:
            self._pause(hook_id, verdict.retry_after, now)
        too_much = self._failures_of(hook_id, now).note(now, failed=failed, timed_out=answer.kind == "timeout")
        state = self._hooks.state(hook_id)
        if self._is_open(hook_id, now):
            self._note_probe(hook_id, now, request.started, failed)
        elif too_much and self._breaker:
            self._failures.pop(hook_id)
            self._open.put(hook_id, now + TOLD, now)
            BREAKERS_OPENED.inc()
            # It was closed since the last report, perhaps a moment ago.
            self._told.pop(("breaker", hook_id), None)
            self._tell("breaker", hook_id, now, open_since=self._wall())
        if failed or verdict.kind is VerdictKind.REJECTED:
            self._note_failing(hook_id, now, state)
        elif verdict.kind is VerdictKind.DELIVERED and state is not None and state.failing_since is not None:
            self._tell("recovered", hook_id, now, failing_since=None, warned_at=None)

    def unsent(self, hook_id: str) -> None:
        """Record that a pending call that was allowed to start was not sent."""
        probing = self._probing.get(hook_id)
        if probing is not None:
            probing.unsent()

    def _failures_of(self, hook_id: str, now: float) -> Failures:
        failures = self._failures.get(hook_id)
        if failures is None:
            if len(self._failures) + len(self._rates) + len(self._probing) >= self._many:
                self._failures = {known: one for known, one in self._failures.items() if one.is_recent(now)}
                self._rates = {known: one for known, one in self._rates.items() if self._hooks.get(known) is not None}
                self._probing = {known: one for known, one in self._probing.items() if self._hooks.get(known)}
                self._many = max(MANY, 2 * (len(self._failures) + len(self._rates) + len(self._probing)))
            failures = self._failures[hook_id] = Failures()
        return failures

    def _note_probe(self, hook_id: str, now: float, started: float, failed: bool) -> None:
        # Only its owner knows since when the breaker is open, and what was sent in spite of it.
        probing = self._probing.get(hook_id)
        if probing is None:
            return
        if failed:
            probing.failed(now, started)
        elif probing.is_over(started):
            self._open.pop(hook_id, None)
            self._probing.pop(hook_id, None)
            self._failures.pop(hook_id, None)
            self._told.pop(("closed", hook_id), None)
            self._tell("closed", hook_id, now, open_since=None)

    def _note_failing(self, hook_id: str, now: float, state: HookState | None) -> None:
        hook, known = self._hooks.get(hook_id), self._hooks.lasting(hook_id)
        enabled_at = hook.enabled_at if hook is not None else 0.0
        if state is None or state.failing_since is None or known is None or state.failing_since < enabled_at:
            # Not before it was enabled, even if the clock was set back.
            self._tell("failing", hook_id, now, failing_since=max(self._wall(), enabled_at), warned_at=None)
            return
        lasted = now - (now if known.failing_since is None else known.failing_since)
        if lasted >= self._failing:
            days = self._failing / 86400
            reason = f"every attempt failed for {days:g} days"
            found = {"status_reason": reason, "disabled_since": self._wall(), "enabled_at": enabled_at}
            self._tell("disabled", hook_id, now, **found)
        elif lasted >= self._failing / 2 and state.warned_at is None:
            self._tell("warned", hook_id, now, warned_at=self._wall())

    def _pause(self, hook_id: str, seconds: float, now: float) -> None:
        if now + seconds > self._paused_until(hook_id) + 1.0:
            self._paused.put(hook_id, now + seconds, now)
            self._told.pop(("pause", hook_id), None)
            self._tell("pause", hook_id, now, paused_for=seconds)

    def _tell(self, what: What, hook_id: str, now: float, **found: object) -> None:
        if self._told.get((what, hook_id), 0.0) > now:
            return
        self._told.put((what, hook_id), now + TOLD, now)
        self._tell_owner(what, hook_id, found)

    def release(self) -> None:
        """Forget probes, rates, statistics and expired deadlines: partitions moved, and owners may be others now."""
        now = self._clock()
        self._probing.clear()
        self._rates.clear()
        self._failures.clear()
        self._paused.forget_past(now)
        self._open.forget_past(now)
