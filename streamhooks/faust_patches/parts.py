"""What a worker does around an app: bound to it when the app begins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from faust.types import TP

from streamhooks.kafka.logs import Log, Reading


class Parts:
    """What happens around an app. What is not overridden does nothing."""

    async def begin(self) -> None:
        """Start what must be there before Faust connects."""

    async def end(self) -> None:
        """End what was started, after Faust has left; also if it could not all be started."""

    def start_of(self, tp: TP, read: Reading | None, found: Log, kept: int | None) -> int:
        """Return the offset to start at on a partition; see `faust_patches.positions`."""
        raise NotImplementedError

    def positioned(self, starts: dict[TP, int]) -> None:
        """These are the offsets that come first on each partition, before any is read."""

    def moved(self, tp: TP, start: int) -> None:
        """The log of a partition is not as it was left; this is the offset that comes next on it."""

    async def taken_over(self, tps: set[TP]) -> None:
        """These are the partitions of this worker now."""

    async def released(self, tps: set[TP]) -> None:
        """These partitions may be somebody else's from now on."""

    async def drain(self, grace: float) -> None:
        """Partitions are about to go: let what is in flight end, for at most so many seconds."""

    def lost(self, why: str) -> None:
        """The group will not know this member again. Called from any thread."""


MakeParts = Callable[[], Awaitable[Parts]]
