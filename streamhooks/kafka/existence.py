"""Topics that are never ours to create: whether they exist and may be read, asked at the start and from then on.

Why: docs/decisions/0021-own-topics.md.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import TimeoutError as TimedOut
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation

from streamhooks.kafka.asking import KeptAdmin
from streamhooks.settings import Settings

log = logging.getLogger(__name__)

TIMEOUT = 10.0
_ABSENT = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED)

Counts = Mapping[str, int]
"""The number of partitions per topic; 0 for one that does not exist, or that this user may not see."""


class Seen(NamedTuple):
    """What Kafka says of a topic."""

    partitions: int
    may_read: bool = True
    """Whether this user may; true if Kafka does not say."""


class Existence:
    """Which of these topics exist and may be read. One per worker.

    `ask` returns what Kafka says of each, blocks, and raises TimeoutError when Kafka does not answer. `interval` is the
    longest time between two requests, in seconds; it varies, so that workers started together don't ask at once.
    """

    def __init__(
        self, topics: Collection[str], ask: Callable[[Collection[str]], Mapping[str, Seen]], interval: float
    ) -> None:
        self._topics = topics
        self._ask = ask
        self._interval = interval
        self._troubles: dict[str, str] = {}

    async def look(self) -> Counts:
        """Ask, note which topics can't be read, and return the counts; raise TimeoutError as `ask` does."""
        seen = await asyncio.to_thread(self._ask, self._topics) if self._topics else {}
        troubles = {topic: text for topic, one in sorted(seen.items()) if (text := _trouble_of(topic, one)) is not None}
        for topic, text in troubles.items():
            if text != self._troubles.get(topic):
                log.error(text)
        for topic in self._troubles:
            if topic not in troubles:
                log.info("the topic %s can be read now", topic)
        self._troubles = troubles
        return {topic: one.partitions for topic, one in seen.items()}

    async def run(self) -> None:
        """Look repeatedly, forever."""
        while True:
            await asyncio.sleep(self._interval * random.uniform(0.5, 1.0))
            try:
                await self.look()
            except TimeoutError as error:
                log.debug("it is not known which topics exist: %s", error)

    @property
    def troubles(self) -> list[str]:
        """Return what an operator must do, one line per topic."""
        return [*self._troubles.values()]


def _trouble_of(topic: str, seen: Seen) -> str | None:
    if not seen.partitions:
        text = "does not exist, or this user may not see it: workers never create it, and wait for it"
    elif not seen.may_read:
        text = "may not be read by this user: workers wait for the permission READ on it"
    else:
        return None
    return f"the topic {topic} of STREAMHOOKS_SOURCES {text}"


class KafkaExistence:
    """Asks Kafka for topics; connects on first use."""

    def __init__(self, settings: Settings) -> None:
        self._admin = KeptAdmin(settings)

    def ask(self, topics: Collection[str]) -> dict[str, Seen]:
        """Return what Kafka says of each topic; blocks.

        Raises:
            TimeoutError: Kafka does not answer.

        """
        seen = dict[str, Seen]()
        asked = self._admin.get().describe_topics(
            TopicCollection([*topics]), include_authorized_operations=True, request_timeout=TIMEOUT
        )
        for topic, future in asked.items():
            try:
                found = future.result(TIMEOUT)
                allowed = found.authorized_operations
                seen[topic] = Seen(len(found.partitions), not allowed or AclOperation.READ in allowed)
            except (KafkaException, TimedOut) as error:
                what = error.args[0] if error.args else None
                if not isinstance(what, KafkaError) or what.code() not in _ABSENT:
                    self._admin.forget()
                    raise TimeoutError(f"Kafka does not answer about {topic}: {error}") from None
                seen[topic] = Seen(0)
        return seen
