"""Whether anything may start now: not while partitions move, and not when the group may have given ours away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Gate:
    """Closed for reasons; open when there is none and the lease on our partitions holds."""

    def __init__(self, lease_holds: Callable[[], bool]) -> None:
        self._lease_holds = lease_holds
        self._reasons: set[str] = {"start"}

    @property
    def is_open(self) -> bool:
        """Whether something may start now."""
        return not self._reasons and self._lease_holds()

    @property
    def holds_lease(self) -> bool:
        """Whether our partitions are still ours, as far as we can know."""
        return self._lease_holds()

    def close(self, reason: str) -> None:
        """Let nothing start until the reason is gone; from any thread."""
        self._reasons.add(reason)

    def open(self, reason: str) -> None:
        """The reason is gone."""
        self._reasons.discard(reason)

    @property
    def reasons(self) -> list[str]:
        """Why nothing may start, for the health check."""
        return sorted(self._reasons) + ([] if self._lease_holds() else ["no heartbeat"])

    async def wait_open(self) -> None:
        """Wait until something may start. A lease is given back by no event that we could wait for: it is polled."""
        while not self.is_open:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
