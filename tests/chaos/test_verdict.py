"""The account finds what it is there to find."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from chaos.account import Account, Reported
from chaos.evidence import Evidence, Expected, is_later
from chaos.fleet import Happened
from chaos.ledger import Request
from chaos.scene import Hook
from chaos.timing import waits
from chaos.verdict import judge

HOOKS = (Hook("a", "well", ("event.created",)), Hook("b", "rejecting", ("event.created",)))


def whole() -> Evidence:
    """One record that was delivered at the second attempt to `a`, and given up for `b`."""
    return Evidence(
        account=Account(written=1, held=1),
        expected={"m1": Expected("a", 7, "events:0", 1.0), "m2": Expected("b", 7, "events:0", 1.0)},
        requests=[
            Request(1.0, "/a", "m1", 7, 500),
            Request(2.0, "/a", "m1", 7, 200),
            Request(2.1, "/a", "m1", 7, 200),
            Request(1.0, "/b", "m2", 7, 400),
        ],
        firings={
            ("a", "m1", 1): ["retried"],
            ("a", "m1", 2): ["delivered", "delivered"],
            ("b", "m2", 1): ["dead"],
        },
        dead={"m2": ["status 400"]},
        counters={"1h": {"a": (2, 1, 1), "b": (1, 0, 1)}},
    )


def test_what_was_sent_twice_is_a_duplicate_and_nothing_is_wrong():
    verdict = judge(whole(), HOOKS, set())
    assert verdict.wrong == []
    assert (verdict.delivered, verdict.dead, verdict.requests, verdict.attempts, verdict.duplicates) == (1, 1, 4, 3, 1)


SPOILED: dict[str, Callable[[Evidence], object]] = {
    "lost": lambda found: found.requests.__delitem__(slice(1, 3)),
    "unexpected": lambda found: found.requests.append(Request(3.0, "/a", "m9", 7, 200)),
    "unexpected: 1": lambda found: found.requests.append(Request(3.0, "/b", "m1", 7, 200)),
    "unexpected: 1,": lambda found: found.requests.append(Request(3.0, "/a", "m1", 8, 200)),
    "counters differ": lambda found: found.counters["1h"].update(a=(3, 1, 1)),
    "counters differ: 1": lambda found: found.counters["1h"].update(a=(2, 0, 1)),
    "counters differ: 2": lambda found: found.firings.pop(("a", "m1", 2)),
    "counters differ: 2, ": lambda found: found.firings.pop(("a", "m1", 1)),
    "delivered to an endpoint": lambda found: found.requests.append(Request(3.0, "/b", "m2", 7, 200)),
    "dead letters that stand for nothing": lambda found: found.dead_otherwise.append("m9: broken"),
    "still pending": lambda found: found.pending.update(m3=2),
    "wrong signatures": lambda found: setattr(found, "unverified", 1),
    "Kafka's account": lambda found: found.account.wrong.append("confirmed, and not there"),
    "lost in silence": lambda found: (found.requests.__delitem__(slice(1, 3)), found.gone.update(m1="silent")),
    "the metrics of moves": lambda found: found.moves.update(events=3),
    "the metrics of moves: 1": lambda found: (
        found.reported.append(Reported(9.0, "events", 0, "retention removed the offsets 3 to 4 unread")),
        setattr(found, "all_moves_seen", True),
    ),
}


@pytest.mark.parametrize("what", SPOILED)
def test_what_is_wrong_is_reported(what: str):
    evidence = whole()
    SPOILED[what](evidence)
    wrong = judge(evidence, HOOKS, set()).wrong
    assert any(one.startswith(what.rstrip()) for one in wrong), wrong


def test_a_call_that_is_pending_is_not_lost():
    evidence = whole()
    del evidence.requests[1:3]
    evidence.pending = {"m1": 2.0}
    assert judge(evidence, HOOKS, set()).lost == []


def test_a_call_that_is_due_when_a_clock_that_was_ahead_said_so_waits():
    evidence = whole()
    del evidence.requests[1:3], evidence.firings["a", "m1", 2]
    evidence.counters["1h"]["a"] = (1, 0, 1)
    evidence.pending = {"m1": 2.0}
    assert judge(evidence, HOOKS, set()).wrong
    evidence.later = {"m1"}
    verdict = judge(evidence, HOOKS, set())
    assert (verdict.wrong, verdict.later) == ([], 1)


@pytest.mark.parametrize(
    ("ahead", "shifts", "later"),
    [
        (1800, [0.0, 3600.0], True),
        (3610, [3600.0, -7200.0], True),
        (30, [3600.0], False),
        (3700, [3600.0], False),
        (90, [0.0], False),
    ],
)
def test_only_what_a_clock_can_have_meant_is_due_much_later(ahead: float, shifts: list[float], later: bool):
    assert is_later(time.time() + ahead, shifts) == later
    assert not is_later(0.0, shifts)


FATES = ("reported", "told", "unknowable", "vanished")


@pytest.mark.parametrize("fate", FATES)
def test_what_kafka_lost_and_nobody_could_deliver_is_counted_apart(fate: str):
    evidence = whole()
    del evidence.requests[1:3], evidence.firings["a", "m1", 2]
    evidence.counters["1h"]["a"] = (1, 0, 1)
    evidence.gone = {"m1": fate}
    verdict = judge(evidence, HOOKS, set())
    assert verdict.wrong == []
    counted = verdict.gone, verdict.told, verdict.unknowable, verdict.vanished
    assert counted == tuple(int(one == fate) for one in FATES)


def test_what_was_delivered_before_kafka_lost_it_is_delivered():
    evidence = whole()
    evidence.gone = {"m1": "silent"}
    verdict = judge(evidence, HOOKS, set())
    assert (verdict.wrong, verdict.delivered, verdict.gone) == ([], 1, 0)


def test_what_was_delivered_and_not_counted_before_kafka_lost_it_is_not_done_again():
    evidence = whole()
    del evidence.firings["a", "m1", 2]
    evidence.counters["1h"]["a"] = (1, 0, 1)
    assert judge(evidence, HOOKS, set()).wrong
    evidence.gone = {"m1": "reported"}
    assert judge(evidence, HOOKS, set()).wrong == []


def test_what_a_killed_worker_had_counted_may_be_missing():
    evidence = whole()
    evidence.reported = [Reported(9.0, "events", 0, "retention removed the offsets 3 to 4 unread")]
    assert judge(evidence, HOOKS, set()).wrong == []


def test_the_wait_after_a_kill_is_that_of_the_partition_that_stood_still_longest():
    evidence = Evidence()
    for number, (partition, at) in enumerate([("p:0", 9.0), ("p:1", 9.5), ("p:0", 11.0), ("p:1", 17.0), ("p:1", 18.0)]):
        evidence.expected[str(number)] = Expected("a", number, partition, at)
        evidence.requests.append(Request(at, "/a", str(number), number, 200))
    [wait] = waits(evidence, [Happened("kill", 10.0), Happened("start", 12.0)])
    assert (wait.seconds, wait.alone) == (7.0, True)
    # Nothing can be said of a partition that stood still before.
    assert waits(evidence, [Happened("kill", 15.5)]) == []
