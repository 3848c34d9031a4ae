"""What a log may do: lose its beginning, its end or all of it, or get more partitions."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from chaos import cutting
from chaos.account import Removal
from chaos.load import SOURCES
from chaos.scene import ORDERS
from chaos.settling import committed
from chaos.stage import Faults, Stage

#: seconds between two notes of the broker of where its logs begin; Kafka's default is 60
CHECKPOINTS = 0.5
SETTINGS = dict.fromkeys(
    ("log.flush.start.offset.checkpoint.interval.ms", "log.initial.task.delay.ms"), str(int(CHECKPOINTS * 1000))
)
#: the most partitions that a topic gets
_MOST_PARTITIONS = 12


# --- retention


async def _retention(stage: Stage, draw: random.Random) -> None:
    """Remove the beginning of a log, beyond what running workers have read."""
    topic = draw.choice(SOURCES)
    with stage.noted("retention", topic):
        if draw.random() < 0.3:
            # Workers read all the while: what they have fetched and what not is a matter of luck.
            stage.load.burst(draw.randint(1000, 2000))
            await asyncio.sleep(draw.uniform(0.5, 2))
            await _remove_beginning(stage, topic, draw)
            return
        async with stage.frozen():
            stage.load.burst(draw.randint(100, 500))
            await asyncio.sleep(draw.uniform(1.5, 3.0))
            await _remove_beginning(stage, topic, draw)
            if draw.random() < 0.25:
                await asyncio.sleep(stage.plan.session_timeout)


async def _remove_beginning(stage: Stage, topic: str, draw: random.Random) -> None:
    at, life = time.time(), stage.load.lives[topic]
    ends = {number: end for number, (_first, end) in (await stage.ask(partial(extents, stage, topic))).items()}
    chosen = draw.sample(sorted(ends), draw.randint(1, len(ends)))
    wanted = [
        TopicPartition(stage.topic(topic), number, max(0, ends[number] - draw.randint(0, 5))) for number in chosen
    ]

    def remove(admin: AdminClient) -> dict[int, int]:
        answers = admin.delete_records(wanted, request_timeout=20)
        return {tp.partition: future.result().low_watermark for tp, future in answers.items()}

    removed = await stage.ask(remove)
    # Where a log begins is on the disk a moment later: a broker that is killed before would begin it where it began.
    await asyncio.sleep(2 * CHECKPOINTS)
    for number, first in removed.items():
        stage.removals.append(Removal("retention", at, topic, number, life, 0, first, committed=0))


# --- recreating a topic


async def _anew(stage: Stage, draw: random.Random) -> None:
    """Delete a topic and recreate it with as many partitions."""
    topic = draw.choice(SOURCES)
    name = stage.topic(topic)
    with stage.noted("anew", topic):
        if draw.random() < 0.5:
            stage.load.burst(draw.randint(100, 1000))
            await asyncio.sleep(draw.uniform(0.5, 2))
        await asyncio.to_thread(stage.load.hold, topic)
        at, life, known = time.time(), stage.load.lives[topic], await committed_of(stage, topic)
        partitions = len(await stage.ask(partial(extents, stage, topic)))
        await stage.ask(partial(delete, name))
        await asyncio.sleep(draw.choice((0.0, draw.uniform(0, 6))))
        await make(stage, topic, partitions)
        stage.removals += [
            Removal("anew", at, topic, number, life, 0, None, known.get(number, 0)) for number in range(partitions)
        ]
        stage.load.renew(topic)


def delete(name: str, admin: AdminClient) -> bool:
    """Delete a topic; tell whether it is gone."""
    if name in admin.list_topics(timeout=5).topics:
        with contextlib.suppress(KafkaException):  # such as: deleted by the try before this one
            admin.delete_topics([name], request_timeout=20)[name].result()
    return name not in admin.list_topics(timeout=5).topics


def _create(wanted: NewTopic, admin: AdminClient) -> bool:
    try:
        admin.create_topics([wanted], request_timeout=20)[wanted.topic].result()
    except KafkaException as error:
        # A worker that was started meanwhile made it.
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
    return bool(admin.list_topics(timeout=5).topics[wanted.topic].partitions)


#: Of several brokers two have it: when one is down, the other confirms alone, and may be the one that is lost then.
FEWER_REPLICAS = {"alerts": 2}


async def make_sources(stage: Stage) -> None:
    """Make the source topics before a worker does."""
    for topic in SOURCES:
        await make(stage, topic, stage.plan.partitions)


async def make(stage: Stage, topic: str, partitions: int) -> None:
    """Make a topic, unless somebody has."""
    replicas = min(stage.plan.brokers, FEWER_REPLICAS.get(topic, 3))
    config = {"min.insync.replicas": "1"} if topic in FEWER_REPLICAS else {}
    await stage.ask(partial(_create, NewTopic(stage.topic(topic), partitions, replicas, config=config)))


# --- a log that became shorter


async def _cut(stage: Stage, draw: random.Random) -> None:
    await _shorten(stage, draw, "cut")


async def _regrow(stage: Stage, draw: random.Random) -> None:
    await _shorten(stage, draw, "regrow")


async def _shorten(stage: Stage, draw: random.Random, kind: str) -> None:
    """Take the end of a log, as a power cut does; with "regrow" it is longer than before when workers look again."""
    topic = draw.choice(SOURCES)
    with stage.noted(kind, topic):
        await asyncio.to_thread(stage.load.hold, topic)
        if draw.random() < 0.6:
            await asyncio.sleep(draw.uniform(1, 4))  # workers read and commit what is to be lost
        async with stage.frozen() if kind == "regrow" else contextlib.nullcontext():
            before = await stage.ask(partial(extents, stage, topic))
            at, life, known = time.time(), stage.load.lives[topic], await committed_of(stage, topic)
            chosen = draw.sample(sorted(before), draw.randint(1, len(before)))
            await asyncio.to_thread(stage.kafka.kill)
            for number in chosen:
                if draw.random() < 0.2:
                    cutting.remove(_folders(stage, topic, number))
                else:
                    batches = draw.randint(1, 30)
                    for folder in _folders(stage, topic, number):
                        cutting.cut(folder, batches)
            await asyncio.to_thread(stage.kafka.restart)
            after = await stage.ask(partial(extents, stage, topic))
            note_cuts(stage, topic, before, after, known, at, life)
            stage.load.renew(topic)
            if kind == "regrow":
                await _grow_past(stage, topic, {number: before[number][1] for number in chosen})


def note_cuts(
    stage: Stage,
    topic: str,
    before: dict[int, tuple[int, int]],
    after: dict[int, tuple[int, int]],
    known: dict[int, int],
    at: float,
    life: int,
) -> None:
    """Note what is gone of each partition; the extents are (first, end)."""
    for number, (_first, end) in after.items():
        previous = before[number][1]
        if end < previous:
            committed_before = min(known.get(number, 0), previous)
            stage.removals.append(Removal("cut", at, topic, number, life, end, None, committed_before))


async def _grow_past(stage: Stage, topic: str, ends: dict[int, int]) -> None:
    """Write until each partition is longer than it was, for at most 20 s."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        now = await stage.ask(partial(extents, stage, topic))
        if all(now[number][1] > end for number, end in ends.items()):
            return
        stage.load.burst(300)
        await asyncio.sleep(2.0)


def _folders(stage: Stage, topic: str, number: int) -> Iterable[Path]:
    """Return where the replicas of a partition are."""
    found = (node.folder / "data" / f"{stage.topic(topic)}-{number}" for node in stage.kafka.nodes)
    return [folder for folder in found if folder.exists()]


# --- more partitions


async def _partitions(stage: Stage, draw: random.Random) -> None:
    topic = draw.choice(("events", "alerts", "messages", ORDERS))
    count = len(await stage.ask(partial(extents, stage, topic)))
    if count >= _MOST_PARTITIONS:
        return
    more = count + draw.randint(1, 2)
    with stage.noted("partitions", f"{topic} {count} {more}"):
        at = time.time()
        await stage.ask(partial(_add, stage.topic(topic), more))
        stage.removals += [Removal.nothing("partitions", at, topic, number) for number in range(count, more)]


def _add(name: str, partitions: int, admin: AdminClient) -> bool:
    if len(admin.list_topics(timeout=5).topics[name].partitions) < partitions:
        admin.create_partitions([NewPartitions(name, partitions)])[name].result()
    return len(admin.list_topics(timeout=5).topics[name].partitions) == partitions


# --- asking


async def committed_of(stage: Stage, topic: str) -> dict[int, int]:
    def ask(admin: AdminClient) -> dict[int, int]:
        partitions = admin.list_topics(timeout=5).topics[stage.topic(topic)].partitions
        return committed(admin, stage.topic("worker"), stage.topic(topic), partitions)

    return await stage.ask(ask)


def extents(stage: Stage, topic: str, _admin: AdminClient) -> dict[int, tuple[int, int]]:
    """Return the first and the end offset of each partition."""
    client = Consumer({"bootstrap.servers": stage.kafka.brokers, "group.id": "chaos", "log_level": 0})
    try:
        name = stage.topic(topic)
        numbers = client.list_topics(name, 10).topics[name].partitions
        return {number: client.get_watermark_offsets(TopicPartition(name, number), 10) for number in numbers}
    finally:
        client.close()


ALL: Faults = {
    "retention": _retention,
    "anew": _anew,
    "cut": _cut,
    "regrow": _regrow,
    "partitions": _partitions,
}
