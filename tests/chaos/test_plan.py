"""The kinds that a run may have."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest

from chaos.faults import ALL, ALONE
from chaos.plan import BROKERS, CLOCKS, GROUPS, LOG, OUTPUT, PROCESSES, STOPPING, Plan, deck, short, soak
from chaos.run import parse, plan_of


def test_each_kind_is_one_that_can_be_done():
    kinds = {kind for group in GROUPS.values() for kind in group}
    assert kinds == ALL.keys()
    assert kinds >= ALONE
    assert short(1).faults.keys() <= kinds


def test_kinds_and_groups_are_chosen_by_name():
    assert deck(["log"]) == LOG
    assert deck(["kill", "anew"]) == {"kill": 1, "anew": 1}
    assert deck(["brokers", "kill"]) == {**BROKERS, "kill": 1}
    with pytest.raises(
        ValueError, match="no kind 'kil'; there are the groups processes, log, brokers, network, output"
    ):
        deck(["kil"])


def test_what_a_run_needs_follows_from_its_kinds():
    needs = {name: (plan.brokers, plan.wires) for name in GROUPS if (plan := Plan(1, faults=deck([name])))}
    assert needs == {
        "processes": (1, 0),
        "log": (1, 0),
        "brokers": (3, 0),
        "network": (1, 3),
        "output": (3, 0),
        "clocks": (1, 0),
        "stopping": (1, 0),
        "changes": (1, 0),
    }
    assert [Plan(1, faults=deck([name])).has_toggles for name in GROUPS] == [name == "changes" for name in GROUPS]
    assert [Plan(1, faults=deck([name])).has_rules for name in GROUPS] == [name == "output" for name in GROUPS]
    assert [Plan(1, faults=deck([name])).has_clocks for name in GROUPS] == [name == "clocks" for name in GROUPS]
    assert Plan(1, faults=deck(["not permitted", "full disk"])).brokers == 1


def test_a_worker_has_the_grace_time_and_15_seconds_to_end():
    plan = Plan(1, grace=4.0)
    assert (plan.worker_settings()["grace"], plan.stop_limit) == (4.0, 19.0)


def test_a_soak_is_an_hour_of_the_new_kinds_and_spares_a_worker():
    plan = soak(3)
    assert (plan.seconds, plan.lasting) == (3600.0, 1)
    assert plan.faults.keys() == {*PROCESSES, *OUTPUT, *CLOCKS, *STOPPING}


def test_a_kind_that_can_not_be_done_is_left_out():
    plan = Plan(1, faults=deck(["output"])).without("full disk")
    assert plan.faults.keys() == OUTPUT.keys() - {"full disk"}


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ("--soak --seconds 600 --rate 20", replace(soak(1), seconds=600.0, rate=20.0)),
        ("--soak --kinds kill", replace(soak(1), faults={"kill": 1})),
        ("--short --seed 4", short(4)),
        ("--kinds output,clocks --seed 2", Plan(2, faults=OUTPUT | CLOCKS)),
        ("", Plan(1)),
    ],
)
def test_the_command_says_what_a_run_is(arguments: str, found: Plan):
    assert plan_of(parse(arguments.split())) == found


def test_kinds_do_not_go_with_a_form_that_has_its_own():
    with pytest.raises(ValueError, match="does not go with"):
        plan_of(parse(["--short", "--kinds", "kill"]))


def test_the_seed_decides_what_happens_when():
    dealt = [list(islice(Plan(seed, faults=deck(["log"])).deal(), 30)) for seed in (1, 1, 2)]
    assert dealt[0] == dealt[1] != dealt[2]
    # Every kind comes up.
    assert {kind for _wait, kind in dealt[0][: sum(LOG.values())]} == LOG.keys()
