"""Writes what a run leaves behind, in order: its attempt, the next run or the end of its call; then its owner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from streamhooks.errors import RecordTooLarge
from streamhooks.metrics import RETRIES, tasks_of
from streamhooks.records.firing import Attempt
from streamhooks.records.hook import Hook
from streamhooks.tasks.call import Call
from streamhooks.tasks.endings import Ending, EndingKind, dead, log_given_up
from streamhooks.tasks.notes import Notes
from streamhooks.tasks.outputs import Outputs
from streamhooks.tasks.owners import Owner
from streamhooks.tasks.sending import Handle
from streamhooks.tasks.task import AnyTask


class Counts(Protocol):
    """Counts attempts."""

    def add(self, hook_id: str, attempt: Attempt, done: Callable[[], None]) -> None:
        """Count an attempt of a hook; `done` is called when that is confirmed."""


class Hooks(Protocol):
    """The parts of the hooks table that are needed here."""

    def get(self, hook_id: str) -> Hook | None:
        """Return the hook, or None."""


class Settler:
    """Settles calls whose run has ended. One per worker; `clock` gives epoch seconds."""

    def __init__(
        self,
        outputs: Outputs,
        firings: Counts,
        notes: Notes,
        hooks: Hooks,
        registry: Mapping[str, AnyTask],
        clock: Callable[[], float],
    ) -> None:
        self._outputs = outputs
        self._firings = firings
        self._notes = notes
        self._hooks = hooks
        self._registry = registry
        self.clock = clock

    def settle(
        self, call: Call, ending: Ending, owner: Owner, attempt: Attempt | None = None, handles: Sequence[Handle] = ()
    ) -> Coroutine[Any, Any, None] | None:
        """Write what a run leaves behind, then release its owner.

        `attempt` is the attempt to deliver, `handles` are the calls that the run made. This never waits, so a callback
        may call it as well. It returns None if all is done, as after most deliveries; else the rest, which the caller
        awaits or spawns.
        """
        if attempt is not None:
            if call.stored or ending.kind is EndingKind.RETRY:
                return self._count_and_conclude(call, ending, owner, attempt)
            owner.hold()
            self._firings.add(call.hook_id or "", attempt, owner.release)
        if handles or call.stored or call.letter is not None or ending.is_failure:
            return self._conclude(call, ending, owner, attempt, handles)
        self.count(call, ending)
        owner.release()
        return None

    async def _count_and_conclude(self, call: Call, ending: Ending, owner: Owner, attempt: Attempt) -> None:
        # After the next record, nobody makes this attempt again, so it must be counted before.
        counted = asyncio.Event()
        self._firings.add(call.hook_id or "", attempt, counted.set)
        await counted.wait()
        await self._conclude(call, ending, owner, attempt, ())

    async def _conclude(
        self, call: Call, ending: Ending, owner: Owner, attempt: Attempt | None, handles: Sequence[Handle]
    ) -> None:
        """Write what the ending requires; at the end the call is settled, or stored for its next run."""
        try:
            for handle in handles:
                await handle
        except RecordTooLarge as error:
            if not ending.is_failure:
                ending = dead(f"a call that it made can't be stored: {error}")
                log_given_up(call, ending.reason)
        self.count(call, ending)
        status = attempt.status if attempt is not None else None
        last: dict[str, Any] = {"status": status} if status else {"error": ending.reason}
        if ending.kind is EndingKind.RETRY:
            RETRIES.labels(call.task).inc()
            due = self.now_ms() + int(ending.delay * 1000)
            await self._outputs.store(call, attempt=call.attempt + 1, due=due, reason="retry", last=last)
        else:
            if ending.kind is EndingKind.DEAD:
                if ending.disables:
                    await self._disable(call.hook_id or "", status)
                await self._outputs.give_up(call, ending.reason, last)
            elif call.letter is not None:
                # If nothing was sent, since its hook is gone or does not want it now, the letter stays open.
                ran = ending.kind not in (EndingKind.DROPPED, EndingKind.EXPIRED, EndingKind.FILTERED)
                await self._outputs.end_letter(call, "delivered" if ran else "open", ending.reason, ran=ran)
            await self._outputs.settle(call)
        owner.release()

    async def _disable(self, hook_id: str, status: int | None) -> None:
        found = {"status_reason": f"the endpoint answered {status}", "disabled_since": self.clock()}
        if (hook := self._hooks.get(hook_id)) is not None:
            found["enabled_at"] = hook.enabled_at
        await self._notes.write("disabled", hook_id, found)

    def count(self, call: Call, ending: Ending) -> None:
        """Count a run that has ended."""
        tasks_of(call.task if call.task in self._registry else "unknown", ending.kind).inc()

    async def hand_over(self, call: Call, owner: Owner, due: int, reason: str) -> None:
        """Store a call that does not run here or not now; then release its owner. `due` is epoch milliseconds."""
        await self._outputs.store(call, attempt=call.attempt, due=due, reason=reason)
        owner.release()

    def now_ms(self) -> int:
        """Return the time in epoch milliseconds."""
        return int(self.clock() * 1000)
