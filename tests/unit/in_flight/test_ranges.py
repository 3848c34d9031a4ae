"""Ranges of offsets as a text: short, and ranges that do not fit are left out from the top."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamhooks.in_flight.ranges import Ranges, from_text, joined, to_text, within

ROOM = 4000


@st.composite
def ranges_above(draw: st.DrawFn, base: int = 0) -> Ranges:
    lengths = draw(st.lists(st.tuples(st.integers(1, 2**40), st.integers(1, 2**40)), max_size=40))
    small = draw(st.booleans())
    found, end = [], base + draw(st.integers(-1, 5))
    for apart, length in lengths:
        start = end + (apart % 9 + 1 if small else apart)
        end = start + (length % 9 + 1 if small else length)
        found.append((start, end))
    return tuple(found)


@given(st.integers(0, 2**50).flatmap(lambda base: st.tuples(st.just(base), ranges_above(base))))
def test_what_fits_comes_back(given_: tuple[int, Ranges]) -> None:
    base, ranges = given_
    assert from_text(base, to_text(base, ranges, ROOM)) == ranges


@given(ranges_above(), st.integers(0, 200))
def test_of_what_does_not_fit_the_lowest_is_kept(ranges: Ranges, room: int) -> None:
    text = to_text(0, ranges, room)
    assert len(text) <= room
    kept = from_text(0, text)
    assert kept == ranges[: len(kept)]
    if len(kept) < len(ranges):  # one more would not have fitted
        assert len(to_text(0, ranges[: len(kept) + 1], ROOM)) > room // 4 * 4


@given(st.text(alphabet="ABCabc019+/=", max_size=40) | st.text(max_size=10))
def test_a_foreign_text_is_ranges_or_an_error(text: str) -> None:
    try:
        ranges = from_text(7, text)
    except ValueError:
        return
    assert all(7 <= start < end for start, end in ranges)
    assert [*ranges] == sorted(ranges)


@given(st.sets(st.integers(0, 60)), st.integers(0, 60), st.integers(0, 60))
def test_joining_and_cutting(offsets: set[int], first: int, end: int) -> None:
    ranges = joined({offset: offset + 1 for offset in offsets})
    assert {n for start, to in ranges for n in range(start, to)} == offsets
    assert all(before[1] < after[0] for before, after in pairwise(ranges))
    part = within(ranges, first, end)
    assert {n for start, to in part for n in range(start, to)} == {n for n in offsets if first <= n < end}


@pytest.mark.parametrize(
    ("unsettled", "of"),
    [(1, 10**9), (50, 200_000), (1000, 7000), (2500, 20_000)],
    ids=["one", "a slow endpoint", "all places", "half of the bound"],
)
def test_what_workers_have_above_their_floor_fits(unsettled: int, of: int) -> None:
    slow = sorted(random.Random(unsettled).sample(range(of), unsettled))
    ranges = tuple((a + 1, b) for a, b in zip(slow, [*slow[1:], of], strict=True) if a + 1 < b)
    assert from_text(slow[0], to_text(slow[0], ranges, ROOM)) == ranges


def test_every_second_one_takes_one_bit_an_offset() -> None:
    ranges = tuple((n, n + 1) for n in range(1, 23_000, 2))
    assert len(to_text(0, ranges, ROOM)) <= 23_000 / 8 * 4 / 3 + 4
