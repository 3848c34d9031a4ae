"""The options of a benchmark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """quick -- a smoke test: everything small, one round. seconds -- how long a rate is held, if given."""

    quick: bool = False
    seconds: int | None = None

    def choose(self, full: int, quick: int) -> int:
        """Return a count for this run."""
        return quick if self.quick else full
