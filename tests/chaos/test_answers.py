"""The account knows what the answer to enabling a hook, or a notice about the hook, said is gone."""

from __future__ import annotations

import json
from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from chaos.answers import Passed, Told, passed_of, told
from chaos.evidence import Evidence, Expected
from chaos.toggles import Toggle
from streamhooks.kafka.topics import Topics
from streamhooks.records.stretch import Stretch
from streamhooks.worker.moved_logs import MovedLogs

#: the answer said that of the offsets 3 to 9 those written before 107 are gone
SAID = {
    "records": 4,
    "since": "1970-01-01T00:01:43.000+00:00",
    "available_from": "1970-01-01T00:01:47.000+00:00",
    "sending": False,
    "stretches": [{"topic": "chaos.events", "partition": 2, "next": 3, "end": 10}],
}


def toggle(*, is_unanswered: bool = False, **changed: object) -> Toggle:
    answer = Told.of(SAID | changed, "chaos.")
    return Toggle("t", (100.0, 100.5), (110.0, 110.5), 0.0, answer, is_unanswered)


def evidence(offset: int, produced: float, *, hook: str = "t", partition: str = "events:2") -> Evidence:
    return Evidence(
        expected={"m": Expected(hook, 7, partition, produced, offset)},
        gone={"m": "silent"},
        gone_for={"n": [Passed("events", 2, 3, 10)]},
    )


def test_what_was_passed_over_and_removed_is_told():
    assert list(told(evidence(5, 105.0), [toggle()])) == ["m"]


@pytest.mark.parametrize(
    "found",
    [
        evidence(8, 108.0),
        evidence(2, 102.0),
        evidence(10, 105.0),
        evidence(5, 105.0, hook="w"),
        evidence(5, 105.0, partition="events:3"),
        evidence(5, 105.0, partition="alerts:2"),
    ],
    ids=["later", "before it", "behind it", "another hook", "another partition", "another topic"],
)
def test_the_answer_tells_of_no_other(found: Evidence):
    assert list(told(found, [toggle()])) == []


def test_an_answer_that_names_no_time_tells_nothing():
    assert list(told(evidence(5, 105.0), [toggle(available_from=None)])) == []
    assert list(told(evidence(5, 105.0), [toggle(stretches=[])])) == []


def test_an_open_stretch_has_no_end():
    open_one = toggle(stretches=[{"topic": "chaos.events", "partition": 2, "next": 3, "end": None}])
    assert list(told(evidence(50, 106.0), [open_one])) == ["m"]


def test_an_answer_that_did_not_arrive_would_have_told():
    unanswered = toggle(available_from=None, is_unanswered=True)
    assert list(told(evidence(5, 105.0), [unanswered])) == ["m"]
    assert list(told(evidence(5, 111.0), [unanswered])) == []


def test_a_notice_about_the_hook_tells():
    assert list(told(evidence(5, 105.0, hook="n"), [])) == ["m"]
    assert list(told(evidence(10, 105.0, hook="n"), [])) == []


async def test_a_notice_names_offsets():
    written: list[bytes] = []

    def publish_soon(_topic: str, value: bytes, *, key: str) -> Future[None]:
        written.append(value)
        future: Future[None] = Future()
        future.set_result(None)
        return future

    outbox = SimpleNamespace(publish_soon=publish_soon)
    moved = MovedLogs(outbox, Topics("chaos."), "earliest", lambda _tp: True, lambda: 1.0)  # type: ignore[arg-type]
    stretch = Stretch("ab" * 16, "s", "disabled", "chaos.events", 2, next=3, end=10, since=1.0)
    await moved.gone(stretch, range(3, 10))
    await moved.gone(stretch, None)
    offsets, whole = (json.loads(one)["why"] for one in written)
    assert passed_of(offsets, "chaos.") == Passed("events", 2, 3, 10)
    assert passed_of(whole, "chaos.") is None
