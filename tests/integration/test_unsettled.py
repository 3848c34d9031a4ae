"""What is sent again when a worker ends is what was not settled; of that there is a bound."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from installation import Installation, event
from support import Worker, api, eventually

from streamhooks.kafka.commits import from_metadata
from streamhooks.kafka.logs import Reading

MANY = 400


def events(organization: str, project: str, count: int) -> Iterable[bytes]:
    return (json.dumps(event(organization, project)).encode() for _ in range(count))


def unsettled(worker: Worker) -> float:
    lines = api(worker).get("/metrics").body.decode().splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith("streamhooks_unsettled_records "))


def committed(one: Installation, partition: int) -> Reading:
    """What the workers have committed of `events`."""
    return asyncio.run(_committed(one, TopicPartition(f"{one.prefix}events", partition)))


async def _committed(one: Installation, tp: TopicPartition) -> Reading:
    # Not by librdkafka: what lies behind the metadata in its memory may be no text, and lies there each time.
    admin = AIOKafkaAdminClient(bootstrap_servers=one.brokers)
    await admin.start()
    try:
        found = (await admin.list_consumer_group_offsets(f"{one.prefix}worker", partitions=[tp]))[tp]
    finally:
        await admin.close()
    return from_metadata(found.offset, found.metadata)


def test_only_what_was_not_settled_is_sent_again(install, organization: str) -> None:
    one: Installation = install(request_timeout=100, session_timeout=6, grace=1, partitions=2)
    first = one.add_worker()
    slow = one.create_hook(organization, project_ids=["1"])
    quick = one.create_hook(organization, project_ids=["2"])
    one.receiver.behave(slow.path, hang=True)
    head = one.produce("events", "key", event(organization, "1"))
    partition, floor = head.partition(), head.offset()
    one.produce_with("events", "key", events(organization, "2", MANY))
    quick.received(MANY)
    everything = ((floor + 1, floor + 1 + MANY),)
    eventually(lambda: committed(one, partition).above == everything)
    assert (committed(one, partition).offset, unsettled(first), len(slow.requests())) == (floor, 1, 1)

    # Others join: the slow one is let go and begun anew.
    second = one.add_worker()
    slow.received(2)
    eventually(lambda: unsettled(first) + unsettled(second) == 1)
    one.produce_with("events", "key", events(organization, "2", MANY))
    quick.received(2 * MANY)
    everything = ((floor + 1, floor + 1 + 2 * MANY),)
    eventually(lambda: committed(one, partition).above == everything)

    # So does a worker that ends.
    assert second.stop() == 0
    slow.received(3)
    eventually(lambda: unsettled(first) == 1)

    first.kill()
    one.receiver.behave(slow.path)
    first.start()
    slow.received(4)
    eventually(lambda: committed(one, partition).offset == everything[0][1])
    eventually(lambda: one.totals(slow) == (1, 1, 0))
    eventually(lambda: one.totals(quick) == (2 * MANY, 2 * MANY, 0))
    assert one.receiver.count(quick.path)["requests"] == 2 * MANY
    assert one.receiver.count(slow.path) == {"requests": 4, "ids": 1, "unverified": 0}
    assert unsettled(first) == 0


def test_no_more_is_taken_up_when_so_much_is_unsettled(install, organization: str) -> None:
    bound, delay = 20, 0.5
    one: Installation = install(max_unsettled=bound)
    worker = one.add_worker()
    slow = one.create_hook(organization, project_ids=["1"], behaviour=f"delay={delay}&status=200")
    quick = one.create_hook(organization, project_ids=["2"])
    for project in ("1", "2"):
        for key in range(8):
            one.produce_with("events", str(key), events(organization, project, 10))
    quick.received(80)
    times = [request["time"] for request in slow.received(80)]
    # Of any 21 one was answered before the last was sent.
    assert min(later - first for first, later in zip(times, times[bound:], strict=False)) >= delay
    eventually(lambda: unsettled(worker) == 0)
    assert one.receiver.count(slow.path)["requests"] == 80
