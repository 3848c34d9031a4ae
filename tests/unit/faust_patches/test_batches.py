"""Records go to an agent in the batches in which they were fetched; a rebalance takes back what it has not taken."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from faust.types import TP

from streamhooks.faust_patches import consumer as consumer_module
from streamhooks.faust_patches.consumer import Consumer
from streamhooks.faust_patches.lanes import Lane, batches_of
from streamhooks.kafka.reader import Record

EVENTS = TP("events", 0)
VALUE = b"v" * 1000


def records(*offsets: int) -> list[Record]:
    return [Record("events", 0, offset, 0, None, VALUE) for offset in offsets]


class Stream:
    """What an agent reads from."""

    def __init__(self, maxsize: int = 4096) -> None:
        self.queue = asyncio.Queue[object](maxsize)
        self.channel = self
        self.should_stop = False
        self.is_started = False
        self.stopped: list[object] = []

    def __aiter__(self):
        return self

    async def __anext__(self):
        raise AssertionError("Faust's way")

    async def maybe_start(self) -> bool:
        return not self.is_started

    def _channel_stop_iteration(self, channel) -> None:
        self.stopped.append(channel)

    async def stop(self) -> None:
        self.stopped.append("stop")

    def service_reset(self) -> None:
        self.stopped.append("reset")


class Consuming:
    """A consumer of one topic, whose client fetches `fetched`, one batch after the other."""

    def __init__(self, *fetched: list[Record], ahead: int = 1_000_000, maxsize: int = 4096) -> None:
        self.stream = Stream(maxsize)
        self.fetched = list(fetched)
        self.noted: list[int] = []
        self.slept = 0
        self.refused: set[int] = set()
        index: dict = defaultdict(set)
        index[EVENTS] = {self.stream}
        self.consumer = consumer = Consumer.__new__(Consumer)
        consumer.app = SimpleNamespace(topics=SimpleNamespace(_tp_index=index), ahead=ahead)
        consumer._fetching = {"events": self}
        consumer._thread = SimpleNamespace(polled=nullcontext)
        consumer.positions = SimpleNamespace(note=self.note, suspect=None)
        consumer.can_resume_flow, consumer.suspend_flow = asyncio.Event(), asyncio.Event()
        consumer.flow_active = True
        consumer._get_active_partitions = lambda: {EVENTS}

    def note(self, record: Record) -> bool:
        self.noted.append(record.offset)
        return record.offset not in self.refused

    async def getmany(self, timeout: float) -> list[Record]:
        return self.fetched.pop(0)

    def suspects(self) -> set[TP]:
        return set()

    async def drain(self) -> None:
        await self.consumer._drain_topic("events")

    @property
    def queued(self) -> list[list[int]]:
        return [[record.offset for record in batch] for batch in self.stream.queue._queue]


async def test_what_was_fetched_at_once_is_one_entry_of_the_queue():
    consuming = Consuming(records(1, 2, 3), [], records(4))
    for _ in range(3):
        await consuming.drain()
    assert consuming.queued == [[1, 2, 3], [4]]


async def test_records_that_are_not_to_be_handed_over_are_left_out():
    consuming = Consuming(records(1, 2, 3), records(4))
    consuming.refused = {2, 4}
    await consuming.drain()
    await consuming.drain()
    assert consuming.queued == [[1, 3]]
    assert consuming.noted == [1, 2, 3, 4]


async def test_what_comes_during_a_rebalance_is_noted_after_it_and_nothing_before():
    consuming = Consuming(records(1, 2), records(3))
    consuming.consumer.stop_flow()
    await consuming.drain()
    assert consuming.queued == []
    assert consuming.noted == []
    consuming.refused = {1}  # fetched for the assignment that has ended
    consuming.consumer.resume_flow()
    await consuming.drain()
    await consuming.drain()
    assert consuming.queued == [[2], [3]]
    assert consuming.noted == [1, 2, 3]


@pytest.mark.parametrize(("ahead", "maxsize"), [(2000, 4096), (1_000_000, 501)])
async def test_no_more_is_fetched_until_the_agent_has_taken_enough(ahead: int, maxsize: int):
    consuming = Consuming(records(1, 2), records(3), ahead=ahead, maxsize=maxsize)
    await consuming.drain()
    await consuming.drain()
    batches = batches_of(consuming.stream)
    batch = await anext(batches)
    assert consuming.queued == []
    assert len(consuming.fetched) == 1
    batch.popleft()  # it has begun the batch: the rest of it still waits
    if ahead == 2000:
        await consuming.drain()
        assert len(consuming.fetched) == 1
        batch.popleft()
    await consuming.drain()
    assert consuming.queued == [[3]]


async def test_a_rebalance_takes_back_the_rest_of_a_batch_and_what_it_clears_counts_no_more():
    consuming = Consuming(records(1, 2, 3), records(4, 5), records(6), ahead=2000)
    await consuming.drain()
    batches = batches_of(consuming.stream)
    batch = await anext(batches)
    assert batch.popleft().offset == 1
    consuming.consumer.app.ahead = 4000
    await consuming.drain()
    consuming.consumer.stop_flow()
    consuming.stream.queue._queue.clear()  # as Faust does next
    assert not batch
    assert not consuming.consumer.flow_active
    consuming.consumer.resume_flow()
    consuming.consumer.app.ahead = 1
    await consuming.drain()
    assert consuming.queued == [[6]]


async def test_the_batch_of_an_agent_that_has_ended_waits_no_more():
    stream, lane = Stream(), Lane()
    stream.queue.put_nowait(lane.add(records(1, 2)))
    batches = batches_of(stream)
    await anext(batches)
    assert lane.waiting() == (2, 2000)
    await batches.aclose()
    assert lane.waiting() == (0, 0)
    assert stream.stopped == [stream, "stop", "reset"]


async def test_a_stream_ends_by_what_is_put_into_its_queue():
    class Queue(asyncio.Queue):
        def get_nowait(self):
            raise StopAsyncIteration

    stream = Stream()
    stream.is_started = True
    stream.queue = Queue()
    stream.queue.put_nowait(None)
    assert [batch async for batch in batches_of(stream)] == []
    assert stream.stopped == [stream]


async def test_partitions_that_are_resumed_are_read_without_a_pause(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(consumer_module, "IDLE", 3600.0)
    consuming = Consuming(records(1))
    consumer = consuming.consumer
    del consumer._get_active_partitions
    consumer.app.owned_topics = set()
    consumer._active_partitions, consumer._paused_partitions = set(), {EVENTS}
    draining = asyncio.ensure_future(consuming.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    consumer.resume_partitions({EVENTS})
    await asyncio.wait_for(draining, 10)
    await consuming.drain()
    assert consuming.queued == [[1]]
