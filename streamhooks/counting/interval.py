"""What was counted between two flushes, and is not settled."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamhooks.in_flight.tracker import TP, Ticket


@dataclass(slots=True)
class Interval:
    """Counted records of `firings`."""

    tickets: list[Ticket] = field(default_factory=list)
    firsts: dict[TP, int] = field(default_factory=dict)
    """The first offset per partition."""
    ids: list[int] = field(default_factory=list)
    """See `Seen.new`; empty while the interval lasts."""

    def begin_with(self, earlier: Interval) -> None:
        """Take in what was counted before."""
        self.tickets = earlier.tickets + self.tickets
        self.firsts |= earlier.firsts
        self.ids = earlier.ids + self.ids
