"""Whether work may start: not during a rebalance, and not when the group may have reassigned our partitions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Gate:
    """Closed while there is a reason; open without one, as long as the lease on our partitions holds."""

    def __init__(self, lease_holds: Callable[[], bool]) -> None:
        self._lease_holds = lease_holds
        self._reasons: set[str] = {"start"}

    @property
    def is_open(self) -> bool:
        """Tell whether work may start now."""
        return not self._reasons and self._lease_holds()

    @property
    def holds_lease(self) -> bool:
        """Tell whether our partitions are still ours, as far as we can know."""
        return self._lease_holds()

    def close(self, reason: str) -> None:
        """Let nothing start until `open` is called with the same reason. Thread-safe."""
        self._reasons.add(reason)

    def open(self, reason: str) -> None:
        """Remove a reason."""
        self._reasons.discard(reason)

    @property
    def reasons(self) -> list[str]:
        """Return why nothing may start, for the health check."""
        return sorted(self._reasons) + ([] if self._lease_holds() else ["no heartbeat"])

    async def wait_open(self) -> None:
        """Wait until work may start. No event tells that the lease holds again, so it is polled."""
        while not self.is_open:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
