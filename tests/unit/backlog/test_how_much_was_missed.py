"""How much a hook missed, since when, and how much of it is undecided."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from streamhooks.backlog.summary import missed_of
from streamhooks.kafka.reader import Record
from streamhooks.records.stretch import Stretch

OPEN = Stretch("a" * 32, "e:0:5:ab", "disabled", "e", 0, next=5, end=None, since=2000.0)


NOW = 3000.0


def missed(*stretches: Stretch, first: int = 0):
    """A log of 20 records, written one second apart."""

    def read_one(tp, offset, *, stop):
        return Record(*tp, offset, 1_000_000 + offset * 1000, None, b"") if offset < 20 else None

    offsets = SimpleNamespace(ends=lambda tps: dict.fromkeys(tps, (first, 20)))
    return missed_of(list(stretches), offsets, read_one, NOW, stop=None)


def test_it_goes_back_to_the_first_record_and_not_to_when_that_was_passed_over():
    found = missed(OPEN)
    assert (found.records, found.undecided, found.since, found.available_from) == (15, 15, 1005.0, None)


def test_decided_stretches_and_replays_count_but_are_not_undecided():
    decided = replace(OPEN, id="e:0:8:cd", next=8, end=10, resume="all")
    found = missed(decided, replace(decided, why="replay"))
    assert (found.records, found.undecided) == (4, 0)


def test_what_retention_removed_is_reported_and_not_counted():
    found = missed(OPEN, first=12)
    assert (found.records, found.since, found.available_from) == (8, 1012.0, 1012.0)


def test_a_stretch_that_is_gone_leaves_nothing_to_decide_and_is_reported():
    found = missed(replace(OPEN, end=None), first=20)
    assert (found.records, found.undecided, found.since, found.available_from) == (0, 0, 2000.0, NOW)
    decided = missed(replace(OPEN, end=10, resume="all"), first=12)
    assert (decided.records, decided.available_from) == (0, 1012.0)


def test_nothing_is_removed_of_an_empty_stretch():
    assert missed(replace(OPEN, next=20), first=20).available_from is None
    assert missed(replace(OPEN, end=5), first=12).available_from is None


def test_nothing_was_missed():
    assert missed() == missed_of([], None, None, NOW, stop=None)
