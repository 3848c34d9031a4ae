"""Records of a topic, fetched by a client that belongs to no group and chooses no offset.

Faust fetches in the thread that keeps the group: so heartbeats go on whatever the loop does. But a record that comes
that way waits three times for the interpreter, up to 10 ms each while the loop is busy, and each fetch names all
partitions of the group, which is most of what it costs. The thread keeps the group; what the loop is about to handle is
fetched for it, topic by topic.

There are two that do it, `aiokafka_fetching.py` and `librdkafka_fetching.py`; one suite holds both
(`tests/integration/test_fetching.py`).

Why: docs/decisions/0005-fetching-without-a-group.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from faust.types import TP

from streamhooks.kafka.reader import Record

#: records that are handed over at once, at most
AT_ONCE = 500


class Seek(NamedTuple):
    """Where to read on, and as what."""

    offset: int
    epoch: int = -1
    """One in which all below the offset was written, -1 if that is not known: the client may check it."""
    assignment: int = 0
    """What the records are marked with."""


class Fetching(Protocol):
    """Reads the partitions of a topic that it is told to read, and no others, and only what is committed.

    Of a partition whose log does not have its next offset it reads nothing until it is told where to go on.
    """

    async def assign(self, seeks: Mapping[TP, Seek]) -> None:
        """Read these partitions, and no others."""

    def move(self, seeks: Mapping[TP, Seek]) -> None:
        """Go on elsewhere with some of the partitions that are read; what was fetched of them is not handed over."""

    def renew(self, seeks: Mapping[TP, Seek]) -> None:
        """Read these partitions, and no others, of a topic that was made anew: what is known of it holds no more."""

    async def getmany(self, timeout: float) -> list[Record]:
        """What has come, those of a partition in order; waits for at most `timeout` seconds, and may be cancelled."""

    def suspects(self) -> set[TP]:
        """The partitions about which a broker had something to say since this was asked last."""

    async def stop(self) -> None:
        """Fetch no more."""
