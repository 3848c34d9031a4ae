"""The kinds that a run may have."""

from __future__ import annotations

from itertools import islice

import pytest

from chaos.faults import ALL, ALONE
from chaos.plan import BROKERS, GROUPS, LOG, Plan, deck, short


def test_each_kind_is_one_that_can_be_done():
    kinds = {kind for group in GROUPS.values() for kind in group}
    assert kinds == ALL.keys()
    assert kinds >= ALONE
    assert short(1).faults.keys() <= kinds


def test_kinds_and_groups_are_chosen_by_name():
    assert deck(["log"]) == LOG
    assert deck(["kill", "anew"]) == {"kill": 1, "anew": 1}
    assert deck(["brokers", "kill"]) == {**BROKERS, "kill": 1}
    with pytest.raises(ValueError, match="no kind 'kil'; there are the groups processes, log, brokers, network"):
        deck(["kil"])


def test_what_a_run_needs_follows_from_its_kinds():
    needs = {name: (plan.brokers, plan.wires) for name in GROUPS if (plan := Plan(1, faults=deck([name])))}
    assert needs == {"processes": (1, 0), "log": (1, 0), "brokers": (3, 0), "network": (1, 3)}


def test_the_seed_decides_what_happens_when():
    dealt = [list(islice(Plan(seed, faults=deck(["log"])).deal(), 30)) for seed in (1, 1, 2)]
    assert dealt[0] == dealt[1] != dealt[2]
    # Every kind comes up.
    assert {kind for _wait, kind in dealt[0][: sum(LOG.values())]} == LOG.keys()
