"""Where to start, given the commit, the log and what was known of the installation."""

from __future__ import annotations

from itertools import product

import pytest

from streamhooks.errors import Refusal
from streamhooks.kafka.logs import Log, Reading
from streamhooks.kafka.starts import Known, Start
from streamhooks.kafka.starts import where_to_start as decide

WISHES = ("earliest", "latest", "fail")
WITHOUT = ("new", "added", "expired")


def where_to_start(committed, first, end, *, wish="earliest", without="new", kept=None, **read):
    reading = None if committed is None else Reading(committed, **read)
    return decide(reading, Log("A", 7, first, end), kept, wish=wish, without=without)


@pytest.mark.parametrize(("wish", "without"), list(product(WISHES, WITHOUT)))
def test_a_committed_offset_that_the_log_has_is_all_that_counts(wish, without) -> None:
    for committed in (3, 5, 9):
        assert where_to_start(committed, 3, 9, wish=wish, without=without) == Start(committed)


def test_offsets_that_retention_removed_are_reported_and_counted() -> None:
    start = where_to_start(3, 5, 9, wish="latest", without="new")
    assert (start.offset, start.lost, start.skipped) == (5, 2, 0)
    assert "3 to 4" in start.why


def test_a_log_that_ends_before_what_was_committed_is_read_from_its_start() -> None:
    start = where_to_start(10, 5, 9, wish="latest", without="new")
    assert (start.offset, start.skipped) == (5, 0)
    assert "10" in start.why


def test_a_log_that_lost_its_end_and_grew_again_is_read_from_there() -> None:
    start = where_to_start(10, 5, 99, epoch=3, topic_id="A", kept=8)
    assert (start.offset, start.moved, start.lost) == (8, "shorter", 0)
    assert "8" in start.why
    assert where_to_start(10, 9, 99, epoch=3, topic_id="A", kept=8).offset == 9
    # Its end may be said to be lower than it is, for a moment; its epochs are not.
    assert where_to_start(10, 5, 9, epoch=3, topic_id="A", kept=12) == Start(10)


def test_a_recreated_topic_is_read_from_its_first_record() -> None:
    for committed in (0, 5, 7, 1000):
        start = where_to_start(committed, 0, 99, wish="latest", topic_id="B", epoch=3, kept=99)
        assert (start.offset, start.moved) == (0, "anew")
    # 0.1.0 did not note which log it was: then offsets are all that there is.
    assert where_to_start(7, 0, 99, epoch=-1) == Start(7)


def test_a_new_installation_is_silent() -> None:
    assert where_to_start(None, 5, 9, wish="earliest", without="new") == Start(5)
    assert where_to_start(None, 5, 9, wish="latest", without="new") == Start(9)
    with pytest.raises(Refusal):
        where_to_start(None, 5, 9, wish="fail", without="new")


@pytest.mark.parametrize("wish", WISHES)
def test_an_added_partition_is_read_from_its_first_record_whatever_is_wished(wish) -> None:
    empty = where_to_start(None, 0, 0, wish=wish, without="added")
    assert (empty.offset, empty.why) == (0, None)
    start = where_to_start(None, 5, 9, wish=wish, without="added")
    assert (start.offset, start.skipped) == (5, 0)
    assert "added" in start.why


def test_expired_offsets_are_reported() -> None:
    again = where_to_start(None, 5, 9, wish="earliest", without="expired")
    assert (again.offset, again.skipped) == (5, 0)
    assert "5 to 8" in again.why
    assert "sent again" in again.why
    skipped = where_to_start(None, 5, 9, wish="latest", without="expired")
    assert (skipped.offset, skipped.lost, skipped.skipped) == (9, 0, 4)
    assert "5 to 8" in skipped.why
    with pytest.raises(Refusal):
        where_to_start(None, 5, 9, wish="fail", without="expired")


@pytest.mark.parametrize("wish", ["earliest", "latest"])
def test_a_partition_without_records_is_not_reported(wish) -> None:
    assert where_to_start(None, 5, 5, wish=wish, without="expired") == Start(5)


def test_an_added_partition_differs_from_a_new_group_and_from_expired_offsets() -> None:
    sources = {"events": 2, "alerts": 2}
    new = Known(sources, frozenset(), is_used=False)
    assert new.without_offset(("events", 1)) == "new"
    # It came after this worker had started.
    assert new.without_offset(("events", 2)) == "added"
    some = Known(sources, frozenset({"events"}), is_used=False)
    assert some.without_offset(("events", 1)) == "added"
    # A topic of its own, of a group that has read others.
    assert some.without_offset(("alerts", 0)) == "expired"
    used = Known(sources, frozenset(), is_used=True)
    assert used.without_offset(("events", 0)) == "expired"


def test_a_topic_of_ones_own_is_new_where_the_group_has_read_others() -> None:
    sources, own = {"events": 2, "orders": 2}, frozenset({"orders"})
    added = Known(sources, frozenset({"events"}), is_used=True, own=own)
    assert added.without_offset(("orders", 0)) == "new"
    assert added.without_offset(("orders", 2)) == "added"
    # All offsets have expired, also those that it may have had.
    assert Known(sources, frozenset(), is_used=True, own=own).without_offset(("orders", 0)) == "expired"
    assert Known(sources, own, is_used=True, own=own).without_offset(("orders", 0)) == "added"
