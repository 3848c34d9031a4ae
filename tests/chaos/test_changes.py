"""The account of changes finds what it is there to find."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from chaos.changes import SECRET, THERE, Change, Journal, Sight, Signed, judge_changes, standing

_CALLS = count()


def change(name: str, value: Any, begun: float, ended: float, status: int | None = 200, **more: Any) -> Change:
    return Change(
        next(_CALLS), more.pop("hook", "h"), name, value, more.pop("worker", "a"), begun, ended, status, **more
    )


def made(hook: str = "h") -> list[Change]:
    return [
        change(THERE, True, 0, 1, 201, hook=hook),
        change("timeout", None, 0, 1, 201, hook=hook),
        change(SECRET, "s0", 0, 1, 201, hook=hook),
    ]


def journal(*changes: Change, timeout: Any = None, **more: Any) -> Journal:
    last = [Sight("h", worker, 99.0, {"timeout": timeout}) for worker in ("a", "b")]
    signed = {"h": Signed(frozenset({"s0"}), frozenset({"s0"}))}
    return Journal([*made(), *changes], **{"last": last, "signed": signed, **more})


def kinds(found: Journal) -> list[str]:
    return [one.partition(":")[0] for one in judge_changes(found)]


def test_the_latest_answered_change_is_in_force():
    first, second = change("timeout", 1, 2, 3), change("timeout", 2, 4, 5, worker="b")
    assert kinds(journal(first, second, timeout=2)) == []
    for other in (1, None):
        assert kinds(journal(first, second, timeout=other)) == ["changes that are not in force in the end"]
    # Of two at the same time any may be the later one.
    beside = replace(second, begun=2.5)
    assert [kinds(journal(first, beside, timeout=value)) == [] for value in (1, 2, None)] == [True, True, False]


@pytest.mark.parametrize("status", [409, 412, 503])
def test_what_was_refused_is_never_in_force(status: int):
    refused = change("status", "disabled", 4, 5, status, looked=3.9)
    assert standing([change("status", "active", 0, 1), refused], 99.0) == ["active"]


@pytest.mark.parametrize(("status", "maybe"), [(None, False), (503, True)])
def test_what_may_have_been_done_is_in_force_or_not(status: int | None, maybe: bool):
    unknown = change("timeout", 2, 4, 5, status, maybe=maybe)
    later = change("timeout", 3, 6, 7)
    assert standing([change("timeout", 1, 2, 3), unknown], 99.0) == [1, 2]
    # It may come late.
    assert standing([change("timeout", 1, 2, 3), unknown, later], 99.0) == [2, 3]


def test_a_worker_shows_what_it_has_answered():
    changes = [change("timeout", 1, 2, 3), change("timeout", 2, 4, 5)]
    for worker, begun, expected in (
        ("a", 6.0, ["seen on the worker that knew better"]),
        ("b", 6.0, []),
        ("a", 4.5, []),
    ):
        seen = Sight("h", worker, begun, {"timeout": 1})
        assert kinds(journal(*changes, timeout=2, sights=[seen])) == expected


def test_a_deleted_hook_stays_deleted():
    deleted = change(THERE, False, 4, 5, 204)
    gone = [Sight("h", "a", 99.0, None)]
    assert kinds(journal(deleted, last=gone, signed={})) == []
    assert kinds(journal(deleted)) == ["changes that are not in force in the end"]
    assert kinds(journal(last=gone, signed={})) == ["changes that are not in force in the end"]
    assert kinds(journal(deleted, change("timeout", 3, 6, 7), last=gone, signed={})) == ["answers"]
    assert kinds(journal(deleted, change("timeout", 3, 4, 7), last=gone, signed={})) == []


@pytest.mark.parametrize(
    ("one", "is_right"),
    [
        (change("timeout", 3, 4, 7, 404), False),
        (change("timeout", 3, 4, 7, 409), False),
        (change("status", "active", 4, 7, 409), True),
        (change("timeout", 3, 4, 7, 412), False),
        (change("timeout", 3, 4, 7, 412, looked=3.5), True),
        (change("timeout", 3, 4, 7, 503), True),
        (change("timeout", 3, 4, 7, 500), False),
        (change("timeout", 3, 4, 7, 400), False),
        (change("timeout", 3, 4, 7, 429), False),
    ],
)
def test_only_some_refusals_are_right(one: Change, is_right: bool):
    assert kinds(journal(one)) == ([] if is_right else ["answers"])


def test_a_404_is_right_if_the_hook_may_be_deleted():
    for status in (204, None):
        deleted = change(THERE, False, 4, 5, status)
        found = journal(deleted, change("timeout", 3, 4, 6, 404), last=[], signed={})
        assert kinds(found) == []


def test_who_asked_for_what_it_had_read_does_not_undo_what_came_in_between():
    between = change("rate_limit", 5, 4, 5, worker="b")
    for looked, expected in ((3.9, ["changes that another one did not know of, though it asked for that"]), (4.5, [])):
        assert kinds(journal(between, change("timeout", 3, 6, 7, looked=looked), timeout=3)) == expected


def test_every_secret_that_was_handed_out_signs():
    rotated = change(SECRET, "s1", 4, 5)
    both = frozenset({"s0", "s1"})
    assert kinds(journal(rotated, signed={"h": Signed(frozenset({"s1"}), both)})) == []
    for current, standard in (({"s0"}, both), (set(), both), ({"s1"}, {"s1"}), ({"s1"}, {"s0"})):
        found = journal(rotated, signed={"h": Signed(frozenset(current), frozenset(standard))})
        assert kinds(found) == ["secrets that don't sign"]
    # Nobody knows the secret of a rotation without an answer.
    unknown = change(SECRET, None, 6, 7, None)
    assert kinds(journal(rotated, unknown, signed={"h": Signed(frozenset(), both)})) == []


def test_how_calls_were_answered():
    one = change("timeout", 3, 4, 5)
    found = journal(one, replace(one, field="rate_limit"), change("timeout", 4, 6, 7, 503, maybe=True))
    assert found.outcomes == {"201": 3, "200": 1, "503 maybe": 1}
