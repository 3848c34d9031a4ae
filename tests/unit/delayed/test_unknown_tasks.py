"""Calls whose task a worker does not know: they wait, are moved to an owner that knows it, and are given up late."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY
from support.fakes import Clock
from support.runs import HOOK, NOW, World, pending_call, scheduling

from streamhooks.delayed.entries import Entry
from streamhooks.delayed.pending import Pending
from streamhooks.delayed.queues import Queues
from streamhooks.delayed.unknown_tasks import IN_A_TURN, LEAST, MOVED_EVERY, TOLD_EVERY, UnknownTasks
from streamhooks.in_flight.gate import Gate
from streamhooks.kafka.reader import Record
from streamhooks.records.call import DelayedCall
from streamhooks.times import steady

DAY = 86400.0


class Moves:
    """What was moved, and where to; what was given up, and why."""

    def __init__(self, pending: Pending) -> None:
        self.pending = pending
        self.moved: dict[str, int] = {}
        self.given_up: dict[str, str] = {}
        self.error: Exception | None = None

    async def move(self, entry: Entry, partition: int) -> None:
        if self.error is not None:
            raise self.error
        self.moved[entry.id] = partition
        self.pending.settle(entry, moved=True)

    async def give_up(self, entry: Entry, reason: str) -> None:
        self.given_up[entry.id] = reason
        self.pending.settle(entry)


class Waiting:
    """A worker that knows the tasks in `known`; others know `elsewhere`, a task's partitions."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.elsewhere: dict[str, list[int]] = {}
        self.clock, self.steady = Clock(NOW), Clock(steady())
        self.pending = Pending(self.steady)
        self.queues = Queues(self.known.__contains__)
        self.moves = Moves(self.pending)
        self.gate = Gate(lambda: True)
        self.gate.open("start")
        self.unknown = UnknownTasks(
            self.queues,
            self.moves,
            lambda task: self.elsewhere.get(task, []),
            self.gate,
            days=7,
            clock=self.clock,
            steady_clock=self.steady,
        )

    def add(self, *names: str, task: str = "shop.t", **fields: object) -> list[Entry]:
        added = []
        for name in names:
            call = DelayedCall(name, task, 1, int(self.clock.now * 1000), 0, "countdown", **fields)
            added.append(self.pending.apply(Record("delayed", 0, 0, 0, name.encode(), call.to_json())))
            self.queues.add(added[-1])
        return added


async def test_a_call_waits_until_another_owner_knows_its_task():
    waiting = Waiting()
    (entry,) = waiting.add("a")
    await waiting.unknown.look()
    assert (waiting.moves.moved, entry.state) == ({}, "unknown")
    assert REGISTRY.get_sample_value("streamhooks_unknown_task_calls") == 1
    waiting.elsewhere["shop.t"] = [5]
    await waiting.unknown.look()
    assert waiting.moves.moved == {"a": 5}
    await waiting.unknown.look()
    assert REGISTRY.get_sample_value("streamhooks_unknown_task_calls") == 0


async def test_calls_are_spread_over_the_able_owners_each_always_the_same():
    names = [f"c{number}" for number in range(200)]
    found = []
    for _ in range(2):
        waiting = Waiting()
        waiting.elsewhere["shop.t"] = [1, 4, 6]
        waiting.add(*names)
        await waiting.unknown.look()
        found.append(waiting.moves.moved)
    assert found[0] == found[1]
    assert {partition: list(found[0].values()).count(partition) > 40 for partition in (1, 4, 6)} == {
        1: True,
        4: True,
        6: True,
    }


async def test_a_call_is_moved_at_most_once_in_a_while():
    waiting = Waiting()
    waiting.elsewhere["shop.t"] = [5]
    waiting.add("a", moved=int((NOW - 1) * 1000))
    await waiting.unknown.look()
    waiting.clock.now = NOW + MOVED_EVERY - 2
    await waiting.unknown.look()
    assert waiting.moves.moved == {}
    waiting.clock.now = NOW + MOVED_EVERY
    await waiting.unknown.look()
    assert waiting.moves.moved == {"a": 5}


async def test_a_move_that_lies_ahead_does_not_keep_a_call():
    waiting = Waiting()
    waiting.elsewhere["shop.t"] = [5]
    waiting.add("a", moved=int((NOW + 7200) * 1000))
    await waiting.unknown.look()
    assert waiting.moves.moved == {"a": 5}


@pytest.mark.parametrize(("task", "hook_id"), [("streamhooks.new", None), ("shop.t", HOOK.id)])
async def test_calls_of_hooks_and_of_our_own_tasks_stay_with_their_owner(task: str, hook_id: str | None):
    waiting = Waiting()
    waiting.elsewhere[task] = [5]
    waiting.add("a", task=task, hook_id=hook_id)
    await waiting.unknown.look()
    assert waiting.moves.moved == {}


async def test_a_task_that_is_defined_later_runs_here():
    waiting = Waiting()
    (entry,) = waiting.add("a")
    waiting.queues.changed.clear()
    waiting.known.add("shop.t")
    await waiting.unknown.look()
    assert (entry.state, waiting.queues.unknown) == ("queued", {})
    assert waiting.queues.changed.is_set()


async def test_a_call_that_was_dropped_or_belongs_to_another_worker_is_forgotten():
    waiting = Waiting()
    waiting.elsewhere["shop.t"] = [5]
    waiting.add("a", "b")
    waiting.pending.settle(waiting.pending.get(0, "a"))
    waiting.pending.release([0])
    await waiting.unknown.look()
    assert (waiting.moves.moved, waiting.queues.unknown) == ({}, {})


async def test_a_call_is_given_up_after_days_and_not_before_an_hour_of_looking():
    waiting = Waiting()
    waiting.add("a")
    waiting.clock.now = NOW + 8 * DAY  # all workers were stopped for so long
    waiting.steady.now += LEAST - 10
    await waiting.unknown.look()
    assert waiting.moves.given_up == {}
    waiting.steady.now += 20
    await waiting.unknown.look()
    assert waiting.moves.given_up == {"a": "unknown task shop.t: no worker has known it for 7 days"}


async def test_an_old_call_is_not_given_up_when_there_is_an_able_owner_nor_a_young_one():
    waiting = Waiting()
    waiting.add("young", task="shop.gone")
    waiting.add("old", moved=int((NOW + 7 * DAY) * 1000))
    waiting.elsewhere["shop.t"] = [5]
    waiting.clock.now = NOW + 7 * DAY - 1
    waiting.steady.now += LEAST + 1
    await waiting.unknown.look()
    assert (waiting.moves.given_up, waiting.moves.moved) == ({}, {"old": 5})


async def test_nothing_is_moved_while_partitions_move():
    waiting = Waiting()
    waiting.elsewhere["shop.t"] = [5]
    waiting.add("a")
    waiting.gate.close("rebalance")
    look = asyncio.create_task(waiting.unknown.look())
    for _ in range(5):
        await asyncio.sleep(0)
    assert waiting.moves.moved == {}
    waiting.steady.now += 60
    waiting.gate.open("rebalance")
    assert await asyncio.wait_for(look, 5) == 0.0  # else the next look would come after minutes
    assert waiting.moves.moved == {"a": 5}


async def test_a_move_that_fails_is_tried_again(caplog: pytest.LogCaptureFixture):
    waiting = Waiting()
    waiting.elsewhere["shop.t"] = [5]
    waiting.add("a")
    waiting.moves.error = RuntimeError("no")
    await waiting.unknown.look()
    assert "a call of an unknown task stays where it is: no" in caplog.text
    waiting.moves.error = None
    await waiting.unknown.look()
    assert waiting.moves.moved == {"a": 5}


async def test_unknown_tasks_are_logged_each_once_in_a_while(caplog: pytest.LogCaptureFixture):
    waiting = Waiting()
    waiting.elsewhere["shop.other"] = [5]
    for number in range(1000):
        waiting.add(f"a{number}")
    waiting.add("b", task="shop.other")

    def lines() -> list[str]:
        found = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
        caplog.clear()
        return found

    await waiting.unknown.look()
    (line,) = lines()
    assert "shop.t (1000 wait), shop.other (1 to be moved);" in line
    assert "STREAMHOOKS_TASK_MODULES" in line
    waiting.add("c", task="shop.third\n")
    await waiting.unknown.look()
    (line,) = lines()
    assert "shop.t " not in line
    assert "shop.third" in line
    assert "\n" not in line
    await waiting.unknown.look()
    assert lines() == []
    waiting.steady.now += TOLD_EVERY + 1
    await waiting.unknown.look()
    assert len(lines()) == 1


async def test_a_line_names_a_few_tasks_only(caplog: pytest.LogCaptureFixture):
    waiting = Waiting()
    for number in range(1000):
        waiting.add(f"a{number}", task=f"shop.made_up_{number}")
    await waiting.unknown.look()
    (record,) = caplog.records
    assert "and 995 more" in record.getMessage()
    assert len(record.getMessage()) < 600


async def test_others_have_their_turns_while_very_many_calls_wait():
    waiting = Waiting()
    waiting.add(*(f"a{number}" for number in range(4 * IN_A_TURN)))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    await waiting.unknown.look()
    counting.cancel()
    assert turns >= 3


async def test_the_scheduler_starts_no_call_of_an_unknown_task_not_even_by_hand():
    world = World()
    ran: list[str] = []

    async def note() -> None:
        ran.append("ran")

    world.task(note, name="shop.known")
    world.queues = Queues(world.tasks.__contains__)
    records = [
        pending_call(1, "shop.gone"),
        pending_call(2, "streamhooks.gone", HOOK.id),
        pending_call(3, "shop.known"),
    ]
    async with scheduling(world, *records) as scheduler:
        await eventually(lambda: len(world.queues.unknown) == 2 and len(world.outputs.settled) == 1)
        for number in (1, 2):
            assert scheduler.retry_now(0, f"c{number}")
        await eventually(lambda: scheduler._pending.get(0, "c1").state == "unknown")
        assert scheduler._pending.get(0, "c2").state == "unknown"
        assert (ran, world.outputs.dead) == (["ran"], [])
        assert await scheduler.drop(0, "c1")
        assert [call.id for call in world.outputs.settled] == ["c3", "c1"]


async def eventually(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0)
