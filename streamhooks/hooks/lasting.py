"""Times of a hook's observed state by the steady clock, which nobody can set.

A record gives the start or end of a condition by the time of day; the reader converts it to its steady clock. A record
that is read at a worker's start is as old as the time of day says. A later one is from this moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streamhooks.records.hook_state import HookState
from streamhooks.times import steady


@dataclass(frozen=True, slots=True)
class Lasting:
    """The times of a `HookState` in seconds of the steady clock; None for absent ones."""

    state: HookState
    paused_until: float | None
    open_since: float | None
    failing_since: float | None
    clock: Callable[[], float]

    def pause_left(self) -> float:
        """Return the rest of the pause that its endpoint asked for, in seconds; 0 if it is not paused."""
        return max(0.0, self.paused_until - self.clock()) if self.paused_until is not None else 0.0


def lasting(
    state: HookState, previous: Lasting | None, wall: float, *, is_old: bool, clock: Callable[[], float] = steady
) -> Lasting:
    """Return the times of a state that was read now, when the time of day is `wall` (epoch seconds).

    `previous` has the times of the hook before. `is_old` means that the state may have been written long ago.
    """
    now = clock()

    def since(name: str) -> float | None:
        moment = getattr(state, name)
        if moment is None:
            return None
        if previous is not None and getattr(previous.state, name) == moment:
            known: float | None = getattr(previous, name)
            return known
        return now - max(0.0, wall - moment) if is_old else now

    def paused_until() -> float | None:
        until, seconds = state.paused_until, state.paused_for
        if until is None:
            return None
        if previous is not None and (until, seconds) == (previous.state.paused_until, previous.state.paused_for):
            return previous.paused_until
        left = until - wall if is_old or seconds is None else seconds
        return now + max(0.0, left if seconds is None else min(left, seconds))

    return Lasting(state, paused_until(), since("open_since"), since("failing_since"), clock)
