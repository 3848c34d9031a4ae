"""Topics that are never ours to create: whether they exist, asked at the start and from then on.

Why: docs/decisions/0021-own-topics.md.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import TimeoutError as TimedOut

from confluent_kafka import KafkaError, KafkaException, TopicCollection

from streamhooks.kafka.asking import KeptAdmin
from streamhooks.settings import Settings

log = logging.getLogger(__name__)

TIMEOUT = 10.0
_ABSENT = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED)

Counts = Mapping[str, int]
"""The number of partitions per topic; 0 for one that does not exist, or that this user may not see."""


class Existence:
    """Which of these topics exist. One per worker.

    `ask` returns the counts, blocks, and raises TimeoutError when Kafka does not answer. `interval` is the longest time
    between two requests, in seconds; it varies, so that workers started together don't ask at the same time.
    """

    def __init__(self, topics: Collection[str], ask: Callable[[Collection[str]], Counts], interval: float) -> None:
        self._topics = topics
        self._ask = ask
        self._interval = interval
        self._absent: list[str] = []

    async def look(self) -> Counts:
        """Ask, note which topics do not exist, and return the counts; raise TimeoutError as `ask` does."""
        counts = await asyncio.to_thread(self._ask, self._topics) if self._topics else {}
        absent = sorted(topic for topic, count in counts.items() if not count)
        for topic in sorted({*absent} - {*self._absent}):
            log.error(_trouble_of(topic))
        for topic in sorted({*self._absent} - {*absent}):
            log.info("the topic %s exists now", topic)
        self._absent = absent
        return counts

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
        return [_trouble_of(topic) for topic in self._absent]


def _trouble_of(topic: str) -> str:
    text = "does not exist, or this user may not see it: workers never create it, and wait for it"
    return f"the topic {topic} of STREAMHOOKS_SOURCES {text}"


class KafkaExistence:
    """Asks Kafka for topics; connects on first use."""

    def __init__(self, settings: Settings) -> None:
        self._admin = KeptAdmin(settings)

    def ask(self, topics: Collection[str]) -> dict[str, int]:
        """Return the number of partitions of each topic, 0 for one that is not there; blocks.

        Raises:
            TimeoutError: Kafka does not answer.

        """
        counts = dict[str, int]()
        asked = self._admin.get().describe_topics(TopicCollection([*topics]), request_timeout=TIMEOUT)
        for topic, future in asked.items():
            try:
                counts[topic] = len(future.result(TIMEOUT).partitions)
            except (KafkaException, TimedOut) as error:
                found = error.args[0] if error.args else None
                if not isinstance(found, KafkaError) or found.code() not in _ABSENT:
                    self._admin.forget()
                    raise TimeoutError(f"Kafka does not answer about {topic}: {error}") from None
                counts[topic] = 0
        return counts
