"""The log of `delayed` and what an owner makes of it, in any order."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamhooks.delayed.pending import MEMORY, Pending
from streamhooks.errors import BrokenRecord
from streamhooks.kafka.reader import Record
from streamhooks.records.call import DelayedCall


class Clock:
    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def call(call_id: str, attempt: int, due: int = 0, partition: int = 0) -> Record:
    value = DelayedCall(
        id=call_id, task="t", attempt=attempt, due=due, created=0, reason="retry", hook_id="a" * 32
    ).to_json()
    return Record("delayed", partition, 0, 0, call_id.encode(), value)


def tombstone(call_id: str, attempt: int | None) -> Record:
    headers = () if attempt is None else (("attempt", str(attempt).encode()),)
    return Record("delayed", 0, 0, 0, call_id.encode(), None, headers)


def image(pending: Pending) -> dict[str, int]:
    return {entry.id: entry.attempt for entry in pending.of_hook(0, "a" * 32)}


def due(pending: Pending, now: int, ready=lambda _partition: True) -> list[str]:
    found = []
    for entry in pending.pop_due(now, ready):
        entry.state = "running"
        found.append(entry.id)
    return found


def test_what_a_log_that_is_read_once_more_does_not_hold_is_written_again():
    pending = Pending(Clock())
    for name in ("kept", "lost", "settled"):
        pending.apply(call(name, 2, due=10))
    pending.begin_anew(0)
    pending.apply(call("kept", 2, due=10))
    pending.apply(call("settled", 2, due=10))
    pending.apply(tombstone("settled", 2))
    (heal,) = pending.heals(0)
    assert (heal.id, heal.attempt) == ("lost", 2)
    assert DelayedCall.from_fields(orjson.loads(heal.value)).id == "lost"
    assert image(pending) == {"kept": 2, "lost": 2}
    assert pending.heals(0) == []
    pending.apply(call("lost", 2, due=10))  # it is read back
    assert due(pending, 10) == ["kept", "lost"]
    assert pending.heals(0) == []


def test_what_was_settled_stays_so_when_the_log_forgot_it():
    pending = Pending(Clock())
    pending.apply(call("a", 2))
    pending.apply(tombstone("a", 2))
    pending.begin_anew(0)
    pending.apply(call("a", 2))  # its tombstone is gone
    assert image(pending) == {}
    assert [(heal.value, heal.attempt) for heal in pending.heals(0)] == [(None, 2)]


def test_the_next_attempt_replaces_and_its_tombstone_removes():
    pending = Pending(Clock())
    pending.apply(call("a", 2))
    pending.apply(call("a", 3))
    assert image(pending) == {"a": 3}
    pending.apply(tombstone("a", 3))
    assert image(pending) == {}
    assert len(pending) == 0


def test_a_late_tombstone_removes_only_its_own_attempt_and_the_log_is_healed():
    pending = Pending(Clock())
    pending.apply(call("a", 3))
    pending.apply(tombstone("a", 2))
    assert image(pending) == {"a": 3}
    (heal,) = pending.heals(0)
    assert (heal.id, heal.attempt) == ("a", 3)
    assert heal.value is not None
    assert pending.heals(0) == []


def test_a_late_record_never_resurrects_a_settled_call_and_the_log_is_healed():
    pending = Pending(Clock())
    pending.apply(call("a", 2))
    pending.apply(tombstone("a", 2))
    pending.apply(call("a", 2))
    assert image(pending) == {}
    (heal,) = pending.heals(0)
    assert (heal.value, heal.attempt) == (None, 2)


def test_what_was_settled_is_remembered_for_a_while_and_then_forgotten():
    clock = Clock()
    pending = Pending(clock)
    pending.apply(tombstone("a", 1))
    clock.now += MEMORY + 1
    pending.apply(tombstone("b", 1))
    pending.apply(call("a", 1))
    assert image(pending) == {}
    clock.now += MEMORY + 1
    pending.apply(tombstone("b", 2))
    pending.apply(call("a", 1))
    assert image(pending) == {"a": 1}


def test_a_tombstone_written_by_hand_settles_whatever_there_is_and_no_more():
    pending = Pending(Clock())
    pending.apply(call("a", 4))
    pending.apply(tombstone("a", None))
    assert image(pending) == {}
    pending.apply(call("a", 5))
    assert image(pending) == {"a": 5}


def test_a_partition_that_went_away_is_forgotten():
    pending = Pending(Clock())
    pending.apply(call("a", 1))
    pending.apply(call("b", 1, partition=1))
    entry = pending.get(0, "a")
    pending.release([0])
    assert entry.state == "gone"
    assert len(pending) == 1
    assert due(pending, 10) == ["b"]


@pytest.mark.parametrize("value", [b"", b"{}", b"[1]", b"\xff", b'{"id":"other"}'])
def test_garbage_changes_nothing(value):
    pending = Pending(Clock())
    pending.apply(call("a", 1))
    with pytest.raises(BrokenRecord):
        pending.apply(Record("delayed", 0, 0, 0, b"a", value))
    assert image(pending) == {"a": 1}


# Two owners around a hand-over: each writes the history of a call in its order (attempts 1…n, and perhaps a tombstone),
# and the log mixes the two in any way.
histories = st.tuples(st.integers(1, 4), st.booleans())


@given(histories, st.integers(1, 4), st.randoms(use_true_random=False), st.data())
def test_two_owners_in_any_order_lose_no_live_call_and_resurrect_no_settled_one(history, reached, random, data):
    attempts, settled = history
    one = [call("a", n) for n in range(1, attempts + 1)] + ([tombstone("a", attempts)] if settled else [])
    # The other owner stopped earlier on the same way: what it writes is old news, at whatever place it comes.
    other = one[: data.draw(st.integers(0, len(one)))]
    log, first, second = [], list(one), list(other)
    while first or second:
        source = first if first and (not second or random.random() < 0.5) else second
        log.append(source.pop(0))
    pending = Pending(Clock())
    for record in log:
        pending.apply(record)
    expected = {} if settled else {"a": attempts}
    assert image(pending) == expected
    # What compaction leaves, the last record of the key, after the log was healed: the same image.
    last = log[-1]
    for heal in pending.heals(0):
        last = (
            tombstone(heal.id, heal.attempt)
            if heal.value is None
            else Record("delayed", 0, 0, 0, heal.id.encode(), heal.value)
        )
    restarted = Pending(Clock())
    restarted.apply(last)
    assert image(restarted) == expected


def test_what_was_settled_here_is_gone_before_the_log_tells() -> None:
    pending = Pending(Clock())
    entry = pending.apply(call("a", 1))
    assert entry is not None
    pending.settle(entry)
    assert pending.get(0, "a") is None
    assert entry.state == "gone"
    # Neither a late record of its attempt nor the tombstone changes that; what is settled twice was settled once.
    pending.apply(call("a", 1))
    pending.settle(entry)
    assert len(pending) == 0
    pending.heals(0)
    pending.apply(tombstone("a", 1))
    assert (len(pending), pending.heals(0)) == (0, [])


def test_a_later_attempt_is_not_settled_with_an_earlier_one() -> None:
    pending = Pending(Clock())
    entry = pending.apply(call("a", 1))
    pending.apply(call("a", 2))
    pending.settle(entry)
    assert image(pending) == {"a": 2}
