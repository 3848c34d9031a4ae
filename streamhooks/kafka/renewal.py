"""A topic of ours that is deleted and made anew: a producer that knows the former one may never write to the new one.

librdkafka keeps the epoch of the former topic's leader, and takes what brokers say of the new one, whose epochs begin
at 0, for out of date. A new producer does not know it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from streamhooks.masking import shown

log = logging.getLogger(__name__)

#: how often is looked, and for how long a record must not have been confirmed until topics are asked for, in seconds
INTERVAL = 2.0
SUSPICIOUS = 5.0


class Producing(Protocol):
    """What writes."""

    def oldest_unconfirmed(self) -> float:
        """The age of the oldest record that is not confirmed, in seconds."""

    def renew(self) -> None:
        """Write with a new producer from now on."""


class Renewal:
    """Renews the producer. One for the worker; `ids` gives the id of each topic that is there, and blocks."""

    def __init__(self, publisher: Producing, ids: Callable[[], Mapping[str, str]]) -> None:
        self._publisher = publisher
        self._ids = ids
        self._known: dict[str, str] = {}

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(INTERVAL)

    async def look(self) -> None:
        """Renew the producer if it does not get on, and a topic is another one than it knows."""
        if self._known and self._publisher.oldest_unconfirmed() < SUSPICIOUS:
            return
        found = {topic: topic_id for topic, topic_id in (await asyncio.to_thread(self._ids)).items() if topic_id}
        anew = sorted(topic for topic, topic_id in found.items() if self._known.get(topic, topic_id) != topic_id)
        self._known |= found
        if anew:
            log.warning("records are not confirmed, and %s was made anew: writing with a new producer", shown(anew[0]))
            self._publisher.renew()
