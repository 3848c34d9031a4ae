"""Windows expire, even recovered ones, and by the newest window, not by a clock that can be set."""

from __future__ import annotations

import weakref
from types import SimpleNamespace

import faust
import pytest
from faust import streams
from faust.tables.wrappers import WindowWrapper
from faust.types import TP

from streamhooks.counting.counters import is_older, window
from streamhooks.counting.rollups import ROLLUPS
from streamhooks.faust_patches.table import WindowTable

FINEST = ROLLUPS[0]


@pytest.fixture
def written() -> list:
    return []


@pytest.fixture
def table(written) -> WindowTable:
    app = faust.App("windows", broker="kafka://127.0.0.1:1", Table=WindowTable, store="memory://")
    made = app.Table("fired", partitions=4).tumbling(FINEST.seconds, expires=FINEST.kept).table

    def send(lot):
        written.extend((lot.topic, record.key.decode(), record.value, lot.partition) for record in lot.records)

    made.tie(lambda text: len(text) % 4, send, is_older)
    return made


def test_a_change_goes_to_the_changelog_of_the_keys_partition_when_it_is_written(table, written):
    table["hook1", window(FINEST, 100)] = [1, 1, 0, 7]
    assert table.cells("hook1", [window(FINEST, 100), window(FINEST, 110)]) == [[1, 1, 0, 7], None]
    assert not written
    (lot,) = table.write(10, None)
    assert written == [("windows-fired-changelog", '["hook1",[100.0,109.9]]', b"[1,1,0,7]", 1)]
    assert (len(lot.records), table.write(10, None)) == (1, [])


def test_a_cell_is_changed_in_place_and_written_once_for_many_changes(table, written):
    key = ("hook1", window(FINEST, 100))
    assert table.cell(key) is None
    table.put(key, [1, 1, 0, 7])
    for _ in range(3):
        table.cell(key)[0] += 1
    table.put(("hook", window(FINEST, 100)), [1, 1, 0, 7])
    for _ in range(3):
        table.write(1, None)
    assert [(value, partition) for _, _, value, partition in written] == [(b"[4,1,0,7]", 1), (b"[1,1,0,7]", 0)]


def test_a_record_of_the_changelog_is_what_faust_would_write(table, written):
    key = ("h\u00f6ok", window(FINEST, 1_700_000_000))
    table.put(key, [1, 1, 0, 7, 3, 2**32 - 1])
    table.write(10, None)
    topic = table.changelog_topic
    expected = [
        topic.prepare_key(key, table.key_serializer)[0],
        topic.prepare_value([1, 1, 0, 7, 3, 2**32 - 1], "json")[0],
    ]
    assert [written[0][1].encode(), written[0][2]] == expected


def test_an_expired_cell_is_not_written(table, passing, written):
    passing.count()
    passing.steady += FINEST.kept + FINEST.seconds
    passing.count()
    assert table.expire() == 1
    table.write(10, None)
    assert len(written) == 1


async def test_a_cell_that_is_ahead_of_its_changelog_is_written_again(table, written):
    table.data.data["hook1", window(FINEST, 0)] = [2, 2, 0, 8, 0, 7]
    table.apply_changelog_batch([record("hook1", 1, [1, 1, 0, 7, 0, 7])])
    await table.on_recovery_completed({TP("c", 1)}, set())
    table.write(10, None)
    assert [value for _, _, value, _ in written] == [b"[2,2,0,8,0,7]"]


def test_it_is_read_as_faust_reads_windows(table):
    table.wall_clock = lambda: 125.0
    windows = WindowWrapper(table).relative_to_now()
    table["hook1", window(FINEST, 120)] = [2, 1, 1, 7]
    table["hook1", window(FINEST, 100)] = [5, 5, 0, 7]
    assert windows["hook1"].now() == windows["hook1"].value() == windows["hook1"].current() == [2, 1, 1, 7]
    assert windows["hook1"].delta(20) == [5, 5, 0, 7]
    assert windows["hook1"][window(FINEST, 100)] == [5, 5, 0, 7]
    # Nothing is written by looking.
    before = len(table)
    assert windows["hook2"].now() is None
    assert len(table) == before


def test_now_is_the_clocks_even_while_a_record_is_read(table):
    class Event:
        message = SimpleNamespace(partition=0, timestamp=5.0)

    event = Event()
    table.wall_clock = lambda: 125.0
    table["hook1", window(FINEST, 120)] = [2, 1, 1, 7]
    previous = streams._current_event.set(weakref.ref(event))
    try:
        assert WindowWrapper(table).relative_to_now()["hook1"].now() == [2, 1, 1, 7]
    finally:
        streams._current_event.reset(previous)


class Passing:
    """Time as it passes for a table: by its records, and by the steady clock."""

    def __init__(self, table: WindowTable) -> None:
        self.table, self.steady, self.ahead = table, 50_000.0, 1_000_000.0
        table.clock = lambda: self.steady

    def count(self, ahead: float | None = None) -> None:
        """Have an attempt counted now, by a clock that is ahead of the steady one by so much."""
        at = self.steady + (self.ahead if ahead is None else ahead)
        self.table["hook1", window(FINEST, FINEST.bucket(at))] = [1, 1, 0, 7]


@pytest.fixture
def passing(table) -> Passing:
    return Passing(table)


def test_a_worker_that_runs_for_weeks_keeps_no_expired_window(table, passing):
    for _ in range(3 * 24 * 6):
        for _ in range(50):
            passing.count()
        passing.steady += 600
        table.expire()
    assert len(table) <= FINEST.kept / 600 + 1
    assert sum(len(cells) for cells in table._cells_by_end.values()) == len(table)
    passing.steady += FINEST.kept + FINEST.seconds
    passing.count()
    table.expire()
    assert len(table) == len(table._cells_by_end) == len(table._had_since) == 1


@pytest.mark.parametrize("jump", [-3600.0, 3600.0, 86400.0])
def test_a_clock_that_jumps_for_a_while_expires_no_window_early(table, passing, jump):
    """With an injected clock."""
    for _ in range(30):
        passing.count()
        passing.steady += 60
        table.expire()
    assert len(table) == 30
    for _ in range(29):
        passing.count(ahead=passing.ahead + jump)
        passing.steady += 60
        assert table.expire() == 0
    for _ in range(2):
        passing.count()
        passing.steady += 60
        table.expire()
    assert len(table) >= 59  # of 61 min, and each is kept for 60
    for _ in range(400):
        passing.steady += 60
        passing.count()
        table.expire()
    ends = [end for end in table._cells_by_end if end < passing.steady + passing.ahead]
    assert min(ends) > passing.steady + passing.ahead - FINEST.kept - 120


async def test_recovered_windows_expire_too(table, passing):
    for start in (0, 10, 5000):
        table.data.data["hook1", window(FINEST, start)] = [1, 1, 0, 7]
    await table.on_recovery_completed({TP("c", 1)}, set())
    assert table.expire() == 2
    table["hook1", window(FINEST, 5000 + FINEST.kept + 10)] = [1, 1, 0, 7]
    assert table.expire() == 0  # it was 5000 a moment ago
    passing.steady += FINEST.kept
    assert table.expire() == 1


async def test_a_rebalance_makes_no_window_younger(table, passing):
    table["hook1", window(FINEST, 0)] = [1, 1, 0, 7]
    passing.steady += FINEST.kept
    await table.on_recovery_completed({TP("c", 1)}, set())
    table["hook1", window(FINEST, FINEST.kept + 20)] = [1, 1, 0, 7]
    assert table.expire() == 1


async def test_cells_of_a_revoked_partition_are_forgotten(table):
    table["hook1", window(FINEST, 0)] = [1, 1, 0, 7]
    table["ab", window(FINEST, 0)] = [2, 2, 0, 7]
    await table.on_recovery_completed({TP("c", 2)}, set())
    assert table.cells("hook1", [window(FINEST, 0)]) == [None]
    assert table.cells("ab", [window(FINEST, 0)]) == [[2, 2, 0, 7]]


def record(text: str, partition: int, cell: list[int]) -> SimpleNamespace:
    """A record of the changelog, as Faust hands it over."""
    key = [text, list(window(FINEST, 0))]
    return SimpleNamespace(key=key, value=cell, message=SimpleNamespace(partition=partition))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_record_in_the_keys_current_partition_wins(table, order):
    # The partition of "hook1" is 1; it was 0 when there were fewer.
    previous = [record("hook1", 0, [1, 1, 0, 40, 0, 7]), record("hook1", 0, [2, 2, 0, 41, 0, 7])]
    present = [record("hook1", 1, [3, 3, 0, 0, 0, 8]), record("hook1", 1, [4, 4, 0, 1, 0, 8])]
    for which in order:
        table.apply_changelog_batch((previous, present)[which])
    assert table.cells("hook1", [window(FINEST, 0)]) == [[4, 4, 0, 1, 0, 8]]


def test_a_record_in_its_previous_partition_counts_while_there_is_no_other(table):
    for cell in ([1, 1, 0, 40, 0, 7], [2, 2, 0, 41, 0, 7], [1, 1, 0, 40, 0, 7]):
        table.apply_changelog_batch([record("hook1", 0, cell)])
    assert table.cells("hook1", [window(FINEST, 0)]) == [[2, 2, 0, 41, 0, 7]]
