"""Calls that send a dead letter again: how each end is noted, always before the call is settled."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import orjson
import pytest
from support.runs import HOOK, Owner, World, pending_call, scheduling, sends

from streamhooks.delayed.scheduler import DROPPED, SKIPPED
from streamhooks.errors import RecordTooLarge
from streamhooks.kafka.reader import Record
from streamhooks.kafka.topics import Topics
from streamhooks.records.call import DelayedCall
from streamhooks.records.formats import decode
from streamhooks.tasks.call import Call
from streamhooks.tasks.outputs import Outputs

KEY = "3:17:5"


def redriven(number: int = 1) -> Record:
    record = pending_call(number, "streamhooks.t", HOOK.id)
    call = replace(decode(DelayedCall, record.value), letter=KEY, redriven=2)
    return record._replace(value=call.to_json())


@pytest.mark.parametrize(
    ("status", "verdict", "ended", "dead"),
    [
        (200, "delivered", [(KEY, 2, "delivered", "")], []),
        (404, "rejected", [], ["status 404"]),
        (503, "retry", [], []),
    ],
)
async def test_how_a_try_ends(status, verdict, ended, dead):
    world = World()
    task = world.delivery(sends(status, verdict))
    call = Call("c1", task.name, 0, 0, hook_id=HOOK.id, stored=True, letter=KEY, redriven=2)
    owner = Owner()
    await world.runners.start(call, owner)
    await asyncio.wait_for(owner.ended.wait(), 5)
    assert world.outputs.ended == ended
    assert [reason for _, reason, _ in world.outputs.dead] == dead
    assert len(world.outputs.stored) == (status == 503)


async def test_a_try_that_sent_nothing_leaves_the_letter_open_and_is_no_attempt():
    world = World()
    task = world.delivery(sends(200))
    call = Call("c1", task.name, 0, 0, hook_id="b" * 32, stored=True, letter=KEY, redriven=2, earlier=6)
    owner = Owner()
    await world.runners.start(call, owner)
    await asyncio.wait_for(owner.ended.wait(), 5)
    assert (world.outputs.ended, world.outputs.ran) == ([(KEY, 2, "open", "unknown hook")], [False])


async def test_its_attempts_are_numbered_on_from_those_before():
    world = World()
    task = world.delivery(sends(503, "retry"))
    call = Call("c1", task.name, 0, 0, hook_id=HOOK.id, stored=True, letter=KEY, redriven=2, attempt=2, earlier=6)
    assert Call.from_record(decode(DelayedCall, call.record(attempt=2, due=0, reason="retry")), 0).earlier == 6
    owner = Owner()
    await world.runners.start(call, owner)
    await asyncio.wait_for(owner.ended.wait(), 5)
    assert [attempt.attempt for attempt in world.firings.attempts] == [8]


async def test_what_is_done_with_a_call_that_does_not_run():
    world = World()
    world.delivery(sends(200))
    async with scheduling(world, redriven(), wait=lambda _: None) as scheduler:
        await scheduler.drop(0, "c1")
    assert world.outputs.ended == [(KEY, 2, "dropped", DROPPED)]
    world = World()
    async with scheduling(world, redriven(), wait=lambda _: None) as scheduler:
        scheduler._admission.is_skipped = lambda _entry: True
        await until_settled(world)
    assert world.outputs.ended == [(KEY, 2, "open", SKIPPED)]


async def test_a_try_that_has_ended_does_not_run():
    world = World()
    ran = []

    async def deliver(_call):
        ran.append(1)

    world.delivery(deliver)
    asked = []
    async with scheduling(world) as scheduler:
        scheduler._may_run = lambda entry: bool(asked.append(entry.letter))
        world.log.apply([redriven()])
        await until_settled(world)
    assert (asked, ran, world.outputs.ended) == ([(KEY, 2)], [], [])


async def until_settled(world: World) -> None:
    async with asyncio.timeout(5):
        while not world.outputs.settled:  # noqa: ASYNC110 - as a log that tells of it
            await asyncio.sleep(0.01)


class Outbox:
    def __init__(self) -> None:
        self.written = []
        self.refused = ""

    async def publish(self, topic, value, *, key, partition=None, headers=None):
        if topic == self.refused:
            raise RecordTooLarge("too large")
        self.written.append((topic, key, partition, orjson.loads(value)))


CALL = Call("c1", "t", 5, 0, hook_id=HOOK.id, attempt=3, stored=True, letter=KEY, redriven=2)


@pytest.mark.parametrize("is_gone", [False, True])
async def test_what_fails_again_is_the_same_letter_unless_that_is_gone(is_gone):
    outbox = Outbox()
    outputs = Outputs(outbox, Topics("p."), lambda: 7.0, lambda letter: letter == KEY and is_gone)
    await outputs.give_up(CALL, "r" * 1000, {"status": 404})
    ((topic, key, partition, value),) = outbox.written
    if is_gone:
        assert (topic, key, value["redriven"]) == ("p.dead-letters", HOOK.id, 2)
    else:
        assert (topic, key, partition) == ("p.letter-states", KEY, 5)
        assert value == {
            "letter": KEY, "state": "open", "tries": 2, "at": 7000, "reason": "r" * 300, "attempts": 3,
            "last": {"status": 404},
        }  # fmt: skip


async def test_a_retry_that_can_not_be_stored_leaves_the_letter_open():
    outbox = Outbox()
    outbox.refused = "p.delayed"
    await Outputs(outbox, Topics("p."), lambda: 7.0).store(CALL, attempt=4, due=0, reason="retry")
    ((topic, _, _, value),) = outbox.written
    assert (topic, value["state"], value["tries"]) == ("p.letter-states", "open", 2)


def test_the_letter_travels_with_the_call():
    stored = decode(DelayedCall, CALL.record(attempt=4, due=1, reason="retry"))
    again = Call.from_record(stored, 5)
    assert (again.letter, again.redriven) == (KEY, 2)
