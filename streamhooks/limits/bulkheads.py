"""How many deliveries may be in flight, in all and per hook, so that a slow endpoint can't take all places.

Why: docs/decisions/0008-no-order.md.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from streamhooks.in_flight.room import Weight
from streamhooks.times import steady

#: waiting budget of a hook, in seconds: first attempts that wait for a place block all events behind them
PATIENCE = 0.1
#: how much of it a hook gets back for each delivery that took less than the budget, in seconds
EARNED = 0.005
#: budget of all hooks together for waits that time out, in seconds: once it is spent, callers wait for no hook
IN_VAIN = 0.5
#: the share of time that waits that time out may take in the long run
IN_VAIN_SHARE = 0.1
#: how many hooks with a reduced budget are remembered
IMPATIENT = 20_000


def nothing_waits() -> None:
    """Take no note of a place that has become free."""


class Bulkheads:
    """A bound for all first attempts, extra places for retries, and a smaller bound for each hook.

    Retries have their own places, so neither kind can starve the other. Each hook has a waiting budget. Waiting spends
    it; fast responses refill it. So a burst for a fast hook waits for its places. A hook that keeps exhausting its
    budget is treated as *slow*, even if each of its places becomes free in time: callers stop waiting for it.
    """

    def __init__(
        self,
        total: int,
        bound_of: Callable[[str], int],
        clock: Callable[[], float] = steady,
        on_free: Callable[[], None] = nothing_waits,
    ) -> None:
        self._room = Weight(total)
        self._room_again = max(1, total // 4)
        self._bound_of = bound_of
        self._clock = clock
        self._by_hook: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._waited_until: dict[str, float] = {}  # per hook: time up to which waiting has been charged
        self._in_vain = 0.0
        self._in_vain_at = clock()
        self._patience: dict[str, float] = {}  # of hooks with which there is less than at first
        #: called when a delivery left
        self.on_free = on_free

    def enter(self, hook_id: str) -> bool:
        """Take a place of the hook; False if all are taken."""
        taken = self._by_hook.get(hook_id, 0)
        if taken >= self._bound_of(hook_id):
            return False
        self._by_hook[hook_id] = taken + 1
        return True

    async def enter_soon(self, hook_id: str) -> bool:
        """Take a place of the hook, if necessary after a short wait; False if there is none and the budget is spent."""
        if self.enter(hook_id):
            return True
        patience = self._patience.get(hook_id, PATIENCE)
        if patience < EARNED or self._waited_in_vain() >= IN_VAIN:
            return False
        waiter = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(hook_id, deque())
        if not waiting:
            self._waited_until[hook_id] = self._clock()
        waiting.append(waiter)
        try:
            async with asyncio.timeout(patience):
                await waiter
        except TimeoutError:
            if waiter.cancelled():
                self._be_patient(hook_id, 0.0)
                self._in_vain = self._waited_in_vain() + patience
                return False
        finally:
            self._stop_waiting(hook_id, waiter)
        return self.enter(hook_id)

    def _be_patient(self, hook_id: str, seconds: float) -> None:
        if hook_id not in self._patience and len(self._patience) >= IMPATIENT:
            del self._patience[next(iter(self._patience))]
        self._patience[hook_id] = seconds

    def _waited_in_vain(self) -> float:
        """Return the recent waits that timed out, in seconds: many hanging hooks must not each spend a full budget."""
        now = self._clock()
        self._in_vain = max(0.0, self._in_vain - IN_VAIN_SHARE * (now - self._in_vain_at))
        self._in_vain_at = now
        return self._in_vain

    def _stop_waiting(self, hook_id: str, waiter: asyncio.Future[None]) -> None:
        # Callers that wait at the same time block other events only once, so the time is charged once.
        now = self._clock()
        waited = now - self._waited_until.get(hook_id, now)
        if waited > 0:
            self._be_patient(hook_id, max(0.0, self._patience.get(hook_id, PATIENCE) - waited))
        self._waited_until[hook_id] = now
        waiting = self._waiting.get(hook_id)
        if waiting is not None and waiter in waiting:
            waiting.remove(waiter)
        if not waiting:
            self._waiting.pop(hook_id, None)
            self._waited_until.pop(hook_id, None)

    async def room(self, hook_id: str) -> None:
        """Wait for a place among all first attempts; the caller has taken a place of the hook."""
        try:
            await self._room.take(1)
        except BaseException:
            self._leave_hook(hook_id)
            raise

    def has_place(self, hook_id: str) -> bool:
        """Tell whether both places for a first attempt are free, and nobody waits for one of them."""
        if hook_id in self._waiting or not self._room.fits_now(1):
            return False
        return self._by_hook.get(hook_id, 0) < self._bound_of(hook_id)

    def enter_now(self, hook_id: str) -> None:
        """Take both places, which are free."""
        self._room.add(1)
        self._by_hook[hook_id] = self._by_hook.get(hook_id, 0) + 1

    def leave(self, hook_id: str, since: float) -> None:
        """Give back both places; `since` is when the delivery started, in seconds of the steady clock."""
        self._room.give_back(1)
        self._left(hook_id, since)

    @property
    def has_places_again(self) -> bool:
        """Tell whether there is a place for a retry of any hook."""
        return self._room_again > 0

    def has_place_again(self, hook_id: str) -> bool:
        """Tell whether both places for a retry are free."""
        return self._room_again > 0 and self._by_hook.get(hook_id, 0) < self._bound_of(hook_id)

    def enter_again(self, hook_id: str) -> bool:
        """Take both places for a retry; False if they are not free."""
        if not self._room_again or not self.enter(hook_id):
            return False
        self._room_again -= 1
        return True

    def leave_again(self, hook_id: str, since: float) -> None:
        """Give back both places of a retry."""
        self._room_again += 1
        self._left(hook_id, since)

    def _left(self, hook_id: str, since: float) -> None:
        if hook_id in self._patience and self._clock() - since < PATIENCE:
            self._patience[hook_id] += EARNED
            if self._patience[hook_id] >= PATIENCE:
                del self._patience[hook_id]
        self._leave_hook(hook_id)

    def _leave_hook(self, hook_id: str) -> None:
        taken = self._by_hook[hook_id] - 1
        if taken:
            self._by_hook[hook_id] = taken
        else:
            del self._by_hook[hook_id]
        if self._waiting:
            self._tell_next(hook_id)
        self.on_free()

    def _tell_next(self, hook_id: str) -> None:
        waiting = self._waiting.get(hook_id)
        while waiting:
            waiter = waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                break

    def in_flight(self, hook_id: str) -> int:
        """Return how many deliveries of the hook are in flight."""
        return self._by_hook.get(hook_id, 0)
