"""Disablings that a record of `hooks` has not undone, although it repeats `active`: reported to the hook's owner.

The tables distinguish such a record from one that enables by the record before it. Compaction keeps only the last
record, so the owner writes to `hook-states` that the disabling stays in force.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from streamhooks.hooks.telling import TOLD, Tell
from streamhooks.times import steady

#: interval of the checks, in seconds
INTERVAL = 0.5


class Hooks(Protocol):
    """The parts of the hooks table that are needed here."""

    @property
    def upheld(self) -> Mapping[str, float]:
        """Return by hook when its last record was written (epoch seconds), if that has not undone a disabling."""


class Upheld:
    """Reports on the hooks that this worker owns. One per worker."""

    def __init__(
        self, hooks: Hooks, is_owner: Callable[[str], bool], tell: Tell, clock: Callable[[], float] = steady
    ) -> None:
        self._hooks = hooks
        self._is_owner = is_owner
        self._tell_owner = tell
        self._clock = clock
        self._told: dict[tuple[str, float], float] = {}

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            self.tell()

    def tell(self) -> None:
        """Report what is not recorded yet; a recent report may still be on its way."""
        now = self._clock()
        upheld = set(self._hooks.upheld.items())
        self._told = {one: until for one, until in self._told.items() if until > now and one in upheld}
        for hook_id, written in upheld - self._told.keys():
            if self._is_owner(hook_id):
                self._told[hook_id, written] = now + TOLD
                self._tell_owner("upheld", hook_id, {"upheld_at": written})
