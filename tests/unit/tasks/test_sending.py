"""Calls that find no room in the buffer, or no answer from Kafka: later, not never."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest
from support.runs import World

from streamhooks import flush, instrumented_task
from streamhooks.errors import NotConfirmed, WriteRefused
from streamhooks.kafka.publisher import Published
from streamhooks.tasks import sending
from streamhooks.tasks.process import PROCESS, Unconfirmed
from streamhooks.tasks.program import Program
from streamhooks.tasks.retry import RetryTaskError
from streamhooks.testing import GivenUp, LocalWorker
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


def program_of(publisher: object, timeout: float) -> Program:
    program = Program.__new__(Program)
    program.timeout, program._living = timeout, lambda: publisher  # type: ignore[method-assign,return-value,assignment]
    return program


def test_a_program_waits_for_room() -> None:
    assert program_of(Full(3), 30.0).publish("delayed", b"x").result(1).offset == 7


async def test_a_program_waits_no_longer_than_it_may() -> None:
    with pytest.raises(NotConfirmed, match="the buffer of calls is full"):
        program_of(Full(10**9), 0.05).publish("delayed", b"x")


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


def test_an_error_is_told_once() -> None:
    calls, failing, other = Unconfirmed(), Future[Published](), Future[Published]()
    calls.add(failing)
    calls.add(other)
    assert set(calls.all()) == {failing, other}
    failing.set_exception(WriteRefused("no permission"))
    assert calls.all() == [other]
    assert str(calls.take_error([failing])) == "no permission"
    assert calls.take_error([]) is None


def test_a_flush_in_a_run_waits_for_the_calls_of_the_run() -> None:
    @instrumented_task(name="tests.flushing")
    def flushing(text: str) -> None:
        other.delay(text * 2)
        flush(0)

    @instrumented_task(name="tests.flushed")
    def other(text: str) -> None: ...

    with LocalWorker() as worker:
        flushing.delay("short")
        flushing.delay("x" * 600_000)
        with pytest.raises(GivenUp, match="RecordTooLarge"):
            worker.run()
        assert [run.outcome for run in worker.runs] == ["done", "dead", "done"]


async def test_a_flush_in_the_loop_of_a_worker_would_wait_for_ever() -> None:
    class Slow(Full):
        def publish(self, *_: object, **__: object) -> Future[Published]:
            return Future()

    sending.bind(Slow(0))
    try:
        sending.send("tests.flushed", [], {})
        with pytest.raises(RuntimeError, match="await the handles"):
            flush()
        with pytest.raises(TimeoutError, match="1 calls"):
            await asyncio.to_thread(flush, 0.01)
    finally:
        sending.bind(None)
        PROCESS._begin()
