"""Fetching the records of a topic by a client that joins no group and never resets its offset by itself.

Faust fetches in the thread that keeps the group membership, so heartbeats continue whatever the loop does. But a record
that comes that way waits three times for the interpreter, up to 10 ms each while the loop is busy. And each fetch names
all partitions of the group, which is most of its cost. So that thread only keeps the membership, and each topic is
fetched by a client of its own.

There are two implementations, `aiokafka_fetching.py` and `librdkafka_fetching.py`; one suite tests both
(`tests/integration/test_fetching.py`).

Why: docs/decisions/0005-fetching-without-a-group.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from faust.types import TP

from streamhooks.kafka.reader import Record

#: maximum records handed over at once
AT_ONCE = 500


class Seek(NamedTuple):
    """Where to continue reading, and how to mark the records."""

    offset: int
    epoch: int = -1
    """The epoch in which everything below the offset was written, -1 if unknown; the client may check it."""
    assignment: int = 0
    """The assignment number that records are marked with."""


class Fetching(Protocol):
    """Reads the given partitions of a topic, and only committed records.

    A partition whose log does not have the next offset is not read until it is moved.

    checks_logs -- whether it hands over a record of a later epoch only if the log still has all records before it, and
    suspects the partition else. If False, its caller has to ask the brokers.
    """

    checks_logs: bool

    async def assign(self, seeks: Mapping[TP, Seek]) -> None:
        """Read these partitions, and no others."""

    def move(self, seeks: Mapping[TP, Seek]) -> None:
        """Continue at another offset on some of the partitions; what was fetched of them is dropped."""

    def renew(self, seeks: Mapping[TP, Seek]) -> None:
        """Read these partitions, and no others, of a recreated topic: forget what is known of it."""

    async def getmany(self, timeout: float) -> list[Record]:
        """Return fetched records, in order per partition; wait for at most `timeout` seconds; may be cancelled."""

    def suspects(self) -> set[TP]:
        """Return the partitions on which a broker has reported an error since the last call."""

    async def stop(self) -> None:
        """Stop fetching."""
