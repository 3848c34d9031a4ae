"""Workers that own a log of `delayed` one after the other, and are killed by what they run."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from streamhooks.delayed.owner_marks import OWNER
from streamhooks.delayed.queues import Queues
from streamhooks.kafka.reader import Record
from streamhooks.records.call import ATTEMPT_HEADER, DelayedCall
from streamhooks.records.formats import decode
from support.runs import World, pending_call, scheduling


@dataclass
class Fleet:
    """A log of `delayed`, and one worker after the other that owns it. A life ends when a task kills its process."""

    tasks: dict[str, Callable[[Fleet], object]]
    log: list[Record] = field(default_factory=list)
    runs: Counter[str] = field(default_factory=Counter)
    running: set[str] = field(default_factory=set)
    beside: list[frozenset[str]] = field(default_factory=list)
    """What else ran when a process was killed."""
    dead: dict[str, str] = field(default_factory=dict)
    killed: asyncio.Event = field(default_factory=asyncio.Event)
    world: World = field(default_factory=World)

    def call(self, number: int, task: str, hook_id: str | None = None) -> None:
        self.log.append(pending_call(number, task, hook_id)._replace(offset=len(self.log)))

    def kill(self) -> None:
        self.beside.append(frozenset(self.running))
        self.killed.set()

    def new_world(self) -> World:
        world = self.world = World(bound=100)
        world.queues = Queues(world.tasks.__contains__)
        killed = self.killed = asyncio.Event()
        publish = world.publish

        async def write(value, *, key, partition, headers=()):
            if killed.is_set():
                await asyncio.Event().wait()  # a dead process writes nothing
            self.log.append(Record("delayed", partition, len(self.log), 0, key.encode(), value, tuple(headers)))
            await publish(value, key=key, partition=partition, headers=headers)

        async def settle(call):
            headers = [(ATTEMPT_HEADER, str(call.attempt).encode())]
            await write(None, key=call.id, partition=call.partition, headers=headers)

        async def store(call, *, attempt, due, reason, last=None):
            value = call.record(attempt=attempt, due=due, reason=reason, last=last)
            await write(value, key=call.id, partition=call.partition)

        async def give_up(call, reason, _last):
            self.dead[call.id] = reason

        world.publish = write
        world.outputs.settle, world.outputs.store, world.outputs.give_up = settle, store, give_up
        for name, body in self.tasks.items():
            world.task(self._counted(name, body), name)
        return world

    def _counted(self, name: str, body):
        async def run():
            self.runs[name] += 1
            self.running.add(name)
            try:
                await body(self)
            finally:
                self.running.discard(name)

        return run

    @property
    def open(self) -> set[str]:
        """The calls that the log holds."""
        last = {record.key.decode(): record.value for record in self.log}
        return {key for key, value in last.items() if value is not None and not key.startswith(OWNER)}

    def marks(self, key: str) -> list[int]:
        """The starts that the records of a call tell, in their order."""
        records = [decode(DelayedCall, one.value) for one in self.log if one.key.decode() == key and one.value]
        return [record.starts for record in records]

    async def live(self, *, until: Callable[[], bool] | None = None, leave: bool = False) -> bool:
        """Live until all calls are settled, or `until`; return False if it was killed before."""
        until = until or (lambda: not self.open)
        world = self.new_world()
        self.running.clear()
        async with scheduling(world, *self.log, has_tasks=True), asyncio.timeout(20):
            while not self.killed.is_set() and not until():  # noqa: ASYNC110
                await asyncio.sleep(0)
            if leave:
                world.gate.close("rebalance")
                world.runs.cancel()
                await world.takeovers.leave()
        world.runs.cancel()
        await world.runs.idle(5)
        return not self.killed.is_set()


async def quick(_fleet: Fleet) -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def poison(fleet: Fleet) -> None:
    await asyncio.sleep(0)
    fleet.kill()
    await asyncio.Event().wait()


async def hangs(_fleet: Fleet) -> None:
    await asyncio.Event().wait()


async def lives(fleet: Fleet, most: int = 30) -> int:
    """Start a new worker as often as one is killed; return how many were."""
    for number in range(most):
        if await fleet.live():
            return number
    raise AssertionError(f"still {fleet.open} after {most} lives")
