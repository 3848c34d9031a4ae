"""Partition counts while a worker runs: added partitions must be noticed, and some topics must not get any."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping

from confluent_kafka import KafkaException, TopicCollection

from streamhooks.kafka.asking import KeptAdmin
from streamhooks.kafka.topics import COPARTITIONED, NAMES
from streamhooks.settings import Settings

log = logging.getLogger(__name__)

TIMEOUT = 10.0

#: topics that may have any number of partitions
FREE = frozenset({"events", "alerts", "notices", "dead-letters"})

Counts = Mapping[str, int]
"""The number of partitions per topic, whose name is without the prefix."""


def trouble_of(name: str, before: int, now: int, prefix: str) -> str | None:
    """Return what an operator must do about a topic whose partition count has changed; None for nothing."""
    if name in FREE or before == now:
        return None
    changed = f"the topic {prefix}{name} has {now} partitions now, and had {before}"
    if name == "hooks":
        return f"{changed}: it must have 1; recreate it with its records, and restart all workers"
    if name == "hook-states":
        return f"{changed}: recreate it with its records and {before} partitions, and restart all workers"
    mates = sorted(prefix + mate for pair in COPARTITIONED if name in pair for mate in pair if mate != name)
    if name in ("resources", "resource-changes"):
        return f"{changed}: give {mates[0]} as many, write each resource again, and restart all workers"
    group = sorted({prefix + one for pair in COPARTITIONED if "firings" in pair for one in pair} - {prefix + name})
    others = ", ".join(group)
    return f"{changed}: no worker can start until {others} have as many; then stop all workers, and start them"


class Watch:
    """Asks Kafka how many partitions the topics have. One per worker.

    `ask` returns the counts, blocks, and raises TimeoutError when Kafka does not answer. `follow` is called with the
    counts that have changed since the last request. `interval` is the longest time between two requests, in seconds;
    it varies, so that workers started together don't ask at the same time.
    """

    def __init__(
        self, counts: Counts, ask: Callable[[], Counts], follow: Callable[[Counts], None], prefix: str, interval: float
    ) -> None:
        self._before = dict(counts)
        self._counts = dict(counts)
        self._ask = ask
        self._follow = follow
        self._prefix = prefix
        self._interval = interval

    async def run(self) -> None:
        """Ask repeatedly, forever."""
        while True:
            await asyncio.sleep(self._interval * random.uniform(0.5, 1.0))
            try:
                self.learn(await asyncio.to_thread(self._ask))
            except TimeoutError as error:
                log.debug("the partition counts are not known: %s", error)

    def learn(self, counts: Counts) -> None:
        """Compare with the current counts, and report changes; a missing topic is not known now."""
        changed = {name: now for name, now in counts.items() if now != self._counts.get(name, now)}
        self._counts |= changed
        for name, now in changed.items():
            trouble = trouble_of(name, self._before[name], now, self._prefix)
            if trouble is None:
                log.info("the topic %s%s has %d partitions now", self._prefix, name, now)
            else:
                log.critical(trouble)
        if changed:
            self._follow(changed)

    @property
    def troubles(self) -> list[str]:
        """Return what an operator must do, one line per topic."""
        found = (trouble_of(name, self._before[name], now, self._prefix) for name, now in self._counts.items())
        return sorted(trouble for trouble in found if trouble is not None)


class KafkaCounts:
    """Reads the counts of an installation from Kafka; connects on first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin = KeptAdmin(settings)

    def ask(self) -> dict[str, int]:
        """Return the number of partitions of each existing topic; blocks.

        Raises:
            TimeoutError: Kafka does not answer.

        """
        names, counts = {self._settings.topic_prefix + name: name for name in NAMES.values()}, dict[str, int]()
        asked = self._admin.get().describe_topics(TopicCollection([*names]), request_timeout=TIMEOUT)
        try:
            for topic, future in asked.items():
                try:
                    counts[names[topic]] = len(future.result(TIMEOUT).partitions)
                except KafkaException as error:  # for example while the topic is being recreated
                    log.debug("the partition count of %s is not known: %s", topic, error.args[0].str())
        finally:
            if len(counts) < len(asked):
                self._admin.forget()
        return counts
