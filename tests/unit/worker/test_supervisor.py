"""Parts start in order, stop in reverse, and take the worker with them when they fail."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest
from support.eventually import eventually

from streamhooks.worker.supervisor import Part, Supervisor


class World:
    def __init__(self) -> None:
        self.did: list[str] = []
        self.errors: list[BaseException] = []
        self.supervisor = Supervisor(self.errors.append)

    def part(self, name: str, run=None, fails: bool = False) -> Part:
        async def start() -> None:
            self.did.append(f"start {name}")

        async def stop() -> None:
            self.did.append(f"stop {name}")
            if fails:
                raise RuntimeError("a defect")

        return Part(name, start, run, stop)


async def forever() -> None:
    await asyncio.Event().wait()


async def test_parts_start_in_order_and_stop_in_reverse() -> None:
    world = World()
    world.supervisor.add(world.part("a"), Part("nothing"), world.part("b", forever))
    world.supervisor.add(world.part("c"))
    await world.supervisor.start()
    await world.supervisor.stop()
    assert world.did == ["start a", "start b", "start c", "stop c", "stop b", "stop a"]
    assert world.errors == []


async def test_nothing_runs_before_all_have_started() -> None:
    world = World()

    async def run() -> None:
        world.did.append("run a")
        await forever()

    world.supervisor.add(world.part("a", run), world.part("b"))
    await world.supervisor.start()
    await asyncio.sleep(0)
    assert world.did == ["start a", "start b", "run a"]
    await world.supervisor.stop()


async def test_what_runs_has_ended_before_anything_is_stopped() -> None:
    world = World()

    async def run() -> None:
        try:
            await forever()
        finally:
            world.did.append("end a")

    async def stop() -> None:
        await asyncio.sleep(0)  # as whatever waits for Kafka does
        world.did.append("stop b")

    world.supervisor.add(Part("a", run=run), Part("b", stop=stop))
    await world.supervisor.start()
    await asyncio.sleep(0)
    await world.supervisor.stop()
    assert world.did == ["end a", "stop b"]


async def test_a_part_that_cant_be_stopped_keeps_no_other_from_it(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.supervisor.add(world.part("a"), world.part("b", fails=True), world.part("c"))
    await world.supervisor.start()
    await world.supervisor.stop()
    assert world.did[3:] == ["stop c", "stop b", "stop a"]
    assert "could not stop b" in caplog.text


@pytest.mark.parametrize("error", [ValueError("wrong"), None])
async def test_a_part_that_ends_ends_the_worker_once(error: Exception | None, caplog: pytest.LogCaptureFixture) -> None:
    world = World()

    async def run() -> None:
        if error is not None:
            raise error

    world.supervisor.add(world.part("a", run), world.part("b", run))
    await world.supervisor.start()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    (found,) = world.errors
    assert found is error if error else str(found) == "it ended by itself"
    critical = [line for line in caplog.messages if line.startswith("the worker ends")]
    assert len(critical) == 1
    assert ": a: " in critical[0]
    await world.supervisor.stop()


async def test_another_thread_may_say_that_a_part_fails() -> None:
    world = World()
    thread = threading.Thread(target=world.supervisor.fail_soon, args=("the producer", RuntimeError("fenced")))
    thread.start()
    await asyncio.to_thread(thread.join)
    await asyncio.to_thread(eventually, lambda: world.errors)
    assert [str(error) for error in world.errors] == ["fenced"]


async def test_what_ends_while_the_worker_stops_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.supervisor.add(world.part("a", forever))
    await world.supervisor.start()
    with caplog.at_level(logging.INFO):
        await world.supervisor.stop()
        await asyncio.sleep(0)
    assert world.errors == []
    assert caplog.messages == []
