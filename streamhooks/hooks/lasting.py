"""How long what was found about a hook lasts, by the clock that nobody sets.

A record says by the time of day since when, or until when, something holds: whoever reads it takes the clock from
there. What is read at a worker's start is as old as the time of day says; what comes after that is of this moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streamhooks.records.hook_state import HookState
from streamhooks.times import steady


@dataclass(frozen=True, slots=True)
class Lasting:
    """Moments of a `HookState` in seconds of the steady clock; None for what is not."""

    state: HookState
    paused_until: float | None
    open_since: float | None
    failing_since: float | None
    clock: Callable[[], float]

    def pause_left(self) -> float:
        """How long its endpoint is still left alone, in seconds; 0 if it is not."""
        return max(0.0, self.paused_until - self.clock()) if self.paused_until is not None else 0.0


def lasting(
    state: HookState, former: Lasting | None, wall: float, *, is_old: bool, clock: Callable[[], float] = steady
) -> Lasting:
    """The moments of a state that was read now, at `wall` by the time of day (epoch seconds).

    `former` is what was known of the hook before; `is_old` whether the state may have been written long ago.
    """
    now = clock()

    def since(name: str) -> float | None:
        moment = getattr(state, name)
        if moment is None:
            return None
        if former is not None and getattr(former.state, name) == moment:
            known: float | None = getattr(former, name)
            return known
        return now - max(0.0, wall - moment) if is_old else now

    def paused_until() -> float | None:
        until, seconds = state.paused_until, state.paused_for
        if until is None:
            return None
        if former is not None and (until, seconds) == (former.state.paused_until, former.state.paused_for):
            return former.paused_until
        left = until - wall if is_old or seconds is None else seconds
        return now + max(0.0, left if seconds is None else min(left, seconds))

    return Lasting(state, paused_until(), since("open_since"), since("failing_since"), clock)
