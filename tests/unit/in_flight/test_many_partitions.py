"""What is done four times per second must not grow with partitions on which nothing happens."""

from __future__ import annotations

import pytest

from streamhooks.in_flight.progress import Progress, Settled
from streamhooks.in_flight.tracker import Tracker

PARTITIONS = [("events", number) for number in range(500)]


@pytest.mark.parametrize("commits_above", [True, False])
def test_a_commit_looks_closely_only_at_partitions_with_news(
    monkeypatch: pytest.MonkeyPatch, commits_above: bool
) -> None:
    tracker, looked = Tracker(commits_above=commits_above), list[Progress]()
    settled = Progress.settled
    monkeypatch.setattr(Progress, "settled", lambda self: looked.append(self) or settled(self))
    for tp in PARTITIONS:
        tracker.assign(tp, 10, Settled(10))
    assert dict(tracker.committable()) == {}
    for tp, last in (PARTITIONS[3], 12), (PARTITIONS[77], 11):
        for offset in range(10, last):
            ticket = tracker.start(tp, offset)
            assert ticket is not None
            ticket.release()
    wanted = {PARTITIONS[3]: Settled(12), PARTITIONS[77]: Settled(11)}
    assert dict(tracker.committable()) == wanted
    for tp, found in wanted.items():
        tracker.committed(tp, found)
    assert dict(tracker.committable()) == {}
    assert len(looked) == (2 if commits_above else 0)
