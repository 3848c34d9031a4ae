"""What a call belongs to, and what waits for its end."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from streamhooks.tasks.call import Call


class Owner(Protocol):
    """What a call belongs to: a source record in flight, or a pending call."""

    @property
    def is_void(self) -> bool:
        """Tell whether it belongs to another worker now: calls that did not start must not start."""

    def hold(self) -> None:
        """Wait for one more thing to end."""

    def release(self) -> None:
        """Record that one thing has ended, and that all that it wrote is confirmed."""


class PendingOwner(Owner, Protocol):
    """A pending call."""

    def running(self, call: Call) -> AbstractAsyncContextManager[None]:
        """Return what is around a run of it."""

    def give_back(self, seconds: float = 0.0) -> None:
        """Make it wait again, for at least `seconds`: it can't run now."""


class Family:
    """The deliveries of a fan-out that has a record in `delayed`: its tombstone waits for all of them."""

    def __init__(self, parent: Owner) -> None:
        self._parent = parent
        self._holds = 0
        self._ended = asyncio.Event()
        self._ended.set()

    @property
    def is_void(self) -> bool:
        """Tell whether its parent belongs to another worker now."""
        return self._parent.is_void

    def hold(self) -> None:
        """Wait for one more delivery."""
        self._holds += 1
        self._ended.clear()

    def release(self) -> None:
        """Record that one delivery has ended."""
        self._holds -= 1
        if self._holds == 0:
            self._ended.set()

    async def ended(self) -> None:
        """Wait until all have ended."""
        await self._ended.wait()
