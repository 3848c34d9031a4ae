"""Renewing the producer after one of our topics was deleted and recreated: the old producer may never write again.

librdkafka keeps the leader epoch of the previous topic. The epochs of the new topic begin at 0, so librdkafka takes
its metadata for outdated. A new producer does not know the old epoch.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from streamhooks.masking import shown

log = logging.getLogger(__name__)

#: polling interval, and the age of an unconfirmed record from which on topics are checked, both in seconds
INTERVAL = 2.0
SUSPICIOUS = 5.0


class Producing(Protocol):
    """What is used of the publisher."""

    def oldest_unconfirmed(self) -> float:
        """Return the age of the oldest unconfirmed record, in seconds."""

    def renew(self) -> None:
        """Write with a new producer from now on."""


class Renewal:
    """Renews the producer. One per worker; `ids` returns the id of each existing topic, and blocks."""

    def __init__(self, publisher: Producing, ids: Callable[[], Mapping[str, str]]) -> None:
        self._publisher = publisher
        self._ids = ids
        self._known: dict[str, str] = {}

    async def run(self) -> None:
        """Check repeatedly, forever."""
        while True:
            await self.look()
            await asyncio.sleep(INTERVAL)

    async def look(self) -> None:
        """Renew the producer if its records stay unconfirmed and a topic has another id than it knew."""
        if self._known and self._publisher.oldest_unconfirmed() < SUSPICIOUS:
            return
        found = {topic: topic_id for topic, topic_id in (await asyncio.to_thread(self._ids)).items() if topic_id}
        recreated = sorted(topic for topic, topic_id in found.items() if self._known.get(topic, topic_id) != topic_id)
        self._known |= found
        if recreated:
            log.warning("no confirmations, and %s was recreated: writing with a new producer", shown(recreated[0]))
            self._publisher.renew()
