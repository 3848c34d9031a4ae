"""Commits when brokers accept less metadata than usual, and before partitions are revoked."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace

import pytest
from aiokafka.errors import OffsetMetadataTooLargeError
from faust.types import TP

from streamhooks.faust_patches import group
from streamhooks.faust_patches.consumer import Consumer
from streamhooks.faust_patches.group import ConsumerThread
from streamhooks.in_flight.tracker import Tracker
from streamhooks.kafka.commits import ROOM, from_metadata
from streamhooks.kafka.logs import Reading

A = TP("events", 0)


async def test_refused_metadata_is_shortened_until_it_is_accepted() -> None:
    taken = {}

    async def commit(wanted) -> None:
        for tp, one in wanted.items():
            if len(one.metadata) > 1000:
                raise OffsetMetadataTooLargeError
            taken[tp] = one

    thread = SimpleNamespace(
        room=ROOM,
        assignment=lambda: {A},
        log=logging.getLogger(),
        _ensure_consumer=lambda: SimpleNamespace(commit=commit),
    )
    reading = Reading(7, "id", 3, tuple((n, n + 1) for n in range(10, 90_000, 9)))
    answers = [await ConsumerThread._commit(thread, {A: reading}) for _ in range(4)]
    assert answers == [False, False, False, True]
    found = from_metadata(taken[A].offset, taken[A].metadata)
    assert (found.offset, found.topic_id, found.epoch) == (7, "id", 3)
    assert found.above == reading.above[: len(found.above)] != ()


async def test_offsets_settled_during_a_commit_are_committed_before_partitions_go() -> None:
    class World:
        commit, wait_empty = Consumer.commit, Consumer.wait_empty
        maybe_wait_for_commit_to_finish = Consumer.maybe_wait_for_commit_to_finish

        def __init__(self) -> None:
            self.loop = asyncio.get_running_loop()
            self.app = SimpleNamespace(client_only=False, let_go=self.let_go)
            self._commit_fut = None
            self.answer = asyncio.Event()
            self.settled = 0
            self.committed: list[int] = []

        async def let_go(self) -> None:
            self.settled = 5
            self.loop.call_soon(self.answer.set)

        async def force_commit(self, *_: object, **__: object) -> bool:
            self.committed.append(self.settled)
            await self.answer.wait()
            return True

    world = World()
    on_its_way = asyncio.ensure_future(world.commit())
    await asyncio.sleep(0)
    await world.wait_empty()
    await on_its_way
    assert world.committed == [0, 5]


async def test_a_commit_that_does_not_end_is_given_up_and_gone_partitions_are_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(group, "COMMIT", 0.01)
    partitions, asked = {"events": {0, 1, 2}}, list[str]()
    cluster = SimpleNamespace(partitions_for_topic=partitions.get)
    client = SimpleNamespace(cluster=cluster, force_metadata_update=lambda: asked.append("metadata"))
    consumer = SimpleNamespace(commit=lambda _wanted: asyncio.Event().wait(), _client=client)
    thread = SimpleNamespace(
        room=ROOM, assignment=lambda: {A}, log=logging.getLogger(), _ensure_consumer=lambda: consumer
    )
    thread.look_for_partitions = lambda: ConsumerThread.look_for_partitions(thread)
    assert not await ConsumerThread._commit(thread, {A: Reading(7, "id", 3, ())})
    assert asked == ["metadata"]
    tps = [A, TP("events", 2), TP("own", 0)]
    assert ConsumerThread.gone(thread, tps) == {TP("own", 0)}
    partitions["events"] = {0}
    assert ConsumerThread.gone(thread, tps) == {TP("events", 2), TP("own", 0)}


async def test_a_partition_that_may_not_be_committed_or_is_gone_waits() -> None:
    committed: list[TP] = []

    async def commit(readings) -> bool:
        committed.extend(readings)
        return True

    tracker, held, gone = Tracker(), {A}, {TP("events", 2)}
    for tp in (A, TP("events", 1), TP("events", 2)):
        tracker.assign(tp, 5, None)
    app = SimpleNamespace(tracker=tracker, may_commit=True, parts=SimpleNamespace(may_commit=lambda tp: tp not in held))
    thread = SimpleNamespace(gone=lambda tps: gone & set(tps))
    positions = SimpleNamespace(reading=lambda _tp, one: one)
    world = SimpleNamespace(app=app, _commit=commit, positions=positions, _thread=thread)
    assert await Consumer.force_commit(world)
    assert committed == [TP("events", 1)]
    held.clear()
    assert await Consumer.force_commit(world)
    assert committed == [TP("events", 1), A]
    gone.clear()
    assert await Consumer.force_commit(world)
    assert committed == [TP("events", 1), A, TP("events", 2)]
