"""Bounds on unsettled source records: a number of records and a number of bytes."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from typing import NamedTuple

#: each topic may always have this part of both bounds, so a topic whose records wait can't take all the room
SHARE = 1 / 16


class Parts(NamedTuple):
    """How the bytes of source records are divided, from fetching to settling."""

    unsettled: int
    """For records taken up and not settled."""
    ahead: int
    """Per topic, for records fetched and not taken up: this much in its client, and this much for its agent."""
    again: int
    """For running pending calls, whose arguments are read when they are due."""


def divided(size: int) -> Parts:
    """Divide `size` bytes; pending calls get an additional share, as they do of places.

    By default, one hanging endpoint with 50 bodies of 1 MB does not fill the unsettled part.
    """
    return Parts(unsettled=size * 13 // 16, ahead=size * 3 // 128, again=size // 4)


class Room:
    """Unsettled records and bytes per topic.

    A record is let in whenever any room is left, whatever its size. So the bounds may be exceeded by one record per
    topic, and by the guaranteed shares of topics that arrive when the room is full.
    """

    def __init__(self, records: int, size: int) -> None:
        self._most_records = records
        self._most_bytes = size
        self._of: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])  # per topic: records, bytes
        #: of all topics
        self.records = 0
        self.size = 0

    def take(self, topic: str, size: int, records: int = 1) -> None:
        """Count unsettled records; `size` is their total in bytes."""
        self.records += records
        self.size += size
        of_topic = self._of[topic]
        of_topic[0] += records
        of_topic[1] += size

    def give_back(self, topic: str, size: int, records: int = 1) -> None:
        """Uncount records that are settled or gone to another worker; `size` is their total in bytes."""
        self.records -= records
        self.size -= size
        of_topic = self._of[topic]
        of_topic[0] -= records
        of_topic[1] -= size

    def is_full(self, topic: str) -> bool:
        """Tell whether another record of the topic has to wait."""
        if self.records < self._most_records and self.size < self._most_bytes:
            return False
        records, size = self._of[topic]
        return records >= SHARE * self._most_records or size >= SHARE * self._most_bytes


class Weight:
    """A bound for running calls, in bytes or in places; None means no bound. A single call always fits.

    Waiting calls get room in order of arrival, so small ones can't keep out a large one.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = float("inf") if most is None else most
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self.taken = 0

    def fits(self, size: int) -> bool:
        """Tell whether `size` bytes fit."""
        return not self.taken or self.taken + size <= self._most

    def fits_now(self, size: int) -> bool:
        """Tell whether `size` bytes fit, and nobody waits for room."""
        return not self._waiting and (not self.taken or self.taken + size <= self._most)

    def add(self, size: int) -> None:
        """Take `size` bytes without waiting."""
        self.taken += size

    async def take(self, size: int) -> None:
        """Wait until `size` bytes fit, and take them."""
        if self.fits_now(size):
            self.taken += size
            return
        turn = size, asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn[1]
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
                size = 0
            self.give_back(size)
            raise

    def give_back(self, size: int) -> None:
        """Give `size` bytes back."""
        self.taken -= size
        while self._waiting and (self._waiting[0][1].done() or self.fits(self._waiting[0][0])):
            wanted, waiter = self._waiting.popleft()
            if not waiter.done():
                self.taken += wanted
                waiter.set_result(None)
