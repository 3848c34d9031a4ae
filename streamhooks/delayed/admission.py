"""Whether a pending call of a hook may start, and whether the hook may get more of the records that it missed."""

from __future__ import annotations

from streamhooks.delayed.entries import Entry
from streamhooks.delayed.queues import Queues
from streamhooks.hooks.table import HooksTable
from streamhooks.limits.restraints import Restraints

#: with this many calls in the queue of a hook, no more of its missed records are started
QUEUED = 100


class Admission:
    """Combines the state of a hook with its restraints. `bound` is for hooks without their own."""

    def __init__(self, hooks: HooksTable, restraints: Restraints, queues: Queues, bound: int) -> None:
        self._hooks = hooks
        self._restraints = restraints
        self._queues = queues
        self._bound = bound

    def bound_of(self, hook_id: str) -> int:
        """Return how many deliveries of a hook may be in flight on this worker."""
        hook = self._hooks.get(hook_id)
        return hook.max_in_flight if hook and hook.max_in_flight else self._bound

    def wait(self, hook_id: str) -> float | None:
        """Return how many seconds a pending call must wait; None while its hook is disabled or blocked.

        A call whose hook was deleted starts at once, and is dropped.
        """
        hook = self._hooks.get(hook_id)
        if hook is None:
            return 0.0
        return self._restraints.wait(hook_id) if self._hooks.is_active(hook_id) and not hook.blocked else None

    def is_skipped(self, entry: Entry) -> bool:
        """Tell whether the decision about missed records skips a pending call."""
        hook = self._hooks.get(entry.hook_id or "")
        if hook is None or hook.resume in (None, "all") or not self._hooks.is_active(hook.id):
            return False
        created = entry.created / 1000
        return created < hook.resumed_at and (hook.resume == "skip" or created < float(hook.resume or 0))

    def may_catch_up(self, hook_id: str) -> bool:
        """Tell whether more of what a hook missed may be started."""
        hook = self._hooks.get(hook_id)
        if hook is None or hook.blocked or self._restraints.is_paused(hook_id):
            return False
        # Behind an open breaker one call waits, to be its probe.
        return self._queues.waiting(hook_id) < (1 if self._restraints.is_held(hook_id) else QUEUED)
