"""What keeps workers from writing for a while: topics that refuse records, too few replicas, a full disk."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from functools import partial

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from support import consume_all, eventually

from chaos.broker_faults import FENCED, OURS, configure, whole, without
from chaos.log_faults import delete, make
from chaos.stage import Faults, Stage

_LOGIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="kafka" password="kafka" '
#: these are written to all the time
_STEADY = ("delayed", "firings", "dead-letters")
#: seconds after which a worker must say that it can't write: 10 by docs/running.md, and a little more
_SAID = 15.0
_MINUTE = 60.0


def rules(wires: int) -> dict[str, str]:
    """Return the settings of brokers that ask who may write, with so many wires.

    Controllers have a name of their own, since they talk to each other before they know any rule.
    """
    names = ["PLAINTEXT", *(f"WIRE{number}" for number in range(wires))]
    return {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
        "super.users": "User:kafka",
        "listener.security.protocol.map": ",".join(
            ["CONTROLLER:SASL_PLAINTEXT", *(f"{one}:PLAINTEXT" for one in names)]
        ),
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": f'{_LOGIN}user_kafka="kafka";',
    }


async def _some_topics(stage: Stage, draw: random.Random) -> list[str]:
    """Choose of the topics that workers write to, changelogs of tables among them; with the prefix."""
    found = await stage.ask(lambda admin: sorted(admin.list_topics(timeout=5).topics))
    changelogs = [name for name in found if name.startswith(stage.topic("")) and name.endswith("-changelog")]
    ours = [*map(stage.topic, OURS), *changelogs]
    return draw.sample(ours, draw.choice((1, 2, len(ours))))


def _some_seconds(draw: random.Random) -> float:
    return draw.choice((draw.uniform(2, 8), draw.uniform(_SAID, 40)))


async def _refused(stage: Stage, kind: str, topics: Sequence[str], seconds: float) -> None:
    """Wait while these topics take nothing."""
    since = time.time()
    await asyncio.sleep(seconds)
    await must_say(stage, kind, topics, since)


async def must_say(stage: Stage, kind: str, topics: Sequence[str], since: float) -> None:
    """That no worker says that it can't write is a problem, if that is so for long enough; `since` in epoch seconds."""
    seconds = time.time() - since
    if seconds < _SAID or not {*map(stage.topic, _STEADY)} & {*topics}:
        return
    answers = await stage.fleet.ready_answers(since)
    if answers and set(answers.values()) == {200}:
        stage.fleet.problems.append(
            f"{kind}, {seconds:.0f} s before {time.strftime('%H:%M:%S')}: all workers were ready"
        )


# --- who may write


def _binding(topic: str, operation: AclOperation, permission: AclPermissionType) -> AclBinding:
    return AclBinding(
        ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, "User:ANONYMOUS", "*", operation, permission
    )


def _forbid(topics: Sequence[str], admin: AdminClient) -> bool:
    rules = [_binding(topic, AclOperation.ALL, AclPermissionType.ALLOW) for topic in topics]
    rules += [_binding(topic, AclOperation.WRITE, AclPermissionType.DENY) for topic in topics]
    return all(future.result() is None for future in admin.create_acls(rules).values())


def _permit(topics: Sequence[str], admin: AdminClient) -> bool:
    everything = None, None, AclOperation.ANY, AclPermissionType.ANY
    rules = [AclBindingFilter(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, *everything) for topic in topics]
    for future in admin.delete_acls(rules).values():
        future.result()
    return True


async def _not_permitted(stage: Stage, draw: random.Random) -> None:
    topics = await _some_topics(stage, draw)
    with stage.noted("not permitted", " ".join(topics)):
        await stage.ask(partial(_forbid, topics))
        await _refused(stage, "not permitted", topics, _some_seconds(draw))
        await stage.ask(partial(_permit, topics))


# --- other refusals


async def _refused_timestamps(stage: Stage, draw: random.Random) -> None:
    """Let the broker find each record too old; our producer sends what has waited for 20 ms."""
    topics = await _some_topics(stage, draw)
    with stage.noted("refused timestamps", " ".join(topics)):
        await configure(stage, topics, "message.timestamp.before.max.ms", "1")
        await _refused(stage, "refused timestamps", topics, _some_seconds(draw))
        await configure(stage, topics, "message.timestamp.before.max.ms", None)


async def _missing(stage: Stage, draw: random.Random) -> None:
    """Delete `dead-letters` and recreate it; its records go into the account first."""
    topic = stage.topic("dead-letters")
    with stage.noted("missing topic", topic):
        partitions = len((await stage.ask(lambda admin: admin.list_topics(timeout=5))).topics[topic].partitions)
        await stage.ask(partial(_forbid, [topic]))
        # All brokers know, and all replicas have what was written before.
        await asyncio.sleep(2.0)
        held = await asyncio.to_thread(eventually, lambda: [consume_all(stage.kafka.brokers, topic)], 60)
        await stage.ask(partial(delete, topic))
        stage.kept += [message.value() for message in held[0]]
        await stage.ask(partial(_permit, [topic]))
        await _away(stage, topic, _some_seconds(draw))
        await make(stage, "dead-letters", partitions)


async def _away(stage: Stage, topic: str, seconds: float) -> None:
    """Wait while this topic is missing; a worker that starts meanwhile makes it, and ends that."""
    since = time.time()
    await asyncio.sleep(seconds)
    if topic not in (await stage.ask(lambda admin: admin.list_topics(timeout=5))).topics:
        await must_say(stage, "missing topic", [topic], since)


async def _under_min_isr(stage: Stage, draw: random.Random) -> None:
    """Let no write of the workers be confirmed for a minute, while some are killed."""
    topics = [stage.topic(topic) for topic in OURS]
    with stage.noted("under min ISR"):
        await configure(stage, topics, "min.insync.replicas", "3")
        async with without(stage, draw.choice(stage.kafka.nodes)):
            await asyncio.sleep(FENCED)
            async with asyncio.TaskGroup() as group:
                for at in (20.0, 45.0):
                    group.create_task(_kill_at(stage, random.Random(draw.random()), at))
                await _refused(stage, "under min ISR", topics, _MINUTE)
        await configure(stage, topics, "min.insync.replicas", "2")


async def _kill_at(stage: Stage, draw: random.Random, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await stage.kill(draw, await stage.take(draw, ends=True))


async def _full_disk(stage: Stage, draw: random.Random) -> None:
    """Let a broker's disk be full: it ends by itself, and comes back when there is room again."""
    assert stage.disk
    node = stage.kafka.nodes[0]
    with stage.noted("full disk"):
        try:
            await asyncio.to_thread(stage.disk.fill)
            await asyncio.to_thread(eventually, lambda: not node.running, 60.0)
            await asyncio.sleep(draw.uniform(0, 15))
        finally:
            await asyncio.to_thread(stage.disk.make_room)
            await asyncio.to_thread(node.restart)
        await whole(stage)


ALL: Faults = {
    "not permitted": _not_permitted,
    "refused timestamps": _refused_timestamps,
    "missing topic": _missing,
    "under min ISR": _under_min_isr,
    "full disk": _full_disk,
}
