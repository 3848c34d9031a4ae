"""Blocked hooks: reported to their owner once, and once more when they are no longer blocked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from streamhooks.hooks.telling import TOLD, Tell
from streamhooks.records.hook import Hook
from streamhooks.times import steady

#: interval of the checks, in seconds
INTERVAL = 0.5


class Hooks(Protocol):
    """The parts of the hooks table that are needed here."""

    @property
    def seals_changed(self) -> Iterable[str]:
        """Return the hooks whose observed state does not say whether they are blocked now."""

    def get(self, hook_id: str) -> Hook | None:
        """Return the hook, or None."""


class Seals:
    """Reports on the hooks that this worker owns. One per worker."""

    def __init__(
        self,
        hooks: Hooks,
        is_owner: Callable[[str], bool],
        tell: Tell,
        clock: Callable[[], float],
        steady_clock: Callable[[], float] = steady,
    ) -> None:
        self._hooks = hooks
        self._is_owner = is_owner
        self._tell_owner = tell
        self._clock = clock
        self._steady = steady_clock
        self._told: dict[str, float] = {}

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            self.tell()

    def tell(self) -> None:
        """Report what is not recorded yet; a recent report may still be on its way."""
        now = self._steady()
        changed = set(self._hooks.seals_changed)
        self._told = {hook_id: until for hook_id, until in self._told.items() if until > now and hook_id in changed}
        for hook_id in changed - self._told.keys():
            hook = self._hooks.get(hook_id)
            if hook is not None and self._is_owner(hook_id):
                self._told[hook_id] = now + TOLD
                if hook.blocked:
                    self._tell_owner("sealed", hook_id, {"sealed_since": self._clock()})
                else:
                    self._tell_owner("opened", hook_id, {"sealed_since": None})
