from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streamhooks.counting.counters import Counters, Seen, is_behind, is_older
from streamhooks.counting.rollups import ROLLUPS
from streamhooks.records.firing import Attempt

HOOK = "a" * 32


def attempt(number: int = 1, run: int = 1, outcome: str = "delivered", at: int = 5_000) -> Attempt:
    return Attempt(id=f"msg_{number}", attempt=run, at=at, outcome=outcome)


class Table:
    """Cells as a windowed table keeps them: `written` is its changelog."""

    def __init__(self) -> None:
        self.now: dict = {}
        self.written: dict = {}

    def cell(self, key):
        return self.now.get(key)

    def put(self, key, cell):
        self.now[key] = cell


class Tables(dict):
    """The tables of all rollups."""

    def __init__(self) -> None:
        super().__init__((rollup, Table()) for rollup in ROLLUPS)

    def write(self) -> None:
        for table in self.values():
            table.written = {key: [*cell] for key, cell in table.now.items()}

    def recover(self) -> None:
        for table in self.values():
            table.now = {key: [*cell] for key, cell in table.written.items()}

    def totals(self) -> set[tuple[int, ...]]:
        return {tuple(cell[:3]) for table in self.values() for cell in table.now.values()}


def test_every_attempt_adds_to_all_three_rollups():
    tables = Tables()
    counters = Counters(tables)
    counters.add(HOOK, (attempt(1), attempt(2, outcome="retried"), attempt(3, outcome="dead")), 0)
    assert all(table.now for table in tables.values())
    assert tables.totals() == {(3, 1, 2)}


def test_a_test_counts_nowhere():
    tables = Tables()
    counters = Counters(tables)
    tests = (replace(attempt(1), cause="test"), replace(attempt(2, outcome="failed"), cause="test"))
    counters.add(HOOK, (*tests, attempt(3)), 0)
    assert tables.totals() == {(1, 1, 0)}


def test_an_attempt_made_again_counts_once_and_a_webhook_is_delivered_once():
    tables = Tables()
    counters = Counters(tables)
    counters.add(HOOK, (attempt(1), attempt(1)), 0)
    counters.add(HOOK, (attempt(1),), 1)
    counters.add(HOOK, (attempt(1, run=2),), 2)
    assert tables.totals() == {(2, 1, 0)}


def test_what_was_dropped_was_no_attempt():
    tables = Tables()
    counters = Counters(tables)
    counters.add(HOOK, (attempt(1, outcome="dropped"),), 0)
    assert tables.totals() == {(0, 0, 0)}


def test_a_record_is_new_to_a_cell_by_its_place_in_its_log():
    cell = [1, 1, 0, 100, 3, 7]
    assert not is_behind(cell, (100, 3, 7))
    assert is_behind(cell, (101, 3, 7))
    # The log lost its end, and goes on in a later epoch.
    assert is_behind(cell, (40, 4, 7))
    assert not is_behind(cell, (200, 2, 7))
    # It was made anew.
    assert is_behind(cell, (0, 0, 8))


def test_what_is_not_known_of_a_place_decides_nothing():
    assert not is_behind([1, 1, 0, 100], (100, 3, 7))  # as 0.1.0 wrote it
    assert is_behind([1, 1, 0, 100], (101, 3, 7))
    assert not is_behind([1, 1, 0, 100, -1, 7], (100, 3, 7))
    assert is_behind([1, 1, 0, 100, 3, 0], (4, 5, 7))


def test_a_cell_that_was_written_too_late_is_older():
    assert is_older([1, 1, 0, 100, 3, 7], [2, 2, 0, 101, 3, 7])
    assert is_older([1, 1, 0, 100], [2, 2, 0, 101, 3, 7])
    assert not is_older([2, 2, 0, 101, 3, 7], [1, 1, 0, 100, 3, 7])
    # Of two logs nobody knows which came first: the one that is read last holds.
    assert not is_older([1, 1, 0, 100, 3, 7], [2, 2, 0, 101, 3, 8])
    assert not is_older([2, 2, 0, 101, 3, 8], [1, 1, 0, 100, 3, 7])


def test_a_log_that_was_made_anew_is_counted_from_its_first_record():
    tables = Tables()
    counters = Counters(tables)
    for offset in range(5):
        counters.add(HOOK, (attempt(offset),), offset, 0, 7)
    for offset in range(3):
        counters.add(HOOK, (attempt(100 + offset),), offset, 0, 8)
    for offset in range(3):  # they are read again
        counters.add(HOOK, (attempt(100 + offset),), offset, 0, 8)
    assert tables.totals() == {(8, 8, 0)}


def test_the_ids_that_are_remembered_are_bounded_and_the_youngest_are_kept():
    seen = Seen(10)
    for number in range(100):
        assert seen.add("msg", number)
    assert not any(seen.add("msg", number) for number in range(90, 100))
    assert seen.add("msg", 0)


numbers = st.lists(
    st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 3), st.sampled_from(["delivered", "retried", "dead"])), max_size=4
    ),
    max_size=12,
)


@given(numbers, st.data())
def test_a_crash_at_any_place_counts_nothing_twice_and_loses_nothing(records, data):
    """Records are counted, written now and then, and some tail of them is counted again after a crash."""
    log = [tuple(attempt(n, run, outcome) for n, run, outcome in one) for one in records]
    first: dict = {}
    for one in log:
        for a in one:
            first.setdefault((a.id, a.attempt), a.outcome)
    # An attempt that was made again may end otherwise: it fired once, and its webhook was delivered if either was.
    delivered = {a.id for one in log for a in one if a.outcome == "delivered"}
    expected = (len(first), len(delivered), sum(outcome != "delivered" for outcome in first.values()))
    tables = Tables()
    committed = 0
    for left in reversed(range(5)):
        tables.recover()
        counters = Counters(tables)
        for one in log[:committed]:
            counters.recall(one)
        crash = data.draw(st.integers(committed, len(log))) if left else len(log)
        written = committed
        for offset in range(committed, crash):
            counters.add(HOOK, log[offset], offset)
            if data.draw(st.booleans()):
                tables.write()
                written = offset + 1
        if crash == len(log):
            break
        committed = data.draw(st.integers(committed, written))
    if any(log):
        assert tables.totals() == {expected}
