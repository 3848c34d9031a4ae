"""When the producer is renewed: only if a topic was recreated and records stay unconfirmed."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest

from streamhooks.kafka.outbox import Outbox
from streamhooks.kafka.publisher import Published, Publisher
from streamhooks.kafka.renewal import SUSPICIOUS, Renewal


class World:
    def __init__(self) -> None:
        self.ids = {"delayed": "A", "firings": "B"}
        self.age, self.renewed, self.asked = 0.0, 0, 0
        self.renewal = Renewal(self, self.ask)

    def ask(self) -> dict[str, str]:
        self.asked += 1
        return dict(self.ids)

    def oldest_unconfirmed(self) -> float:
        return self.age

    def renew(self) -> None:
        self.renewed += 1


async def test_it_is_renewed_once_for_a_recreated_topic() -> None:
    world = World()
    for _ in range(3):
        await world.renewal.look()
    assert world.asked == 1  # as long as all is well, Kafka is asked for nothing
    world.ids["delayed"] = "C"
    await world.renewal.look()
    assert world.renewed == 0
    world.age = SUSPICIOUS + 1
    for _ in range(3):
        await world.renewal.look()
    assert world.renewed == 1


@pytest.mark.parametrize("ids", [{}, {"delayed": ""}, {"firings": "B"}])
async def test_a_missing_topic_is_not_a_recreated_one(ids: dict[str, str]) -> None:
    world = World()
    await world.renewal.look()
    world.age, world.ids = SUSPICIOUS + 1, ids
    await world.renewal.look()
    world.ids = {"delayed": "A", "firings": "B"}
    await world.renewal.look()
    assert world.renewed == 0
    world.ids["delayed"] = "C"
    await world.renewal.look()
    assert world.renewed == 1


async def test_what_the_previous_producer_had_is_written_by_the_new_one(publisher: Publisher) -> None:
    outbox = Outbox(publisher, asyncio.get_running_loop())
    waiting = [asyncio.ensure_future(outbox.publish("t", b"1")) for _ in range(10)]
    waiting += [asyncio.ensure_future(asyncio.wrap_future(outbox.publish_soon("t", b"1"))) for _ in range(10)]
    await asyncio.sleep(0)
    previous = publisher._producer
    publisher.renew()
    async with asyncio.timeout(10):
        while len(publisher._producer) < 20 or publisher._previous:  # noqa: ASYNC110 - no event reports it
            await asyncio.sleep(0.01)
    assert publisher._producer is not previous
    assert not any(one.done() for one in waiting)
    assert outbox.troubles == []
    for one in waiting:
        one.cancel()
    await asyncio.wait(waiting)


async def test_the_age_of_what_is_not_confirmed_counts_from_when_it_was_handed_over(publisher: Publisher) -> None:
    assert publisher.oldest_unconfirmed() == 0.0
    future: Future[Published] = publisher.publish("t", b"1")
    await asyncio.sleep(0.01)
    assert publisher.oldest_unconfirmed() >= 0.01
    publisher._producer.purge()
    assert await asyncio.to_thread(future.exception, 5) is not None
    assert publisher.oldest_unconfirmed() == 0.0
