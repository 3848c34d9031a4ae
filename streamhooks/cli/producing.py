"""Write records to Kafka, many at a time, and return their coordinates in order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING

from streamhooks.errors import ProducerDead, PublishError, Refusal

if TYPE_CHECKING:
    from streamhooks.cli.records import Item
    from streamhooks.kafka.publisher import Published, Publisher
    from streamhooks.settings import Settings

_AT_ONCE = 10_000


def produce(
    settings: Settings, topic: str, items: Iterable[Item], wait: float
) -> Iterator[tuple[Item, Published | str]]:
    """Write records; yield each with its coordinates, or with the reason why Kafka rejected it.

    Raise Refusal if Kafka confirms nothing for `wait` seconds, or accepts nothing any more.
    """
    from streamhooks.kafka.publisher import Publisher

    publisher = Publisher(settings)
    waiting: deque[tuple[Item, Future[Published]]] = deque()
    confirmed = 0

    def first() -> tuple[Item, Published | str]:
        nonlocal confirmed
        item, future = waiting[0]
        try:
            outcome: Published | str = future.result(wait)
            confirmed += 1
        except TimeoutError:
            raise Refusal(
                f"Kafka at {settings.bootstrap_servers} (STREAMHOOKS_BROKERS) has confirmed {confirmed} records, "
                f"and nothing more for {wait:g} s: from number {item.number} on, they may or may not be written"
            ) from None
        except ProducerDead as error:
            raise Refusal(f"Kafka accepts nothing more after {confirmed} records: {error}") from None
        except PublishError as error:
            outcome = str(error)
        waiting.popleft()
        return item, outcome

    try:
        for item in items:
            waiting.append((item, _published(publisher, topic, item, wait, settings)))
            while waiting and (waiting[0][1].done() or len(waiting) >= _AT_ONCE):
                yield first()
        while waiting:
            yield first()
    finally:
        publisher.close(0.0)


def _published(publisher: Publisher, topic: str, item: Item, wait: float, settings: Settings) -> Future[Published]:
    deadline = time.monotonic() + wait
    while True:
        try:
            return publisher.publish(topic, item.value, key=item.key)
        except BufferError:
            if time.monotonic() > deadline:
                raise Refusal(f"Kafka at {settings.bootstrap_servers} accepts nothing more") from None
            time.sleep(0.01)
