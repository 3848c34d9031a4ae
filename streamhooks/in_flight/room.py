"""How much of the source topics may be unsettled at once: so many records, and so many bytes."""

from __future__ import annotations

from collections import defaultdict

#: the part of both bounds that each topic may always have: another one, whose records wait, can't take all the room
SHARE = 1 / 16


class Room:
    """What is unsettled, by topic. One for a worker; None is no bound.

    What comes when there is some room left has room, whatever its size. So the bounds are exceeded by one record of a
    topic, and by the shares of those topics that come when all the room is taken.
    """

    def __init__(self, records: int | None = None, size: int | None = None) -> None:
        self._most_records = float("inf") if records is None else records
        self._most_bytes = float("inf") if size is None else size
        self._records_of: defaultdict[str, int] = defaultdict(int)
        self._bytes_of: defaultdict[str, int] = defaultdict(int)
        #: of all topics
        self.records = 0
        self.size = 0

    def take(self, topic: str, size: int) -> None:
        """A record of so many bytes is unsettled."""
        self.records += 1
        self.size += size
        self._records_of[topic] += 1
        self._bytes_of[topic] += size

    def give_back(self, topic: str, size: int, records: int = 1) -> None:
        """It is settled, or somebody else's; `size` is of all `records`."""
        self.records -= records
        self.size -= size
        self._records_of[topic] -= records
        self._bytes_of[topic] -= size

    def is_full(self, topic: str) -> bool:
        """Whether another record of the topic has to wait."""
        if self.records < self._most_records and self.size < self._most_bytes:
            return False
        return (
            self._records_of[topic] >= SHARE * self._most_records or self._bytes_of[topic] >= SHARE * self._most_bytes
        )
