"""Where a partition starts, how far it was read, and what the brokers say about it; used by `positions.py`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from faust.types import TP

from streamhooks.in_flight.progress import Settled
from streamhooks.in_flight.ranges import Ranges
from streamhooks.kafka.logs import Log, Reading

StartOf = Callable[[TP, Reading | None, Log, int | None], int]
"""Returns the start for (partition, what was read of it, its log, where the reading's epoch ends there if known)."""


class Brokers(Protocol):
    """Requests to the brokers; a partition without an answer is missing in the result."""

    async def committed(self, tps: Collection[TP]) -> dict[TP, Reading | None]:
        """Return what is committed; raise KafkaError or TimeoutError."""

    async def logs(self, tps: Collection[TP]) -> dict[TP, Log]:
        """Return the current logs."""

    async def epoch_ends(self, epochs: Mapping[TP, int]) -> dict[TP, int | None]:
        """Return where each epoch ends; None if its leader does not know it."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where to start reading a partition."""

    offset: int
    log: Log
    above: Ranges = ()
    """Settled ranges above the offset."""
    committed: Settled | None = None
    """The last commit, if it is of this log."""


class Place:
    """How far a partition was fetched and handed over."""

    __slots__ = ("checked", "epoch", "is_blind", "next", "number", "topic_id")

    def __init__(self, number: int, start: int, log: Log) -> None:
        self.number = number
        self.next = start
        self.topic_id = log.topic_id
        self.epoch = log.epoch
        #: the leader epoch when the log was last found unchanged
        self.checked = log.epoch
        #: its batches name no epoch, since they have an old format
        self.is_blind = False

    def reading(self) -> Reading:
        """Return how far the partition was read, and of which log."""
        return Reading(self.next, self.topic_id, self.epoch)
