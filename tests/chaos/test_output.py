"""What workers owe when they can't write, and brokers that ask who may."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from chaos.fleet import Fleet
from chaos.output_faults import must_say, rules
from chaos.plan import Plan
from chaos.stage import Stage


@pytest.mark.parametrize(
    ("topic", "seconds", "answers", "reported"),
    [
        ("firings", 20.0, {"worker-0": 200, "worker-1": 200}, True),
        ("firings", 20.0, {"worker-0": 200, "worker-1": 503}, False),
        # It may take 10 s to say so, and a topic that nobody wrote to is missed by nobody.
        ("firings", 8.0, {"worker-0": 200}, False),
        ("notices", 20.0, {"worker-0": 200}, False),
        # None was up all the while.
        ("firings", 20.0, {}, False),
    ],
)
async def test_that_no_worker_says_that_it_can_not_write_is_a_problem(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    topic: str,
    seconds: float,
    answers: dict[str, int],
    reported: bool,
):
    async def ready_answers(_fleet: Fleet, _since: float) -> dict[str, int]:
        return answers

    monkeypatch.setattr(Fleet, "ready_answers", ready_answers)
    fleet = Fleet(["127.0.0.1:1"], "t.", tmp_path, Plan(1), receiver=1, sources=tmp_path)
    stage = Stage(fleet.plan, fleet, None, None, (), None, ())  # type: ignore[arg-type]
    await must_say(stage, "not permitted", [stage.topic(topic)], time.time() - seconds)
    assert [one.partition(",")[0] for one in fleet.problems] == ["not permitted"] * reported


def test_rules_know_the_wires():
    listeners = rules(2)["listener.security.protocol.map"].split(",")
    assert listeners == ["CONTROLLER:SASL_PLAINTEXT", "PLAINTEXT:PLAINTEXT", "WIRE0:PLAINTEXT", "WIRE1:PLAINTEXT"]
