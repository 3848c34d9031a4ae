"""Runs deliveries, bounded in all and per hook, and settles each by its ending."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from streamhooks.limits.places import Places, leaving
from streamhooks.limits.restraints import Restraints
from streamhooks.metrics import HELD_BACK, IN_FLIGHT, OVERFLOWED
from streamhooks.records.firing import Attempt
from streamhooks.records.hook import Hook
from streamhooks.tasks.attempts import attempt_of, cause_of
from streamhooks.tasks.call import Call, as_of
from streamhooks.tasks.context import Hooks
from streamhooks.tasks.endings import outcome_of
from streamhooks.tasks.owners import Owner, PendingOwner
from streamhooks.tasks.runs import GiveBack, Run, Runs
from streamhooks.tasks.settler import Settler
from streamhooks.times import steady
from streamhooks.webhooks.attempting import Attempting, Result
from streamhooks.webhooks.straight import StraightLine


class Passing(Protocol):
    """Keeps the records that a disabled hook misses; see `backlog.passing`."""

    def pass_over(self, hook: Hook, source: str) -> Awaitable[None]:
        """Keep a record for a hook that was seen disabled in this turn of the loop; await the confirmation."""


class DeliveryRunner:
    """Starts calls of hooks, and settles them. One per worker; `log_bodies` keeps the bodies of failures."""

    def __init__(
        self,
        attempting: Attempting,
        hooks: Hooks,
        places: Places,
        restraints: Restraints,
        passing: Passing,
        settler: Settler,
        runs: Runs,
        *,
        log_bodies: bool,
    ) -> None:
        self._attempting = attempting
        self._hooks = hooks
        self._places = places
        self._bulkheads = places.bulkheads
        self._restraints = restraints
        self._passing = passing
        self._settler = settler
        self._runs = runs
        self._log_bodies = log_bodies
        #: starts calls as `start` does if that needs no waiting; None if no call may be started so
        self.straight: StraightLine | None = None
        if attempting.soon is not None:
            self.straight = StraightLine(
                hooks, places.bulkheads, restraints, attempting, attempting.soon, runs, self._ended, self._go_on
            )
        self._in_flight = 0
        IN_FLIGHT.set_function(lambda: self._in_flight + runs.straight)

    def _go_on(self, call: Call, owner: Owner, run: Run) -> None:
        """Run what is left of a call that was started straight."""
        self._runs.start(call, owner, run, self.start)

    async def start(self, call: Call, owner: Owner) -> None:
        """Start a call as soon as it is allowed and there is room; release its owner when it has ended.

        Returns when it has started, so the caller waits if there is no room. A call over the bound of its hook is
        written to `delayed`, once, and waits there: the caller never waits long for one hook.
        """
        if self.straight is None or not self.straight.start(call, owner):
            await self.start_waiting(call, owner)

    async def start_waiting(self, call: Call, owner: Owner) -> None:
        """Start a call as `start` does, after `straight` could not."""
        if not call.size:
            self._runs.start(call, owner, await self._begun(call, owner, call.hook_id or ""), self.start)
            return
        await self._places.first.take(call.size)
        leave = partial(self._places.first.give_back, call.size)
        try:
            begun = await self._begun(call, owner, call.hook_id or "")
        except BaseException:
            leave()
            raise
        self._runs.start(call, owner, leaving(begun, leave), self.start)

    async def _begun(self, call: Call, owner: Owner, hook_id: str) -> Run:
        """Return what to run for a delivery, after waiting for room if necessary."""
        if (disabled := self._disabled(hook_id)) is not None:
            return self._pass_over(disabled, call, owner)
        as_of(call, self._hooks.get(hook_id))
        wait = self._restraints.hold_back(hook_id)
        if wait is not None:
            return self._settler.hand_over(call, owner, self._settler.now_ms() + int(wait * 1000), "paused")
        if not (self._bulkheads.enter(hook_id) or await self._bulkheads.enter_soon(hook_id)):
            OVERFLOWED.inc()
            return self._settler.hand_over(call, owner, self._settler.now_ms(), "overflow")
        await self._bulkheads.room(hook_id)
        return self._run(call, owner, hook_id, self._bulkheads.leave)

    def start_pending(self, call: Call, owner: PendingOwner) -> None:
        """Start a pending call; the caller has taken the places of its hook."""
        run = self._run(call, owner, call.hook_id or "", self._bulkheads.leave_again, owner.give_back)
        self._runs.start(call, owner, self._places.weighing(call.size, run), self.start, owner.give_back)

    def _disabled(self, hook_id: str) -> Hook | None:
        return None if self._hooks.is_active(hook_id) else self._hooks.get(hook_id)

    def _pass_over(self, hook: Hook, call: Call, owner: Owner) -> Run:
        """Keep a call of a disabled hook: if it has a source record, that is read again when the hook is enabled."""
        HELD_BACK.labels("disabled").inc()
        if not call.source:
            return self._settler.hand_over(call, owner, self._settler.now_ms(), "paused")
        # In the same turn as the check: a decision that is made later also applies to this record.
        return _release_kept(self._passing.pass_over(hook, call.source), owner)

    async def _run(
        self,
        call: Call,
        owner: Owner,
        hook_id: str,
        leave: Callable[[str, float], None],
        give_back: GiveBack | None = None,
    ) -> None:
        since = steady()
        gate = self._runs.gate
        try:
            if not gate.is_open:
                await gate.wait_open()
            if owner.is_void:
                return
            if (disabled := self._disabled(hook_id)) is not None:  # in the meantime
                if give_back is not None:
                    give_back()
                else:
                    await self._pass_over(disabled, call, owner)
                return
            if give_back is not None and not await self._runs.has_arguments(call, owner, give_back):
                self._restraints.unsent(hook_id)
                return
            self._in_flight += 1
            try:
                result = await self._attempting.attempt(call, hook_id)
            finally:
                self._in_flight -= 1
        finally:
            leave(hook_id, since)
        left = self._ended(call, owner, hook_id, result)
        if left is not None:
            await left

    def _ended(self, call: Call, owner: Owner, hook_id: str, result: Result) -> Run | None:
        """Settle a call after its attempt; see `Settler.settle`."""
        attempted, ending = result
        attempt: Attempt | None = None
        if attempted is not None and attempted.request is not None and attempted.answer is not None:
            self._restraints.note(hook_id, attempted)
            bodies = self._log_bodies and ending.is_failure
            attempt = attempt_of(
                call, attempted.request, attempted.answer, outcome_of(ending), cause_of(call), bodies=bodies
            )
        elif call.stored:
            self._restraints.unsent(hook_id)
        return self._settler.settle(call, ending, owner, attempt)


async def _release_kept(kept: Awaitable[None], owner: Owner) -> None:
    await kept
    owner.release()
