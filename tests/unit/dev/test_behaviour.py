from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamhooks.dev.behaviour import GOOD, Behaviour, from_fields, from_query


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 200),
        ("status=503", 503),
        ("gone", 410),
        ("redirect", 302),
        ("redirect=/x&status=307", 307),
        ("retry_after=5", 429),
        ("retry_after=5&status=503", 503),
        ("retry_after=", 429),
        ("fail=2", 500),
        ("rate=0.3", 500),
        ("fail=2&status=418", 418),
        ("delay=1", 200),
        ("drip", 200),
        ("big", 200),
        ("hang", None),
        ("reset", None),
        ("garbage", None),
        ("foreign=1", 200),
    ],
)
def test_the_status_of_a_behaviour(query, status):
    assert from_query(query).answer() == status


def test_json_means_the_same_as_a_query():
    assert from_fields({"status": 500, "fail": 2, "hang": True}) == from_query("status=500&fail=2&hang")
    assert from_fields({"hang": False}) == from_query("hang=false") == GOOD
    assert from_fields({"drip": True}) == from_query("drip") == Behaviour(drip=0.1)


def test_nonsense_is_told():
    with pytest.raises(ValueError, match="status: 'x' is not a number"):
        from_query("status=x")


@given(fail=st.integers(1, 20), count=st.integers(1, 40))
def test_the_first_requests_of_an_id_fail(fail, count):
    assert Behaviour(fail=fail).misbehaves("id", count) is (count <= fail)


def test_a_rate_is_held_and_repeats():
    behaviour = Behaviour(rate=0.3, seed=7)
    drawn = [behaviour.misbehaves(f"id-{number}", 1) for number in range(2000)]
    assert 500 < sum(drawn) < 700
    assert drawn == [behaviour.misbehaves(f"id-{number}", 1) for number in range(2000)]
    assert drawn != [Behaviour(rate=0.3, seed=8).misbehaves(f"id-{number}", 1) for number in range(2000)]
