"""Calls that find no room in the buffer, or no answer from Kafka: later, not never."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest
from support.runs import World

from streamhooks.kafka.publisher import Published
from streamhooks.tasks import sending
from streamhooks.tasks.retry import RetryTaskError
from streamhooks.webhooks.tasks import process_resource_change


class Full:
    """A sender whose buffer has no room for the first so many calls."""

    topic, partitions = "delayed", 4

    def __init__(self, times: int) -> None:
        self.times = times

    def publish(self, *_: object, **__: object) -> Future[Published]:
        self.times -= 1
        if self.times >= 0:
            raise BufferError("Local: Queue full")
        future: Future[Published] = Future()
        future.set_result(Published("delayed", 0, 7))
        return future


@pytest.fixture
def full() -> object:
    one = Full(3)
    sending.bind(one)
    yield one
    sending.bind(None)


def test_a_program_waits_for_room() -> None:
    assert sending._patient(Full(3).publish)("delayed", b"x").result(1).offset == 7


async def test_a_task_is_run_again(full: Full) -> None:
    async def calls() -> None:
        sending.send("shop.other", [], {}, 0.0)

    world = World()
    await world.run(calls, hook_id=None)
    assert [reason for _, _, _, reason, _ in world.outputs.stored] == ["retry"]
    assert world.outputs.dead == []


def test_a_resource_that_kafka_does_not_hand_over_in_time_is_looked_for_again() -> None:
    policy = process_resource_change.policy
    assert policy.decide(TimeoutError()) == "retry"
    assert policy.decide(RetryTaskError()) == "retry"
    assert policy.decide(KeyError()) == "exclude"


async def test_who_gives_up_waiting_for_a_call_does_not_take_it_back() -> None:
    future: Future[Published] = Future()
    handle = sending.Handle("c1", future)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(handle, 0.01)
    assert not future.cancelled()
    future.set_result(Published("delayed", 0, 7))
    assert await asyncio.wait_for(handle, 5) == "c1"
