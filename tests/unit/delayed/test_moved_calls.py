"""A call that is moved to another partition: what holds in each of them, and in which order it is written."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import REGISTRY
from support.fakes import Clock
from support.moved_calls import KEY, NOW, Log, marks, moving, pending_value, record, tombstone, turns

from streamhooks.delayed.moving import LARGE_AT_ONCE
from streamhooks.delayed.pending import Pending
from streamhooks.records.call import DelayedCall
from streamhooks.records.weight import LARGE
from streamhooks.tasks.call import Call
from streamhooks.tasks.runs import GONE

# --- what holds in one partition


def test_a_call_that_comes_back_is_pending_again():
    pending = Pending(Clock(NOW))
    for one in (record(0), tombstone(0, moved=0), record(0, moved=70)):
        pending.apply(one)
    assert marks(pending) == {0: (1, 70)}
    assert pending.heals(0) == []


def test_a_late_tombstone_of_a_move_settles_nothing_that_came_back_and_the_log_is_healed():
    pending = Pending(Clock(NOW))
    for one in (record(0), record(0, moved=70), tombstone(0, moved=0)):
        pending.apply(one)
    assert marks(pending) == {0: (1, 70)}
    (heal,) = pending.heals(0)
    assert DelayedCall.to_fields(pending.get(0, KEY).call())["moved"] == 70
    assert heal.value is not None


def test_what_left_one_partition_is_not_taken_for_settled_in_another():
    pending = Pending(Clock(NOW))
    for one in (record(0), tombstone(0, moved=0), record(1, moved=70)):
        pending.apply(one)
    assert marks(pending) == {1: (1, 70)}
    assert pending.heals(1) == []


def test_a_call_that_is_made_again_by_its_parent_after_it_left_stays_gone_and_the_tombstone_still_names_the_move():
    pending = Pending(Clock(NOW))
    for one in (record(0), tombstone(0, moved=0), record(0)):
        pending.apply(one)
    assert marks(pending) == {}
    (heal,) = pending.heals(0)
    assert (heal.value, heal.attempt, heal.moved) == (None, 1, 0)


def test_a_call_that_ended_does_not_come_back():
    pending = Pending(Clock(NOW))
    for one in (record(0), tombstone(0), record(0, moved=70)):
        pending.apply(one)
    assert marks(pending) == {}
    (heal,) = pending.heals(0)
    assert (heal.attempt, heal.moved) == (1, None)


def test_the_tombstone_that_was_confirmed_here_is_that_of_the_move():
    pending = Pending(Clock(NOW))
    entry = pending.apply(record(0))
    pending.settle(entry, moved=True)
    pending.apply(record(0, moved=70))
    assert marks(pending) == {0: (1, 70)}


def test_an_earlier_tombstone_that_comes_late_does_not_open_the_way_for_a_later_attempt():
    pending = Pending(Clock(NOW))
    for one in (tombstone(0, 3), tombstone(0, 1), record(0, 2)):
        pending.apply(one)
    assert marks(pending) == {}


# --- the order of the writes


async def test_the_tombstone_is_written_when_the_new_record_is_confirmed():
    log, pending = Log(holds=True), Pending(Clock(NOW))
    entry = pending.apply(record(0, 3, earlier=2, last={"error": "away"}, webhook_id="msg_1", starts=2, expires=9))
    move = asyncio.create_task(moving(log, pending).move(entry, 1))
    await asyncio.sleep(0)
    (new,) = log.written
    call = DelayedCall.from_fields(entry.call().to_fields() | {"moved": int(NOW * 1000)})
    assert (new.partition, new.key, new.value) == (1, KEY.encode(), call.to_json())
    assert entry.state == "running"  # nothing else takes it up
    log.waiting[0].set()
    await turns()
    assert (log.written[1].partition, log.written[1].value) == (0, None)
    assert log.written[1].headers == (("attempt", b"3"), ("moved", b"0"))
    assert pending.get(0, KEY) is entry
    log.waiting[1].set()
    await move
    assert pending.get(0, KEY) is None


async def test_each_move_is_later_than_the_one_before_even_if_the_clock_was_set_back():
    log, pending = Log(), Pending(Clock(NOW))
    entry = pending.apply(record(0, moved=int(NOW * 2000)))
    await moving(log, pending).move(entry, 1)
    assert DelayedCall.from_fields(pending_value(log.written[0])).moved == int(NOW * 2000) + 1


async def test_the_state_of_a_letter_goes_with_its_call():
    log, pending = Log(), Pending(Clock(NOW))
    entry = pending.apply(record(0, letter="0:7:9", redriven=2, earlier=3))
    await moving(log, pending).move(entry, 1)
    first, last = log.of("letter-states")
    assert (first.partition, first.key, pending_value(first)["state"]) == (1, b"0:7:9", "sent")
    assert (pending_value(first)["tries"], pending_value(first)["attempts"]) == (2, 3)
    assert (last.partition, last.key, last.value) == (0, b"0:7:9", None)
    assert [one.topic for one in log.written] == ["delayed", "letter-states", "letter-states", "delayed"]


async def test_a_large_call_is_moved_with_its_arguments():
    log, pending = Log(), Pending(Clock(NOW))
    large = ["x" * LARGE]

    async def read(call: Call) -> bool:
        call.args, call.kept_at = large, None
        return True

    await moving(log, pending, read).move(pending.apply(record(0, args=large)), 1)
    assert pending_value(log.written[0])["args"] == large


@pytest.mark.parametrize("doing", ["move", "give up"])
async def test_a_large_call_stays_while_kafka_does_not_give_its_arguments(doing: str):
    log, pending = Log(), Pending(Clock(NOW))

    async def read(_call: Call) -> bool:
        raise TimeoutError

    entry = pending.apply(record(0, args=["x" * LARGE]))
    entry.state = "unknown"
    one = moving(log, pending, read)
    await (one.move(entry, 1) if doing == "move" else one.give_up(entry, "too old"))
    assert (log.written, entry.state) == ([], "unknown")


@pytest.mark.parametrize("outcome", ["dead", "expired"])
async def test_a_call_that_is_given_up_is_a_dead_letter_and_logged_unless_it_has_expired(
    outcome: str, caplog: pytest.LogCaptureFixture
):
    log, pending = Log(), Pending(Clock(NOW))
    entry = pending.apply(record(0, expires=int(NOW * 1000) + (outcome == "dead")))
    labels = {"task": "unknown", "outcome": outcome}
    before = REGISTRY.get_sample_value("streamhooks_tasks_total", labels) or 0
    await moving(log, pending).give_up(entry, "too old")
    is_dead = outcome == "dead"
    assert [pending_value(one)["reason"] for one in log.of("dead-letters")] == ["too old"] * is_dead
    assert [one.levelname for one in caplog.records] == ["ERROR"] * is_dead
    assert (log.written[-1].topic, log.written[-1].value, pending.get(0, KEY)) == ("delayed", None, None)
    assert REGISTRY.get_sample_value("streamhooks_tasks_total", labels) == before + 1


async def test_a_large_call_whose_arguments_are_gone_is_a_dead_letter():
    log, pending = Log(), Pending(Clock(NOW))

    async def read(_call: Call) -> bool:
        return False

    await moving(log, pending, read).move(pending.apply(record(0, args=["x" * LARGE])), 1)
    (letter,) = log.of("dead-letters")
    assert pending_value(letter)["reason"] == GONE
    assert [one.value for one in log.of("delayed")] == [None]


async def test_few_large_calls_are_in_memory_at_the_same_time():
    log, pending = Log(), Pending(Clock(NOW))
    reading, most, go = 0, 0, asyncio.Event()

    async def read(call: Call) -> bool:
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        await go.wait()
        reading -= 1
        call.args, call.kept_at = ["x"], None
        return True

    one = moving(log, pending, read)
    entries = [pending.apply(record(partition, args=["x" * LARGE])) for partition in range(20)]
    moves = asyncio.gather(*(one.move(entry, 30) for entry in entries))
    await turns()
    assert most == LARGE_AT_ONCE
    go.set()
    await moves
    assert most == LARGE_AT_ONCE
    assert len(log.of("delayed")) == 40
