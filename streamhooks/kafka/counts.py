"""How many partitions topics have while a worker runs: an added one must be noticed, and some must not be added."""

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

#: topics of which any number of partitions will do
FREE = frozenset({"events", "alerts", "notices", "dead-letters"})

Counts = Mapping[str, int]
"""The number of partitions by topic, without the prefix."""


def trouble_of(name: str, before: int, now: int, prefix: str) -> str | None:
    """What an operator must do about a topic that has another number of partitions than before; None for nothing."""
    if name in FREE or before == now:
        return None
    changed = f"the topic {prefix}{name} has {now} partitions now, and had {before}"
    if name == "hooks":
        return f"{changed}: it must have 1; make it anew with its records, and restart all workers"
    if name == "hook-states":
        return f"{changed}: make it anew with its records and {before} partitions, and restart all workers"
    mates = sorted(prefix + mate for pair in COPARTITIONED if name in pair for mate in pair if mate != name)
    if name in ("resources", "resource-changes"):
        return f"{changed}: give {mates[0]} as many, write each resource once more, and restart all workers"
    group = sorted({prefix + one for pair in COPARTITIONED if "firings" in pair for one in pair} - {prefix + name})
    others = ", ".join(group)
    return f"{changed}: no worker can start until {others} have as many; then stop all workers, and start them"


class Watch:
    """Asks Kafka how many partitions the topics have. One for the worker.

    `ask` gives the counts, blocks, and raises TimeoutError when Kafka does not answer; `follow` is called with those
    that have changed since the former look. `interval` is the longest time between two looks, in seconds: workers that
    were started together don't look together.
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
        """Look, for ever."""
        while True:
            await asyncio.sleep(self._interval * random.uniform(0.5, 1.0))
            try:
                self.learn(await asyncio.to_thread(self._ask))
            except TimeoutError as error:
                log.debug("the partitions are not known: %s", error)

    def learn(self, counts: Counts) -> None:
        """These are the counts now; a topic that is missing is not known."""
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
        """What an operator must do, a line a topic."""
        found = (trouble_of(name, self._before[name], now, self._prefix) for name, now in self._counts.items())
        return sorted(trouble for trouble in found if trouble is not None)


class KafkaCounts:
    """The counts of an installation from Kafka; connects when it is asked first."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin = KeptAdmin(settings)

    def ask(self) -> dict[str, int]:
        """The number of partitions of each topic that is there; blocks.

        Raises:
            TimeoutError: Kafka does not answer.

        """
        names, counts = {self._settings.topic_prefix + name: name for name in NAMES.values()}, dict[str, int]()
        asked = self._admin.get().describe_topics(TopicCollection([*names]), request_timeout=TIMEOUT)
        try:
            for topic, future in asked.items():
                try:
                    counts[names[topic]] = len(future.result(TIMEOUT).partitions)
                except KafkaException as error:  # such as: it is being made anew
                    log.debug("the partitions of %s are not known: %s", topic, error.args[0].str())
        finally:
            if len(counts) < len(asked):
                self._admin.forget()
        return counts
