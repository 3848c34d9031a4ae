"""What is sent again after a kill, besides what was in flight."""

from __future__ import annotations

import pytest

from chaos.evidence import Evidence, Expected
from chaos.fleet import Happened
from chaos.ledger import Request
from chaos.repeats import Kill, Repeats, repeats
from chaos.timing import disturbances

KILLED, OTHER = 5001, 6001
KILL = Kill(at=100.0, worker="worker-1", since=50.0, ports=frozenset({KILLED}))


def request(identifier: str, at: float, ended: float | None, status: int | None = 200, port: int = KILLED) -> Request:
    return Request(at, "/a", identifier, 1, status, port, ended)


def counted(*requests: Request, attempts: dict[str, int] | None = None, together: bool = False) -> Repeats:
    """Each id is a record's only delivery, or `together` all are deliveries of one record."""
    ids = list(dict.fromkeys(one.id for one in requests))
    evidence = Evidence(
        requests=list(requests),
        expected={one: Expected("a", 0 if together else n, "events:0", 1.0) for n, one in enumerate(ids)},
        firings={("a", one, n): ["delivered"] for one in ids for n in range((attempts or {}).get(one, 1))},
    )
    [found] = repeats(evidence, [KILL], [])
    return found


def numbers(found: Repeats) -> tuple[int, ...]:
    return found.in_flight, found.in_flight_again, found.recent, found.answered_again, found.fan_outs_again


def test_what_was_begun_and_not_answered_is_in_flight():
    # Of "c" the receiver saw that the connection was gone, "d" it answered to nobody.
    found = counted(
        request("a", 99.9, None),
        request("b", 99.9, 100.1),
        request("c", 99.9, 100.0001, None),
        request("a", 106.0, 106.1, port=OTHER),
        request("b", 106.0, 106.1, port=OTHER),
    )
    assert numbers(found) == (3, 2, 0, 0, 0)


def test_answered_requests_that_are_repeated_are_reported_with_the_earliest():
    found = counted(
        request("a", 99.0, 99.1),
        request("b", 90.0, 90.5),
        request("c", 99.0, 99.1),
        request("a", 106.0, 106.1, port=OTHER),
        request("b", 106.0, 106.1, port=OTHER),
    )
    assert numbers(found) == (0, 0, 2, 2, 0)
    assert found.earliest == 9.5


def test_what_a_record_of_several_requests_repeats_counts_apart():
    # Of the record of "a" and "b", "b" was in flight: all of it is done again.
    again = [request(one, 106.0, 106.1, port=OTHER) for one in ("a", "b")]
    assert numbers(counted(request("a", 99.0, 99.1), request("b", 99.9, None), *again, together=True)) == (
        1,
        1,
        1,
        0,
        1,
    )
    # "b" had not even begun.
    assert numbers(counted(request("a", 99.0, 99.1), *again, together=True)) == (0, 0, 1, 0, 1)
    # "c" was never sent by anybody.
    evidence = Evidence(
        requests=[request("a", 99.0, 99.1), again[0]],
        expected={one: Expected("a", 0, "events:0", 1.0) for one in ("a", "c")},
    )
    assert [numbers(one) for one in repeats(evidence, [KILL], [])] == [(0, 0, 1, 0, 1)]
    # Both were answered.
    answered = [request(one, 99.0, 99.1) for one in ("a", "b")]
    assert numbers(counted(*answered, *again, together=True)) == (0, 0, 2, 2, 0)


def test_a_retry_is_no_repeat():
    retried = request("a", 99.0, 99.1, 500), request("a", 106.0, 106.1, port=OTHER)
    assert numbers(counted(*retried, attempts={"a": 2})) == (0, 0, 1, 0, 0)
    # But a request beyond those that were counted is.
    assert numbers(counted(*retried, attempts={"a": 1})) == (0, 0, 1, 1, 0)
    # And what ended for good is not tried again.
    assert numbers(counted(request("a", 99.0, 99.1, 400), retried[1], attempts={"a": 2})) == (0, 0, 1, 1, 0)


@pytest.mark.parametrize(
    "sent",
    [
        request("a", 99.0, 99.1, port=OTHER),
        request("a", 49.0, 49.1),  # an earlier process had this port
        request("a", 101.0, 101.1),  # a later one has it
    ],
    ids=["by another", "before its start", "after its end"],
)
def test_what_others_sent_is_not_that_of_the_killed_worker(sent: Request):
    assert numbers(counted(sent, request("a", 106.0, 106.1, port=OTHER))) == (0, 0, 0, 0, 0)


def test_what_another_worker_sent_after_it_is_the_other_s():
    sent = request("a", 60.0, 60.1), request("a", 70.0, 70.1, port=OTHER), request("a", 106.0, 106.1, port=OTHER)
    assert numbers(counted(*sent)) == (0, 0, 0, 0, 0)


def test_a_kill_is_alone_if_nothing_else_had_happened():
    killed = Happened("kill", 100.0, what="worker-1")
    quiet = [killed, Happened("not permitted", 60.0, 89.0), Happened("kill", 101.0), Happened("hang", 98.0, 99.0)]
    for others, alone in ((quiet, True), ([*quiet, Happened("not permitted", 60.0, 91.0)], False)):
        [found] = repeats(Evidence(), [KILL], disturbances(others))
        assert found.alone == alone
