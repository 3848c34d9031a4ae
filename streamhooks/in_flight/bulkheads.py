"""How many deliveries may be in flight: in all, and of one hook, so that a slow endpoint can't take all the room."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Bulkheads:
    """A bound for all first attempts, a share on top for retries, and a smaller bound for each hook.

    Retries have places of their own: neither can starve the other.
    """

    def __init__(self, total: int, bound_of: Callable[[str], int]) -> None:
        self._room = asyncio.Semaphore(total)
        self._room_again = max(1, total // 4)
        self._bound_of = bound_of
        self._by_hook: dict[str, int] = {}
        #: called with a hook's id when one of its deliveries left
        self.on_leave: Callable[[str], None] = lambda _hook_id: None

    def enter(self, hook_id: str) -> bool:
        """Take a place of the hook; False if all are taken. Then wait for `room`."""
        taken = self._by_hook.get(hook_id, 0)
        if taken >= self._bound_of(hook_id):
            return False
        self._by_hook[hook_id] = taken + 1
        return True

    async def room(self, hook_id: str) -> None:
        """Wait for room among all first attempts, with a place of the hook taken."""
        try:
            await self._room.acquire()
        except BaseException:
            self._leave_hook(hook_id)
            raise

    def leave(self, hook_id: str) -> None:
        """Give both places back."""
        self._room.release()
        self._leave_hook(hook_id)

    def enter_again(self, hook_id: str) -> bool:
        """Take both places for a retry; False if there is none."""
        if not self._room_again or not self.enter(hook_id):
            return False
        self._room_again -= 1
        return True

    def leave_again(self, hook_id: str) -> None:
        """Give both places of a retry back."""
        self._room_again += 1
        self._leave_hook(hook_id)

    def _leave_hook(self, hook_id: str) -> None:
        taken = self._by_hook[hook_id] - 1
        if taken:
            self._by_hook[hook_id] = taken
        else:
            del self._by_hook[hook_id]
        self.on_leave(hook_id)

    def in_flight(self, hook_id: str) -> int:
        """How many deliveries of the hook are in flight."""
        return self._by_hook.get(hook_id, 0)
