"""The hooks through which a worker follows the life of an app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from faust.types import TP

from streamhooks.kafka.logs import Log, Reading


class Parts:
    """Called by an app at the stages of its life. A method that is not overridden does nothing."""

    async def begin(self) -> None:
        """Start what must run before Faust connects."""

    async def end(self) -> None:
        """End what was started, after Faust has left the group, even if not everything could be started."""

    def start_of(self, tp: TP, read: Reading | None, found: Log, kept: int | None) -> int:
        """Return the offset at which to start a partition; see `faust_patches.positions`."""
        raise NotImplementedError

    def may_commit(self, tp: TP) -> bool:
        """Tell whether what is settled of a partition may be committed."""
        return True

    def positioned(self, starts: dict[TP, int]) -> None:
        """Take the first offset of each partition, before any is read."""

    def moved(self, tp: TP, start: int) -> None:
        """Note that the log of a partition was replaced or truncated; `start` is its next offset."""

    async def taken_over(self, tps: set[TP]) -> None:
        """Take the partitions that this worker has now."""

    async def released(self, tps: set[TP]) -> None:
        """Note that these partitions may belong to another worker from now on."""

    async def drain(self, grace: float) -> None:
        """Wait for records in flight, for at most `grace` seconds, before partitions are revoked."""

    def lost(self, why: str) -> None:
        """Note that this member can't rejoin the group. Called from any thread."""


MakeParts = Callable[[], Awaitable[Parts]]
