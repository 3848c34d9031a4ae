"""Where a partition begins to be read, how far it has come, and what the brokers tell of it: see `positions.py`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from faust.types import TP

from streamhooks.in_flight.progress import Settled
from streamhooks.in_flight.ranges import Ranges
from streamhooks.kafka.logs import Log, Reading

StartOf = Callable[[TP, Reading | None, Log, int | None], int]
"""Where to start on (partition, what was read of it, its log, where the reading's epoch ends in that, if known)."""


class Brokers(Protocol):
    """What the brokers tell; what nobody answers is missing."""

    async def committed(self, tps: Collection[TP]) -> dict[TP, Reading | None]:
        """What is committed; raises KafkaError or TimeoutError."""

    async def logs(self, tps: Collection[TP]) -> dict[TP, Log]:
        """The logs that there are."""

    async def epoch_ends(self, epochs: Mapping[TP, int]) -> dict[TP, int | None]:
        """Where each epoch ends; None if it is not known there."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a partition begins to be read."""

    offset: int
    log: Log
    above: Ranges = ()
    """What is settled above the offset."""
    committed: Settled | None = None
    """What is committed of this log."""


class Place:
    """How far a partition was fetched and handed over."""

    __slots__ = ("checked", "epoch", "is_blind", "next", "number", "topic_id")

    def __init__(self, number: int, start: int, log: Log) -> None:
        self.number = number
        self.next = start
        self.topic_id = log.topic_id
        self.epoch = log.epoch
        #: the epoch of the leader when the log was last known to be as it was read
        self.checked = log.epoch
        #: its batches do not name the epoch in which they were written: they are of an old format
        self.is_blind = False

    def reading(self) -> Reading:
        """Return how far it was read, and of which log."""
        return Reading(self.next, self.topic_id, self.epoch)
