"""When pending calls are due, and in which order."""

from __future__ import annotations

import pytest
from support.runs import pending_call
from test_pending import Clock, call, due

from streamhooks.delayed.pending import Pending
from streamhooks.delayed.scheduler import _PendingRun
from streamhooks.delayed.upkeep import Upkeep
from streamhooks.in_flight.backoff import FIRST
from streamhooks.kafka.reader import Record
from streamhooks.records.call import DelayedCall
from streamhooks.tasks.runs import has_them


def test_a_call_is_due_at_its_time_the_oldest_first():
    pending = Pending(Clock())
    for name, at in (("b", 20), ("a", 10), ("c", 30)):
        pending.apply(call(name, 1, due=at))
    assert due(pending, 5) == []
    assert due(pending, 25) == ["a", "b"]
    assert due(pending, 25) == []
    assert due(pending, 30) == ["c"]


def test_nothing_runs_before_its_partition_was_read_to_the_end():
    pending = Pending(Clock())
    pending.apply(call("a", 1, due=1))
    assert due(pending, 10, ready=lambda _partition: False) == []
    assert due(pending, 10) == ["a"]


def test_what_is_due_in_a_partition_that_is_not_read_yet_is_not_looked_at_again_and_again():
    pending = Pending(lambda: 0.0)
    ready = {1}
    for number in range(100):
        for partition in (0, 1):
            call = DelayedCall(f"c{partition}-{number}", "t", 1, number, 0, "retry", hook_id="h")
            pending.apply(Record("delayed", partition, number, 0, call.id.encode(), call.to_json()))

    def due() -> list[str]:
        found = []
        for entry in pending.pop_due(1000, lambda partition: partition in ready):
            entry.state = "running"
            found.append(entry.id)
        return found

    assert due() == [f"c1-{number}" for number in range(100)]
    assert pending.next_due() is None
    assert due() == []
    late = DelayedCall("late", "t", 1, 50, 0, "retry", hook_id="h")
    pending.apply(Record("delayed", 0, 200, 0, b"late", late.to_json()))
    assert due() == []
    ready.add(0)
    found = due()
    assert len(found) == 101
    assert [int(name.split("-")[1]) for name in found if name != "late"] == list(range(100))
    assert found.index("late") in (50, 51)


def test_what_waited_for_its_log_and_went_away_is_forgotten():
    pending = Pending(lambda: 0.0)
    call = DelayedCall("c", "t", 1, 5, 0, "retry", hook_id="h")
    record = Record("delayed", 0, 1, 0, b"c", call.to_json())
    pending.apply(record)
    assert list(pending.pop_due(10, lambda _partition: False)) == []
    for _ in range(3):
        pending.release([0])
        pending.apply(record)
    assert len(pending._heap) == 1
    assert [entry.id for entry in pending.pop_due(10, lambda _partition: True)] == ["c"]


def stored(call_id: str, reason: str, due: int, created: int) -> Record:
    value = DelayedCall(call_id, "t", 1, due, created, reason, hook_id="a" * 32).to_json()
    return Record("delayed", 0, 0, 0, call_id.encode(), value)


@pytest.mark.parametrize("reason", ["overflow", "paused", "resend"])
def test_what_only_waits_to_be_let_in_waits_for_no_clock(reason: str):
    hour = 3_600_000
    pending = Pending(Clock())
    for number in (2, 1):
        pending.apply(stored(f"c{number}", reason, due=2 * hour + number, created=2 * hour))
    pending.apply(stored("at once", "countdown", due=2 * hour, created=2 * hour))
    pending.apply(stored("later", "countdown", due=2 * hour + 1, created=2 * hour))
    assert due(pending, hour) == ["at once", "c1", "c2"]
    assert pending.next_due() == 2 * hour + 1
    assert due(pending, 2 * hour + 1) == ["later"]


def test_it_waits_for_its_partition_all_the_same():
    pending = Pending(Clock())
    pending.apply(stored("a", "overflow", due=9, created=9))
    assert due(pending, 5, lambda _partition: False) == []
    assert pending.next_due() is None
    assert due(pending, 5) == ["a"]


def test_what_is_given_back_or_asked_for_runs_whatever_the_clock_says_by_then():
    pending = Pending(Clock())
    pending.apply(call("a", 2, due=1000))
    (entry,) = pending.pop_due(1000, lambda _partition: True)
    pending.run_at(entry, entry.due)
    assert due(pending, 0) == ["a"]


def test_a_call_that_was_given_back_for_a_while_is_due_after_it():
    clock = Clock(1000.0)
    pending = Pending(clock)
    entry = pending.apply(pending_call(1, "shop.t"))
    assert list(pending.pop_due(2_000_000, lambda _: True)) == [entry]
    entry.state = "running"
    _PendingRun(entry, pending, clock).give_back(60)
    assert list(pending.pop_due(1_059_000, lambda _: True)) == []
    assert pending.next_due() == 1_060_000
    assert list(pending.pop_due(1_060_000, lambda _: True)) == [entry]


async def test_a_call_whose_tombstone_can_not_be_written_is_not_settled_again_at_once():
    clock = Clock(1000.0)
    pending = Pending(clock)
    entry = pending.apply(pending_call(1, "shop.t"))

    class Broken:
        async def settle(self, _call):
            raise RuntimeError("no")

    upkeep = Upkeep(pending, Broken(), None, "delayed", has_them, clock)
    with pytest.raises(RuntimeError):
        await upkeep.settle(entry)
    assert list(pending.pop_due(1_000_000, lambda _: True)) == []
    assert list(pending.pop_due(1_000_000 + int(FIRST * 1000), lambda _: True)) == [entry]
