"""The queue between a fetching client and an agent is bounded in bytes as well."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from streamhooks.faust_patches.lanes import Waiting
from streamhooks.kafka.reader import Record

RECORD = Record("events", 0, 0, 0, b"key", b"v" * 1000, (("name", b"value"),))
SIZE = 3 + 1000 + 4 + 5


def test_a_batch_counts_until_all_its_records_are_taken() -> None:
    waiting = Waiting()
    assert waiting.size(0) == 0
    waiting.come([RECORD] * 3)
    waiting.come([RECORD._replace(value=None)])
    assert [waiting.size(left) for left in (4, 3, 2)] == [3 * SIZE + SIZE - 1000] * 3
    assert waiting.size(1) == SIZE - 1000
    waiting.come([RECORD] * 2)
    assert waiting.size(3) == 3 * SIZE - 1000
    assert waiting.size(0) == 0


def test_records_cleared_by_a_rebalance_no_longer_count() -> None:
    waiting = Waiting()
    waiting.come([RECORD] * 100)
    assert waiting.size(0) == 0
    waiting.come([RECORD])
    assert waiting.size(1) == SIZE


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans(), st.integers(0, 10))))
def test_the_count_exceeds_the_waiting_bytes_by_at_most_a_batch(steps: list[tuple[int, int, bool, int]]) -> None:
    waiting, queue = Waiting(), deque[Record]()
    for count, size, is_cleared, taken in steps:
        batch = [Record("events", 0, 0, 0, None, b"x" * size)] * count
        waiting.come(batch)
        queue.extend(batch)
        for _ in range(min(taken, len(queue))):
            queue.popleft()
        if is_cleared:
            queue.clear()
        least = sum(record.size for record in queue)
        assert least <= waiting.size(len(queue)) <= least + 5 * 5
