"""The account of hooks that are disabled and enabled finds what it is there to find."""

from __future__ import annotations

import pytest

from chaos.evidence import Evidence, Expected
from chaos.ledger import Request
from chaos.scene import Hook, hooks
from chaos.toggles import Toggle, judge_toggles
from chaos.verdict import judge

WITNESS, TOGGLED = Hook("w", "well", ("event.created",)), Hook("t", "well", ("event.created",), resume="skip")
#: disabled at 100, enabled at 110; what came before `cutoff` is not wanted
DISABLED = Toggle("t", (100.0, 100.5), (110.0, 110.5), cutoff=110.5)


def evidence(produced: float, *taken: float, witnessed: float | None = None) -> Evidence:
    """One record that the witness got, and the other hook at these times."""
    at = produced if witnessed is None else witnessed
    return Evidence(
        expected={"mw": Expected("w", 7, "events:0", produced), "mt": Expected("t", 7, "events:0", produced)},
        requests=[Request(at, "/w", "mw", 7, 200), *(Request(one, "/t", "mt", 7, 200) for one in taken)],
    )


def judged(found: Evidence, *toggles: Toggle, disturbed: tuple[tuple[float, float], ...] = ()):
    return judge_toggles(found, (WITNESS, TOGGLED), toggles or (DISABLED,), disturbed)


@pytest.mark.parametrize(
    ("produced", "is_skipped"), [(90.0, False), (99.0, True), (105.0, True), (110.4, True), (110.6, False)]
)
def test_only_what_came_while_it_was_disabled_may_be_missing(produced: float, is_skipped: bool):
    found = evidence(produced)
    skipped = judged(found).skipped
    assert skipped == (frozenset({"mt"}) if is_skipped else frozenset())
    assert judge(found, (WITNESS, TOGGLED), set(), skipped).lost == (
        [] if is_skipped else [f"mt: {found.expected['mt']}"]
    )


def test_what_was_wanted_may_not_be_missing():
    for cutoff, is_skipped in ((0.0, False), (104.0, False), (106.0, True)):
        toggle = Toggle("t", (100.0, 100.5), (110.0, 110.5), cutoff)
        assert bool(judged(evidence(105.0), toggle).skipped) == is_skipped


def test_a_worker_that_lags_decides_late():
    assert judged(evidence(80.0)).skipped == frozenset()
    assert judged(evidence(80.0, witnessed=101.0)).skipped == {"mt"}


def test_what_waits_is_decided_about_when_the_hook_is_enabled():
    for until, is_skipped in ((99.9, False), (100.1, True)):
        found = evidence(80.0)
        found.waited = {"mt": until}
        assert bool(judged(found).skipped) == is_skipped


def test_an_attempt_that_failed_is_tried_again_until_the_hook_is_disabled():
    found = evidence(90.0)
    found.requests.append(Request(90.1, "/t", "mt", 7, 503))
    assert judged(found).skipped == {"mt"}


def test_what_was_taken_and_not_counted_may_not_be_wanted_when_it_is_done_again():
    for produced, is_right in ((98.0, True), (50.0, False)):
        found = evidence(produced, produced + 0.01)
        found.firings = {("w", "mw", 1): ["delivered"]}
        skipped = judged(found).skipped
        verdict = judge(found, (WITNESS, TOGGLED), set(), skipped)
        assert (bool(skipped), verdict.differences == [], verdict.skipped) == (is_right, is_right, 0)
        found.firings["t", "mt", 1] = ["delivered"]
        assert judged(found).skipped == frozenset()


def test_what_was_still_to_be_sent_when_it_was_disabled_again_is_decided_about_once_more():
    first = Toggle("t", (100.0, 100.5), (110.0, 110.5), cutoff=0.0)
    for begun, is_skipped in ((112.0, True), (160.0, False)):
        second = Toggle("t", (begun, begun + 0.5), (begun + 5, begun + 5.5), cutoff=begun + 5.5)
        assert bool(judged(evidence(105.0), first, second).skipped) == is_skipped


@pytest.mark.parametrize(
    ("produced", "again", "is_right"),
    [(100.2, 112.0, True), (110.2, 112.0, True), (105.0, 130.0, False), (80.0, 130.0, False)],
)
def test_only_at_the_ends_a_delivery_may_come_again(produced: float, again: float, is_right: bool):
    found = judged(evidence(produced, produced + 0.01, again))
    assert (found.duplicates, len(found.unexplained)) == (1, 0 if is_right else 1)


@pytest.mark.parametrize(
    ("disturbed", "is_right"), [((85.0, 86.0), True), ((92.0, 93.0), False), ((45.0, 46.0), False)]
)
def test_what_a_kill_left_unsettled_may_come_again(disturbed: tuple[float, float], is_right: bool):
    found = judged(evidence(80.0, 80.01, 90.0), disturbed=(disturbed,))
    assert bool(found.unexplained) != is_right


@pytest.mark.parametrize(("disturbed", "is_right"), [((160.0, 170.0), True), ((100.0, 110.0), False)])
def test_what_waited_during_a_kill_may_come_again_later(disturbed: tuple[float, float], is_right: bool):
    found = judged(evidence(150.0, 400.0, 420.0), disturbed=(disturbed,))
    assert bool(found.unexplained) != is_right


def test_beside_each_toggled_hook_are_others_that_get_the_same():
    known = hooks(toggled=True)
    toggled = [hook for hook in known if hook.resume]
    assert {hook.resume for hook in toggled} == {"all", "skip", "time"}
    assert known[: -len(toggled)] == hooks()
    for hook in toggled:
        for project in hook.projects:
            assert any(one.projects == (project,) and one.behaviour == "well" for one in hooks())
