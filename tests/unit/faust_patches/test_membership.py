from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError

from streamhooks.faust_patches.membership import ASK, ENOUGH, LOOK, SILENT, keep_metadata, standing, take_error, watch


class Coordinator:
    """A stand-in for aiokafka's coordinator, as far as its errors go."""

    group_id = "g"

    def __init__(self, error: BaseException | None = None, *, is_over: bool = False) -> None:
        self.error = error
        self.joined_again = 0
        self._coordination_task = asyncio.get_running_loop().create_future()
        if is_over:
            self._coordination_task.set_result(None)

    def check_errors(self) -> None:
        error, self.error = self.error, None
        if error is not None:
            raise error

    def request_rejoin(self) -> None:
        self.joined_again += 1


@pytest.mark.parametrize("error", [GroupAuthorizationFailedError("g"), AssertionError("no node is known")])
async def test_after_an_error_that_ended_the_heartbeats_the_group_is_rejoined(error, caplog) -> None:
    coordinator = Coordinator(error)
    take_error(coordinator)
    take_error(coordinator)
    assert coordinator.joined_again == 1
    (line,) = caplog.messages
    assert line.startswith("rejoining the group g, after: ")


async def test_an_error_that_ended_the_coordination_is_raised() -> None:
    coordinator = Coordinator(KafkaError("x"), is_over=True)
    with pytest.raises(KafkaError):
        take_error(coordinator)
    assert coordinator.joined_again == 0


@pytest.mark.parametrize("error", [ValueError("an odd answer"), None])
async def test_the_metadata_task_is_restarted_when_it_has_ended(error, caplog) -> None:
    client = AIOKafkaClient(bootstrap_servers="127.0.0.1:1")

    async def update(*_: object) -> bool:
        if error is None:
            raise asyncio.CancelledError
        raise error

    client._metadata_update = update
    client._sync_task = asyncio.create_task(client._md_synchronizer())
    waiting = client.force_metadata_update()
    await asyncio.wait([client._sync_task])
    assert not waiting.done()

    async def answer(*_: object) -> bool:
        return True

    client._metadata_update = answer
    keep_metadata(client)
    async with asyncio.timeout(5):
        assert await waiting is True
    (line,) = caplog.messages
    assert line.startswith("restarting the metadata requests")
    task = client._sync_task
    keep_metadata(client)
    assert client._sync_task is task
    await client.close()


async def test_where_a_task_stands() -> None:
    async def outer() -> None:
        await inner()

    async def inner() -> None:
        await asyncio.sleep(60)

    task = asyncio.create_task(outer())
    await asyncio.sleep(0)
    assert [place.split(":")[0] for place in standing(task).split(" > ")] == ["outer", "inner", "sleep"]
    task.cancel()


class World:
    """A clock that moves only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.last_heartbeat = 0.0
        self.takes: Callable[[float], None] = lambda _now: None
        self.answers_at: Callable[[float], bool] = lambda _now: True
        self.heartbeats_at: Callable[[float], bool] = lambda _now: False

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.heartbeats_at(self.now):
            self.last_heartbeat = self.now
        if self.now > 10_000:
            raise TimeoutError

    async def answers(self) -> bool:
        return self.answers_at(self.now)

    async def watch(self) -> str:
        return await watch(
            lambda: self.now - self.last_heartbeat, self.answers, lambda: self.takes(self.now), self.sleep
        )


async def test_a_silent_member_whose_coordinator_answers_is_lost() -> None:
    world = World()
    assert await world.watch() == "no heartbeat for 125 s, although the group's coordinator answers"
    assert SILENT + (ENOUGH - 1) * ASK <= world.now <= SILENT + LOOK + (ENOUGH - 1) * ASK


@pytest.mark.parametrize(
    ("heartbeats", "answers"),
    [
        (lambda now: True, lambda now: True),
        # Kafka is away, or the group waits for its members.
        (lambda now: False, lambda now: False),
        (lambda now: False, lambda now: int(now / ASK) % ENOUGH != 0),
        # A heartbeat comes before the last answer, again and again.
        (lambda now: now % 110 < 10, lambda now: True),
    ],
)
async def test_a_member_that_may_come_back_is_waited_for(heartbeats, answers) -> None:
    world = World()
    world.heartbeats_at, world.answers_at = heartbeats, answers
    with pytest.raises(TimeoutError):
        await world.watch()


async def test_a_member_whose_coordination_has_ended_is_lost_at_once() -> None:
    world = World()

    def fails(now: float) -> None:
        if now >= 5:
            raise KafkaError("ended")

    world.heartbeats_at, world.takes = lambda _now: True, fails
    assert "can't be rejoined: KafkaError" in await world.watch()
    assert world.now < 5 + 2 * LOOK
