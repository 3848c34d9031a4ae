from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamhooks.in_flight.progress import Settled
from streamhooks.in_flight.tracker import Tracker

TP = ("events", 0)


def tracker(start: int = 0, committed: int | None = 0, window: int = 100) -> Tracker:
    made = Tracker(window=window)
    made.assign(TP, start, None if committed is None else Settled(committed))
    return made


def committable(made: Tracker) -> dict:
    return {tp: settled.floor for tp, settled in made.committable()}


def test_a_slow_head_holds_back_a_thousand_finished_followers():
    made = tracker(window=10_000)
    tickets = [made.start(TP, offset) for offset in range(1001)]
    for ticket in tickets[1:]:
        ticket.release()
    assert committable(made) == {}
    tickets[0].release()
    assert committable(made) == {TP: 1001}


@given(st.permutations(range(20)), st.sets(st.integers(0, 19)))
def test_nothing_is_committed_past_what_is_in_flight(order, unfinished):
    made = tracker()
    tickets = [made.start(TP, offset) for offset in range(20)]
    finished = set()
    for offset in order:
        if offset in unfinished:
            continue
        tickets[offset].release()
        finished.add(offset)
        floor = committable(made).get(TP, 0)
        assert floor == next((n for n in range(20) if n not in finished), 20)
        made.committed(TP, Settled(floor))
        assert committable(made) == {}
        made._partitions[TP].committed = Settled(0)


def test_a_run_is_settled_as_one_and_counts_by_its_records():
    made = tracker()
    first, run, last = made.start(TP, 0), made.start_run(TP, 1, 6), made.start(TP, 8)
    assert made.in_flight == 7
    run.release()
    assert made.in_flight == 2
    assert committable(made) == {}
    first.release()
    assert committable(made) == {TP: 8}
    assert made.start_run(TP, 5, 12) is None
    assert made.start_run(TP, 9, 12, number=1) is None
    last.release()
    assert (committable(made), made.in_flight) == ({TP: 9}, 0)


def test_a_record_is_settled_when_it_was_released_as_often_as_held():
    made = tracker()
    ticket = made.start(TP, 0)
    ticket.hold()
    ticket.hold()
    ticket.release()
    ticket.release()
    assert committable(made) == {}
    ticket.release()
    assert committable(made) == {TP: 1}


def test_what_was_taken_up_already_is_not_taken_up_again():
    made = tracker(start=5)
    assert made.start(TP, 4) is None
    assert made.start(TP, 5) is not None
    assert made.start(TP, 5) is None
    assert made.start(("other", 0), 5) is None


def test_a_gap_in_kafkas_log_is_committed_past():
    made = tracker()
    first = made.start(TP, 0)
    second = made.start(TP, 7)
    second.release()
    assert committable(made) == {}
    first.release()
    assert committable(made) == {TP: 8}


def test_a_revoked_partition_settles_nothing_and_its_tickets_are_void():
    made = tracker()
    ticket = made.start(TP, 0)
    made.revoke([TP])
    assert ticket.is_void
    made.assign(TP, 0, Settled(0))
    ticket.release()
    assert committable(made) == {}
    assert made.in_flight == 0
    assert made.start(TP, 0) is not None


def test_a_start_without_commit_is_worth_a_commit():
    assert committable(tracker(start=3, committed=None)) == {TP: 3}
    assert committable(tracker(start=3, committed=3)) == {}


async def test_a_full_window_makes_the_intake_wait():
    made = tracker(window=2)
    tickets = [made.start(TP, 0), made.start(TP, 1)]
    waiting = asyncio.ensure_future(made.wait_for_room(TP))
    await asyncio.sleep(0)
    assert not waiting.done()
    tickets[1].release()
    await asyncio.sleep(0)
    assert not waiting.done()
    tickets[0].release()
    await asyncio.wait_for(waiting, 30)


async def test_drain_waits_for_what_is_in_flight_and_gives_up_after_the_time():
    made = tracker()
    ticket = made.start(TP, 0)
    assert not await made.drain(0.01)
    draining = asyncio.ensure_future(made.drain(5))
    await asyncio.sleep(0)
    ticket.release()
    assert await draining


@pytest.mark.parametrize("holes", [[(0, 3)], [(1, 2), (4, 9)], [(0, 1), (1, 2)]])
def test_gaps_anywhere(holes):
    made = tracker()
    last = max(end for _, end in holes)
    missing = {n for start, end in holes for n in range(start, end)}
    tickets = [made.start(TP, n) for n in range(last + 1) if n not in missing]
    for ticket in reversed(tickets):
        ticket.release()
    assert committable(made) == {TP: last + 1}


async def test_so_many_records_of_all_partitions_make_the_intake_wait():
    made = Tracker(most=3)
    other = ("events", 1)
    for tp in (TP, other):
        made.assign(tp, 0, None)
    tickets = [made.start(TP, 0), made.start(TP, 1), made.start(other, 0)]
    assert made.is_full(TP)
    waiting = [asyncio.ensure_future(made.wait_for_room(tp)) for tp in (TP, other)]
    await asyncio.sleep(0)
    assert not any(one.done() for one in waiting)
    tickets[1].release()  # not the oldest
    await asyncio.wait_for(asyncio.gather(*waiting), 1)


async def test_a_partition_that_goes_makes_room():
    made = Tracker(most=1)
    made.assign(TP, 0, None)
    made.start(TP, 0)
    waiting = asyncio.ensure_future(made.wait_for_room(TP))
    await asyncio.sleep(0)
    made.revoke([TP])
    await asyncio.wait_for(waiting, 30)
    assert made.in_flight == 0


def test_however_far_the_others_are_ahead_a_slow_one_does_not_make_them_wait():
    made = Tracker(most=2, commits_above=True)
    made.assign(TP, 0, None)
    made.start(TP, 0)
    for offset in range(1, 300_001):
        assert not made.is_full(TP)
        made.start(TP, offset).release()
        if offset % 50_000 == 0:
            assert dict(made.committable()) == {TP: Settled(0, ((1, offset + 1),))}
            assert len(made._partitions[TP]._done) == 1


@pytest.mark.parametrize("ends", ["revoke", "assign"])
@pytest.mark.parametrize("released", [0, 2, 3])
def test_nothing_of_a_previous_assignment_is_in_flight(ends, released):
    made = tracker()
    tickets = [made.start(TP, offset) for offset in (0, 1, 5, 6, 7)]  # and a hole
    for ticket in tickets[1 : 1 + released]:
        ticket.release()
    assert made.in_flight == 5 - released
    if ends == "revoke":
        made.revoke([TP])
    made.assign(TP, 0, Settled(0))
    assert made.in_flight == 0
    made.start(TP, 0)
    for ticket in [*tickets[:1], *tickets[1 + released :]]:
        ticket.release()
    assert made.in_flight == 1


def test_ranges_above_the_floor_are_taken_over_only_where_they_are_committed():
    for commits_above in (False, True):
        made = Tracker(commits_above=commits_above)
        made.assign(TP, 0, Settled(0, ((1, 3),)), above=((1, 3),))
        taken = [offset for offset in range(4) if made.start(TP, offset) is not None]
        assert taken == ([0, 3] if commits_above else [0, 1, 2, 3])


def test_reached_covers_settled_offsets_above_the_start():
    made = Tracker(commits_above=True)
    made.assign(TP, 3, None, above=((5, 9),))
    assert (made.expected(TP), made.reached(TP)) == (3, 9)
    made.cut(TP, 7)
    assert made.reached(TP) == 7
    made.start(TP, 9)
    assert made.reached(TP) == 10


def test_a_commit_of_a_previous_assignment_is_none_of_this_one():
    made = Tracker(commits_above=True)
    made.assign(TP, 0, None, 1)
    made.assign(TP, 0, None, 2)
    made.committed(TP, Settled(0), 1)
    assert dict(made.committable()) == {TP: Settled(0)}
    made.committed(TP, Settled(0), 2)
    assert dict(made.committable()) == {}


# --- room for all partitions together


def bounded(**bounds: int) -> Tracker:
    made = Tracker(**bounds)
    for tp in (TP, ("events", 1), ("alerts", 0)):
        made.assign(tp, 0, None)
    return made


@pytest.mark.parametrize(("bounds", "size"), [({"most": 32}, 0), ({"most_bytes": 3200}, 100)])
def test_what_is_in_flight_is_bounded_in_records_and_in_bytes(bounds, size):
    made = bounded(**bounds)
    tickets = []
    while not made.is_full(TP):
        tickets.append(made.start(TP, len(tickets), size=size))
    assert len(tickets) == 32
    assert made.is_full(("events", 1))
    tickets[7].release()
    assert not made.is_full(TP)


def test_a_topic_whose_records_wait_leaves_another_one_its_share():
    made = bounded(most_bytes=3200)
    for offset in range(32):
        made.start(TP, offset, size=100)
    assert [made.start(("alerts", 0), offset, size=100) is not None for offset in range(2)] == [True, True]
    assert made.is_full(TP)
    assert made.is_full(("alerts", 0))  # it has its share


def test_the_last_record_may_be_larger_than_the_room_that_is_left():
    made = bounded(most_bytes=100)
    made.start(TP, 0, size=99)
    assert not made.is_full(TP)
    made.start(TP, 1, size=5_000_000)
    assert made.is_full(TP)


async def test_a_waiting_intake_goes_on_when_something_is_settled():
    made = bounded(most_bytes=100)
    ticket = made.start(TP, 0, size=100)
    waiting = asyncio.ensure_future(made.wait_for_room(TP))
    await asyncio.sleep(0)
    assert not waiting.done()
    ticket.release()
    await asyncio.wait_for(waiting, 5)


@pytest.mark.parametrize("released", ["before", "after", "never"])
@pytest.mark.parametrize("end", ["revoked", "assigned anew"])
def test_what_is_in_flight_of_a_partition_that_went_away_counts_no_more(released, end):
    made = bounded(most_bytes=100)
    tickets = [made.start(TP, offset, size=50) for offset in range(2)]
    others = made.start(("alerts", 0), 0, size=3)
    if released == "before":
        tickets[0].release()
    if end == "revoked":
        made.revoke([TP])
    else:
        made.assign(TP, 0, None, 2)
    if released == "after":
        tickets[0].release()
    assert (made.in_flight, made.room.size) == (1, 3)
    others.release()
    assert (made.in_flight, made.room.size) == (0, 0)
    assert not made.is_full(("events", 1))
