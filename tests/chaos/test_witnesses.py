"""A recreated own topic must be reported by workers that had read it before."""

from __future__ import annotations

import pytest

from chaos.account import Removal
from chaos.fleet import Happened
from chaos.usage import Life
from chaos.witnesses import as_seen


def unseen(*happened: Happened, started: float = 0.0, topic: str = "orders", kind: str = "anew") -> bool:
    removal = Removal(kind, 100.0, topic, 2, 0, 0, None, committed=7)
    [found] = as_seen([removal], [Life("worker-1", 1, started)], happened)
    assert found.is_owed == (not found.is_unseen)
    return found.is_unseen


def test_a_worker_that_lives_through_it_sees_it():
    assert not unseen()
    assert not unseen(Happened("stop", 140.0, what="worker-1 SIGTERM"), Happened("kill", 99.0, what="worker-2"))


@pytest.mark.parametrize(
    "ended", [Happened("kill", 99.0, what="worker-1"), Happened("stop", 120.0, what="worker-1 SIGTERM")]
)
def test_a_worker_that_ends_before_or_soon_after_need_not(ended: Happened):
    assert unseen(ended)


def test_a_worker_that_has_just_been_started_need_not():
    assert unseen(started=90.0)


def test_what_happens_to_our_own_topics_is_always_seen():
    assert not unseen(started=90.0, topic="events")
    assert not unseen(started=90.0, kind="cut")
