"""The places that calls take while they run: of their hook, among all deliveries, and for the bytes of large calls."""

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
        """Tell whether a pending call of `size` bytes may start; the size is 0 if it is not large."""
        return not size or self.again.fits(size)

    def weighing(self, size: int, run: Run) -> Run:
        """Return the run of a pending call that takes room for its bytes until it has ended."""
        if not size:
            return run
        self.again.add(size)
        return leaving(run, lambda: self._lighter(size))

    def _lighter(self, size: int) -> None:
        self.again.give_back(size)
        self.bulkheads.on_free()


async def leaving(run: Run, leave: Callable[[], None]) -> None:
    """Run something, then call `leave`."""
    try:
        await run
    finally:
        leave()
