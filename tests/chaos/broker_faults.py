"""What happens to one of several brokers, to leaders, coordinators and replicas."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import AlterPartitionReassignmentsRequest
from confluent_kafka import ElectionType
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    PartitionMetadata,
)

from chaos import cutting
from chaos.load import SOURCES
from chaos.log_faults import FEWER_REPLICAS, committed_of, extents, note_cuts
from chaos.stage import Faults, Stage
from streamhooks.dev.node import Node

#: what workers write to
OURS = ("delayed", "firings", "dead-letters", "notices", "hook-states")
#: seconds after which a broker that is away is taken for dead, and a little more
FENCED = 4.0


@contextlib.asynccontextmanager
async def without(stage: Stage, node: Node) -> AsyncIterator[None]:
    """Kill a broker; have it back, and wait until all replicas are in sync, after the block."""
    await asyncio.to_thread(node.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(node.restart)
        await whole(stage)


async def whole(stage: Stage) -> None:
    """Wait until each replica is in sync: the next broker that is lost is not the last one that has a record."""
    for _ in range(2):
        # A broker that was frozen reports an outdated state for a moment.
        await asyncio.sleep(1.0)
        await stage.ask(lambda admin: all(len(one.isrs) == len(one.replicas) for one in _all_partitions(admin)))


def is_in_sync(broker: int, partitions: Iterable[PartitionMetadata]) -> bool:
    """Tell whether the broker is among those in sync of any of these partitions."""
    return any(broker in one.isrs for one in partitions)


def _all_partitions(admin: AdminClient) -> list[PartitionMetadata]:
    topics = admin.list_topics(timeout=5).topics.values()
    return [partition for topic in topics for partition in topic.partitions.values()]


async def _kill_one(stage: Stage, draw: random.Random) -> None:
    with stage.noted("kill one broker"):
        async with without(stage, draw.choice(stage.kafka.nodes)):
            await asyncio.sleep(draw.choice((0.0, draw.uniform(0, 8))))


async def _pause_one(stage: Stage, draw: random.Random) -> None:
    with stage.noted("pause one broker"):
        node = draw.choice(stage.kafka.nodes)
        node.pause()
        await asyncio.sleep(draw.uniform(1, 8))
        node.resume()
        await whole(stage)


async def _kill_coordinator(stage: Stage, draw: random.Random) -> None:
    """Kill the broker that coordinates a group of the workers."""
    group = stage.topic(draw.choice(("worker", "counting")))
    described = await stage.ask(lambda admin: admin.describe_consumer_groups([group])[group].result())
    number = described.coordinator.id
    with stage.noted("kill coordinator", f"{group}: broker {number}"):
        async with without(stage, stage.kafka.nodes[number - 1]):
            await asyncio.sleep(draw.uniform(0, 8))


async def _move_leaders(stage: Stage, draw: random.Random) -> None:
    """Give each partition another leader, with all brokers up."""
    with stage.noted("move leaders"):
        topics = (await stage.ask(lambda admin: admin.list_topics(timeout=5))).topics
        await _reassign(
            stage.kafka.brokers,
            {
                name: {number: _rotated(one.replicas, draw) for number, one in topic.partitions.items()}
                for name, topic in topics.items()
            },
        )
        # Without options: this client's version can't take any here.
        await stage.ask(lambda admin: admin.elect_leaders(ElectionType.PREFERRED).result() is not None)
        await whole(stage)


def _rotated(replicas: list[int], draw: random.Random) -> list[int]:
    by = draw.randrange(len(replicas))
    return replicas[by:] + replicas[:by]


async def _reassign(brokers: str, wanted: dict[str, dict[int, list[int]]]) -> None:
    # librdkafka's admin client can't.
    client = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await client.start()
    try:
        topics = [
            (name, [(number, replicas, {}) for number, replicas in partitions.items()], {})
            for name, partitions in wanted.items()
        ]
        await client._send_request(AlterPartitionReassignmentsRequest(20_000, topics, {}))
    finally:
        await client.close()


async def _too_few_in_sync(stage: Stage, draw: random.Random) -> None:
    """Let no write of the workers be confirmed for a while: each needs all three replicas, and one is away."""
    with stage.noted("too few in sync"):
        topics = [stage.topic(topic) for topic in OURS]
        await configure(stage, topics, "min.insync.replicas", "3")
        async with without(stage, draw.choice(stage.kafka.nodes)):
            await asyncio.sleep(FENCED + draw.uniform(2, 8))
        await configure(stage, topics, "min.insync.replicas", "2")


async def configure(stage: Stage, topics: Sequence[str], name: str, value: str | None) -> None:
    """Set this of these topics, or with None leave it to the broker again."""
    operation = AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET
    entry = ConfigEntry(name, value, incremental_operation=operation)
    resources = [ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry]) for topic in topics]

    def alter(admin: AdminClient) -> bool:
        for future in admin.incremental_alter_configs(resources, request_timeout=20).values():
            future.result()
        return True

    await stage.ask(alter)


async def _wipe(stage: Stage, draw: random.Random) -> None:
    """Replace the disk of a broker that is down: what it held of the sources comes back from the others."""
    # After all brokers were killed, one may be the last in sync: with an empty disk, it would make the others empty.
    await whole(stage)
    with stage.noted("wipe replica"):
        number, node = draw.choice(list(enumerate(stage.kafka.nodes, 1)))
        async with without(stage, node):
            with contextlib.suppress(AssertionError):  # it was the last in sync of some, and keeps what it has
                await stage.ask(lambda admin: not is_in_sync(number, _all_partitions(admin)), timeout=20)
                _wipe_sources(stage, node)


def _wipe_sources(stage: Stage, node: Node) -> None:
    for topic in SOURCES:
        cutting.remove((node.folder / "data").glob(f"{stage.topic(topic)}-*"))


async def _unclean(stage: Stage, draw: random.Random) -> None:
    """Lose the one broker that has the latest records, and have one lead that has not.

    Of a topic with two replicas: one goes down, the other confirms alone; then that goes down, and the first is back.
    """
    topic = draw.choice(tuple(FEWER_REPLICAS))
    # After all brokers were killed, the one that goes down first may be the last in sync: then nothing leads.
    await whole(stage)
    with stage.noted("unclean election", topic):
        found = await stage.ask(lambda admin: admin.list_topics(timeout=5).topics[stage.topic(topic)].partitions)
        behind, ahead = draw.sample(draw.choice(list(found.values())).replicas, 2)
        pairs = [number for number, one in found.items() if sorted(one.replicas) == sorted((behind, ahead))]
        nodes = stage.kafka.nodes
        await asyncio.to_thread(nodes[behind - 1].kill)
        await asyncio.sleep(FENCED)
        try:
            await stage.ask(lambda admin: _are_led(admin, stage.topic(topic), behind), timeout=20)
        except AssertionError:
            # It was the last in sync of some: brokers that were frozen, or are just back, say otherwise for a while.
            await asyncio.to_thread(nodes[behind - 1].restart)
            await whole(stage)
            return
        stage.load.burst(draw.randint(100, 500))
        await asyncio.sleep(draw.uniform(2, 4))
        await asyncio.to_thread(stage.load.hold, topic)
        before = await stage.ask(partial(extents, stage, topic))
        at, life, known = time.time(), stage.load.lives[topic], await committed_of(stage, topic)
        await configure(stage, (stage.topic(topic),), "unclean.leader.election.enable", "true")
        await asyncio.to_thread(nodes[ahead - 1].kill)
        await asyncio.to_thread(nodes[behind - 1].restart)
        await stage.ask(lambda admin: _led_by(admin, stage.topic(topic), pairs, behind))
        await asyncio.to_thread(nodes[ahead - 1].restart)
        await whole(stage)
        await configure(stage, (stage.topic(topic),), "unclean.leader.election.enable", "false")
        note_cuts(stage, topic, before, await stage.ask(partial(extents, stage, topic)), known, at, life)
        stage.load.renew(topic)


def _led_by(admin: AdminClient, topic: str, partitions: list[int], broker: int) -> bool:
    found = admin.list_topics(timeout=5).topics[topic].partitions
    return all(found[number].leader == broker for number in partitions)


def _are_led(admin: AdminClient, topic: str, broker: int) -> bool:
    """Tell whether each partition has a leader, and another than this broker."""
    found = admin.list_topics(timeout=5).topics[topic].partitions
    return all(one.leader not in (-1, broker) for one in found.values())


ALL: Faults = {
    "kill one broker": _kill_one,
    "pause one broker": _pause_one,
    "kill coordinator": _kill_coordinator,
    "move leaders": _move_leaders,
    "too few in sync": _too_few_in_sync,
    "wipe replica": _wipe,
    "unclean election": _unclean,
}
