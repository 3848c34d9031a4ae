"""What a call belongs to, and who waits for it to end."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Owner(Protocol):
    """What a call belongs to: a source record in flight, or a pending call."""

    @property
    def is_void(self) -> bool:
        """It is somebody else's now: what did not start must not start."""

    def hold(self) -> None:
        """One more thing must end."""

    def release(self) -> None:
        """One thing has ended, and all that it left behind is confirmed."""


class PendingOwner(Owner, Protocol):
    """A pending call."""

    def give_back(self, seconds: float = 0.0) -> None:
        """It can't run now, and waits again, for so long at least."""


class Family:
    """The deliveries of a stored fan-out: its tombstone waits for all of them."""

    def __init__(self, parent: Owner) -> None:
        self._parent = parent
        self._holds = 0
        self._ended = asyncio.Event()
        self._ended.set()

    @property
    def is_void(self) -> bool:
        """Its parent is somebody else's now."""
        return self._parent.is_void

    def hold(self) -> None:
        """One more delivery must end."""
        self._holds += 1
        self._ended.clear()

    def release(self) -> None:
        """One delivery has ended."""
        self._holds -= 1
        if self._holds == 0:
            self._ended.set()

    async def ended(self) -> None:
        """Wait until all have ended."""
        await self._ended.wait()
