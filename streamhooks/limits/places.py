"""The places that calls take while they run: of their hook, among all deliveries, and for the bytes of large ones."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from streamhooks.in_flight.room import Weight
from streamhooks.limits.bulkheads import Bulkheads

Run = Coroutine[Any, Any, None]


@dataclass(frozen=True, slots=True)
class Places:
    """`first` bounds the bytes of large first attempts, `again` those of large pending calls."""

    bulkheads: Bulkheads
    first: Weight = field(default_factory=Weight)
    again: Weight = field(default_factory=Weight)

    def fits_again(self, size: int) -> bool:
        """Whether a pending call of so many bytes may start; 0 for one that is not large."""
        return not size or self.again.fits(size)

    def weighing(self, size: int, run: Run) -> Run:
        """Have a pending call take room for its bytes until it has ended."""
        if not size:
            return run
        self.again.add(size)
        return leaving(run, lambda: self._lighter(size))

    def _lighter(self, size: int) -> None:
        self.again.give_back(size)
        self.bulkheads.on_leave()


async def leaving(run: Run, leave: Callable[[], None]) -> None:
    """Run something that then gives back what it took."""
    try:
        await run
    finally:
        leave()
