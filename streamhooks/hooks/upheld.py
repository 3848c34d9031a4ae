"""Findings that a record of `hooks` has not undone although it says `active` again: told to the hook's home.

The tables tell such a record from one that enables by the record before it. Compaction leaves the last one only, so
the home writes to `hook-states` that the finding holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from streamhooks.hooks.telling import TOLD, Tell
from streamhooks.times import steady

#: how often is looked for what to tell, in seconds
INTERVAL = 0.5


class Hooks(Protocol):
    """The hooks table, as far as it is needed here."""

    @property
    def upheld(self) -> Mapping[str, float]:
        """When the last record of a hook was written, as epoch seconds, where a finding holds and must be told so."""


class Upheld:
    """Tells the homes of hooks, as far as they are here. One for the worker."""

    def __init__(
        self, hooks: Hooks, is_home: Callable[[str], bool], tell: Tell, clock: Callable[[], float] = steady
    ) -> None:
        self._hooks = hooks
        self._is_home = is_home
        self._tell_owner = tell
        self._clock = clock
        self._told: dict[tuple[str, float], float] = {}

    async def run(self) -> None:
        """Tell, for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            self.tell()

    def tell(self) -> None:
        """Tell what is not known yet; what was told a short while ago may still be on its way."""
        now = self._clock()
        upheld = set(self._hooks.upheld.items())
        self._told = {one: until for one, until in self._told.items() if until > now and one in upheld}
        for hook_id, written in upheld - self._told.keys():
            if self._is_home(hook_id):
                self._told[hook_id, written] = now + TOLD
                self._tell_owner("upheld", hook_id, {"upheld_at": written})
