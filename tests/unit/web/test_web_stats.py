from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamhooks.web.http.problems import ProblemError
from streamhooks.web.rules.stats import (
    MAX_POINTS,
    SAMPLES,
    Query,
    number_of_points,
    optimal_rollup,
    parse_query,
    parse_resolution,
    points,
    series,
)

NOW = 1_700_000_123.25
SECOND = 1_000_000
DAY = 86_400

instants = st.integers(-(10**9) * SECOND, 4 * 10**9 * SECOND)
spans = st.integers(0, 3 * DAY * SECOND)


def problem_of(given: dict[str, str], now: float = NOW) -> tuple[int, dict[str, str]]:
    with pytest.raises(ProblemError) as raised:
        parse_query(given, now)
    return raised.value.status, dict(raised.value.body)


@given(instants, spans, st.sampled_from([10, 3600]))
@example(100 * SECOND, 0, 10)
@example(100 * SECOND, 10 * SECOND, 10)
@example(100 * SECOND, 10 * SECOND - 1, 10)
def test_series_walks_back_from_until(until: int, span: int, rollup: int) -> None:
    since = until - span
    # slow and literal: until, until − r, … while ≥ since, each put to its bucket
    expected, moment = [], until
    while moment >= since:
        expected.append(moment // SECOND // rollup * rollup)
        moment -= rollup * SECOND
    assert series(since, until, rollup) == expected[::-1]
    assert number_of_points(since, until, rollup) == len(expected)


@given(instants, spans, st.sampled_from(list(SAMPLES)))
def test_series_is_made_of_whole_neighbouring_buckets(until: int, span: int, rollup: int) -> None:
    starts = series(until - span, until, rollup)
    assert starts[-1] <= until / SECOND < starts[-1] + rollup
    assert all(start % rollup == 0 for start in starts)
    assert all(later - earlier == rollup for earlier, later in pairwise(starts))


def test_the_default_is_24_hourly_points_to_the_current_hour() -> None:
    query = parse_query({}, NOW)
    starts = series(query.since, query.until, query.rollup)
    assert query.rollup == 3600
    assert len(starts) == 24
    assert starts[-1] == NOW // 3600 * 3600


@given(st.integers(0, 4 * 10**9 * SECOND))
def test_the_default_is_24_points_whenever(micros: int) -> None:
    query = parse_query({}, micros / SECOND)
    assert number_of_points(query.since, query.until, query.rollup) == 24


@pytest.mark.parametrize(
    ("seconds", "rollup"),
    [(0, 10), (3600, 10), (3600.000001, 3600), (604_800, 3600), (604_801, 86_400), (10**9, 86_400)],
)
def test_optimal_rollup(seconds: float, rollup: int) -> None:
    assert optimal_rollup(0, round(seconds * SECOND)) == rollup


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("1h", 3600), ("60m", 3600), ("3600s", 3600), ("1d", DAY), ("24h", DAY), ("010s", 10)],
)
def test_resolutions(text: str, seconds: int) -> None:
    assert parse_resolution(text) == seconds


@pytest.mark.parametrize(
    "text", ["1m", "2h", "0s", "10", "s", "h1", "-10s", "1.0h", "１0s", "10S", " 10s", "10s\n", "9" * 5000 + "s"]
)
def test_other_resolutions_are_invalid(text: str) -> None:
    assert problem_of({"resolution": text}) == (400, {"detail": "Invalid resolution"})


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-inf", "1e999", "1e15", "x", "1_000", "0x10", "--1", " 1", "1 ", "١", "1,5", "."]
)
def test_bad_times(text: str) -> None:
    assert problem_of({"until": text}) == (400, {"detail": "until must be a numeric timestamp."})
    assert problem_of({"since": text}) == (400, {"detail": "since must be a numeric timestamp"})


@pytest.mark.parametrize("text", ["0", "-5", "+5", "1.5", ".5", "5.", "1.7e9", "1E3"])
def test_good_times(text: str) -> None:
    assert parse_query({"until": text, "resolution": "1d"}, NOW).until == round(float(text) * SECOND)


def test_resolution_is_checked_first_then_until_then_since() -> None:
    wrong = {"outcome": "x", "since": "x", "until": "x", "resolution": "x"}
    assert problem_of(wrong)[1]["detail"] == "Invalid resolution"
    del wrong["resolution"]
    assert problem_of(wrong)[1]["detail"].startswith("until")
    del wrong["until"]
    assert problem_of(wrong)[1]["detail"].startswith("since")
    del wrong["since"]
    assert "outcome" in problem_of(wrong)[1]


def test_since_after_until() -> None:
    assert problem_of({"since": "11", "until": "10"}) == (
        400,
        {"detail": "start must be before or equal to end"},
    )
    query = parse_query({"since": "10", "until": "10"}, NOW)
    assert series(query.since, query.until, query.rollup) == [10]


def test_too_many_points() -> None:
    most = (MAX_POINTS - 1) * 10
    query = parse_query({"since": "0", "until": str(most), "resolution": "10s"}, NOW)
    assert number_of_points(query.since, query.until, query.rollup) == MAX_POINTS
    assert problem_of({"since": "0", "until": str(most + 10), "resolution": "10s"})[0] == 400
    assert problem_of({"since": "-250000000000", "until": "250000000000"})[0] == 400


def test_boundaries_are_those_of_decimal_times() -> None:
    # 10.1 − 0.1 is less than 10 in binary
    query = parse_query({"since": "0.1", "until": "10.1"}, NOW)
    assert series(query.since, query.until, query.rollup) == [0, 10]
    assert datetime.fromtimestamp(10.1, UTC) - timedelta(seconds=10) >= datetime.fromtimestamp(0.1, UTC)


@pytest.mark.parametrize("outcome", ["fired", "delivered", "failed"])
def test_points_of_an_outcome(outcome: str) -> None:
    cells = {20: (6, 2, 4)}
    found = points(
        Query(10 * SECOND, 30 * SECOND, 10, outcome), 35, lambda _, starts: [cells.get(s, (0, 0, 0)) for s in starts]
    )
    total = {"fired": 6, "delivered": 2, "failed": 4}[outcome]
    assert found == [{"ts": 10, "total": 0}, {"ts": 20, "total": total}, {"ts": 30, "total": 0}]


@given(st.sampled_from(list(SAMPLES)), st.integers(0, 10**9), st.integers(-50, 5000), st.integers(0, 5000))
def test_what_is_older_than_kept_is_0_and_not_asked_for(rollup: int, now: int, back: int, length: int) -> None:
    until = now - back * rollup
    query = Query((until - length * rollup) * SECOND, until * SECOND, rollup, "fired")
    asked: list[int] = []

    def count(_: int, starts: list[int]) -> list[tuple[int, int, int]]:
        asked.extend(starts)
        return [(1, 0, 0)] * len(starts)

    found = points(query, now, count)
    first_kept = now // rollup * rollup - rollup * (SAMPLES[rollup] - 1)
    assert [p["ts"] for p in found] == series(query.since, query.until, rollup)
    assert [p["total"] for p in found] == [int(p["ts"] >= first_kept) for p in found]
    assert all(start >= first_kept for start in asked)
