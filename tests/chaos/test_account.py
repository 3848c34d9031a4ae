"""What Kafka held, what it no longer holds, and whether the loss was reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaos.account import Record, Removal, Reported, balance, must_be_counted, reconciled


def record(offset: int, life: int = 0, partition: int = 0) -> Record:
    return Record("events", partition, offset, 1000 + life, life, b"")


def removal(kind: str, first: int, end: int | None, *, life: int = 0, at: float = 10.0, committed: int = 0) -> Removal:
    return Removal(kind, at, "events", 0, life, first, end, committed)


def reported(why: str = "the log is another one", at: float = 11.0, partition: int = 0) -> Reported:
    return Reported(at, "events", partition, why)


TEN = [record(offset) for offset in range(10)]


def held(*records: Record) -> set:
    return {one.place for one in records}


def test_what_is_all_there_is_in_balance():
    account = balance(TEN, held(*TEN), [], [])
    assert (account.written, account.held, account.gone, account.wrong) == (10, 10, {}, [])


def test_what_retention_took_is_reported_offset_by_offset():
    taken = removal("retention", 0, 6)
    notice = reported("retention removed the offsets 2 to 5 unread")
    account = balance(TEN, held(*TEN[6:]), [taken], [notice])
    assert account.gone.keys() == held(*TEN[:6]) == account.owed
    assert account.reported == held(*TEN[2:6])
    assert account.wrong == []
    assert must_be_counted([notice]) == {"events": 4}


def test_logs_that_moved_are_counted_by_what_became_of_them():
    notices = [
        reported("the topic was recreated, and its previous log was read to 7: the new log is read from 0 on"),
        reported("the log was read to 9, but has lost its records from 7 on: it is read from 7 on"),
        reported("the log was read to 9, but has lost its records from 7 on: it is read from 7 on", partition=1),
    ]
    assert must_be_counted(notices) == {"events anew": 1, "events shorter": 2}


def test_an_added_partition_may_be_reported():
    added = Removal.nothing("partitions", 10.0, "events", 0)
    account = balance(TEN, held(*TEN), [added], [reported("the partition was added")])
    assert (account.gone, account.wrong) == ({}, [])


@pytest.mark.parametrize(("added_at", "is_owed"), [(-50.0, True), (-48.0, False), (11.0, True)])
def test_a_partition_that_went_before_it_was_found_is_owed_by_nobody(added_at: float, is_owed: bool):
    added = Removal.nothing("partitions", added_at, "events", 0)
    account = balance(TEN, set(), [added, removal("anew", 0, None)], [])
    assert account.owed == (held(*TEN) if is_owed else set())


@pytest.mark.parametrize(
    "notice",
    [
        reported("retention removed the offsets 0 to 5 unread", at=9.0),
        reported("retention removed the offsets 0 to 5 unread", partition=1),
    ],
    ids=["before", "elsewhere"],
)
def test_another_notice_does_not_report_it(notice: Reported):
    assert balance(TEN, held(*TEN[6:]), [removal("retention", 0, 6)], [notice]).reported == set()


def test_a_log_made_anew_has_the_same_offsets_again():
    new = [record(offset, life=1) for offset in range(3)]
    account = balance([*TEN, *new], held(*new), [removal("anew", 0, None, committed=4)], [reported()])
    assert account.gone.keys() == held(*TEN) == account.reported == account.owed
    assert account.wrong == []


def test_a_log_that_was_cut_and_grew_past_the_position_again():
    grown = [record(offset, life=1) for offset in range(7, 14)]
    account = balance([*TEN, *grown], held(*TEN[:7], *grown), [removal("cut", 7, None, committed=9)], [reported()])
    assert account.gone.keys() == held(*TEN[7:]) == account.reported == account.owed
    assert account.wrong == []


def test_what_was_cut_off_beyond_the_position_can_not_be_known():
    account = balance(TEN, held(*TEN[:7]), [removal("cut", 7, None, committed=7)], [])
    assert (account.gone.keys(), account.owed, account.wrong) == (held(*TEN[7:]), set(), [])


def test_a_record_is_where_kafka_has_it():
    named, meant = record(3), replace(record(5), value=b"one")
    kept = replace(record(4), value=b"one")
    gone = replace(record(8), value=b"two")
    assert reconciled([named, meant, gone], {named.place: b"", kept.place: b"one"}) == [named, kept, gone]


def test_a_record_that_is_there_twice_is_two():
    first, second = replace(record(3), value=b"one"), replace(record(4), value=b"one")
    assert reconciled([first], {first.place: b"one", second.place: b"one"}) == [first, replace(second, life=1)]
    assert reconciled([first], {first.place: b"one", second.place: b"who?"}) == [first]


@pytest.mark.parametrize(
    ("wrong", "there", "removals", "notices"),
    [
        ("confirmed, not there", TEN[1:], [], []),
        ("confirmed, not there", TEN[7:], [removal("retention", 0, 6)], []),
        ("there, though", TEN, [removal("retention", 0, 6)], []),
        ("1 records are there that were never confirmed", [*TEN, record(10)], [], []),
        ("never reported", TEN[:7], [removal("cut", 7, None, committed=9)], []),
        ("never reported", [], [removal("anew", 0, None, committed=1)], [reported(at=9.0)]),
        ("reported, although nothing had happened", TEN, [], [reported()]),
        (
            "reported as removed",
            TEN[6:],
            [removal("retention", 0, 6)],
            [reported("retention removed the offsets 2 to 6 unread")],
        ),
    ],
)
def test_what_does_not_add_up_is_wrong(wrong, there, removals, notices):
    account = balance(TEN, held(*there), removals, notices)
    found = account.wrong
    assert bool(account.vanished) == (wrong == "confirmed, not there")
    assert any(one.startswith(wrong) for one in found), found
