"""How much of the source topics may be unsettled at once: so many records, and so many bytes."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from typing import NamedTuple

#: the part of both bounds that each topic may always have: another one, whose records wait, can't take all the room
SHARE = 1 / 16


class Parts(NamedTuple):
    """What becomes of the bytes that source records may take, from when they are fetched until they are settled."""

    unsettled: int
    """Of records that were taken up."""
    ahead: int
    """Fetched of each topic and not taken up: as much waits in its client, and as much for its agent."""
    again: int
    """Of pending calls that run: what they are kept as is read when they are due."""


def divided(size: int) -> Parts:
    """Divide so many bytes; as for places, pending calls have a share on top.

    By default one endpoint that hangs, with 50 bodies of 1 MB, does not take all that may be unsettled.
    """
    return Parts(unsettled=size * 13 // 16, ahead=size * 3 // 128, again=size // 4)


class Room:
    """What is unsettled, by topic: so many records, and so many bytes.

    What comes when there is some room left has room, whatever its size. So the bounds are exceeded by one record of a
    topic, and by the shares of those topics that come when all the room is taken.
    """

    def __init__(self, records: int, size: int) -> None:
        self._most_records = records
        self._most_bytes = size
        self._of: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])  # by topic: records, bytes
        #: of all topics
        self.records = 0
        self.size = 0

    def take(self, topic: str, size: int) -> None:
        """A record of so many bytes is unsettled."""
        self.records += 1
        self.size += size
        of_topic = self._of[topic]
        of_topic[0] += 1
        of_topic[1] += size

    def give_back(self, topic: str, size: int, records: int = 1) -> None:
        """It is settled, or somebody else's; `size` is of all `records`."""
        self.records -= records
        self.size -= size
        of_topic = self._of[topic]
        of_topic[0] -= records
        of_topic[1] -= size

    def is_full(self, topic: str) -> bool:
        """Whether another record of the topic has to wait."""
        if self.records < self._most_records and self.size < self._most_bytes:
            return False
        records, size = self._of[topic]
        return records >= SHARE * self._most_records or size >= SHARE * self._most_bytes


class Weight:
    """A bound of bytes for calls that run; None is none. One alone has room, whatever its size.

    Who waits for room gets it in turn, so that what is small can't keep out what is large.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = float("inf") if most is None else most
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self.taken = 0

    def fits(self, size: int) -> bool:
        """Whether there is room for so many bytes."""
        return not self.taken or self.taken + size <= self._most

    def add(self, size: int) -> None:
        """Take the room without waiting for it."""
        self.taken += size

    async def take(self, size: int) -> None:
        """Wait for the room and take it."""
        if not self._waiting and self.fits(size):
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
        """Give the room back."""
        self.taken -= size
        while self._waiting and (self._waiting[0][1].done() or self.fits(self._waiting[0][0])):
            wanted, waiter = self._waiting.popleft()
            if not waiter.done():
                self.taken += wanted
                waiter.set_result(None)
