"""Large pending calls: their arguments are read when they are needed."""

from __future__ import annotations

import pytest
from test_pending import Clock, tombstone

from streamhooks.delayed.entries import Entry
from streamhooks.delayed.pending import Pending
from streamhooks.kafka.reader import Record
from streamhooks.metrics import PENDING_BYTES
from streamhooks.records.call import DelayedCall
from streamhooks.records.weight import LARGE, weight


def large(attempt: int, offset: int, size: int = 2 * LARGE) -> Record:
    value = DelayedCall(
        "large", "t", attempt, 10, 5, "retry", ["x" * size], {"k": "v"}, hook_id="a" * 32, source="e:0:1"
    )
    return Record("delayed", 0, offset, 0, b"large", value.to_json())


def entry_of(pending: Pending) -> Entry:
    entry = pending.get(0, "large")
    assert entry is not None
    return entry


def test_of_a_large_call_the_place_is_kept_and_not_the_arguments():
    pending = Pending(Clock())
    before = PENDING_BYTES._value.get()
    record = large(1, offset=7)
    pending.apply(record)
    entry = entry_of(pending)
    assert (entry.offset, entry.size) == (7, weight(record.value))
    assert (entry.call().args, entry.call().kwargs) == ([], {})
    assert (entry.call().source, entry.call().reason, entry.due) == ("e:0:1", "retry", 10)
    assert 0 < PENDING_BYTES._value.get() - before < 1000
    pending.apply(tombstone("large", 1))
    assert PENDING_BYTES._value.get() == before


def test_a_call_that_is_not_large_is_kept_whole():
    pending = Pending(Clock())
    pending.apply(large(1, offset=7, size=LARGE // 2))
    assert (entry_of(pending).offset, entry_of(pending).size) == (None, 0)
    assert len(entry_of(pending).call().args[0]) == LARGE // 2


@pytest.mark.parametrize("attempt", [1, 2])
def test_the_newest_record_of_a_large_call_is_the_one_that_compaction_keeps(attempt):
    pending = Pending(Clock())
    pending.apply(large(2, offset=7))
    pending.apply(large(attempt, offset=9))  # of a former owner, or written once more
    assert (entry_of(pending).offset, entry_of(pending).attempt) == (9, 2)
    heals = pending.heals(0)
    assert [(heal.large, heal.attempt) for heal in heals] == ([] if attempt == 2 else [(entry_of(pending), 2)])


def test_a_large_call_that_a_log_lacks_is_written_again_with_its_arguments():
    pending = Pending(Clock())
    pending.apply(large(2, offset=7))
    pending.apply(tombstone("large", 1))  # too late
    assert [heal.large for heal in pending.heals(0)] == [entry_of(pending)]
    pending.begin_anew(0)
    assert [heal.large for heal in pending.heals(0)] == [entry_of(pending)]
