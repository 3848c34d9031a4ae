"""Starts of deliveries at a rate: never above it, and used."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_restraints import HOOK, World

from streamhooks.limits.rates import Rate


def test_only_the_owner_hands_out_starts_of_a_rate():
    limited = replace(HOOK, rate_limit=2.0)
    away = World(owner=False, hook=limited)
    assert away.held_until == away.now
    owner = World(hook=limited)
    assert owner.held_until is None
    assert owner.held_until == owner.now
    assert 0.4 < owner.wait <= 0.5
    owner.now += 0.5
    assert owner.wait == 0.0


@given(st.floats(0.5, 500), st.lists(st.floats(0, 0.2), min_size=200, max_size=400))
def test_a_rate_is_never_above_its_limit_by_more_than_a_tenth_and_is_used(limit, lateness):
    rate, now, starts = Rate(limit), 100.0, []
    for late in lateness:
        wait = rate.take(now)
        if wait == 0.0:
            starts.append(now)
        now += wait + (late * 0.01 if wait else 0.0)
    for n, start in enumerate(starts):
        within = sum(1 for other in starts[n:] if other < start + 1.0)
        assert within <= limit * 1.1 + 1
    if len(starts) > limit and starts[-1] > starts[0]:
        assert (len(starts) - 1) / (starts[-1] - starts[0]) >= 0.9 * limit


@pytest.mark.parametrize("limit", [20.0, 100.0, 500.0, 1000.0, 5000.0])
@pytest.mark.parametrize("late", [0.002, 0.01, 0.03])
def test_a_rate_is_used_though_the_loop_wakes_up_late(limit: float, late: float):
    rate, now, starts = Rate(limit), 100.0, []
    while now < 110.0:
        while rate.take(now) == 0.0:
            starts.append(now)
        now += rate.take(now) + late
    assert len(starts) / 10 >= 0.9 * limit
    for n, start in enumerate(starts):
        end = bisect_left(starts, start + 1.0, n)
        assert end - n <= limit * 1.1
