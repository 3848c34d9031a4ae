"""What a run costs must not grow with the runs that go on."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace
from typing import Any

from streamhooks.delayed.alone import Alone


class Run:
    """The pending call of a run that goes on; counts how often somebody asked for its state."""

    looks = 0

    @property
    def state(self) -> str:
        Run.looks += 1
        return "running"


def test_a_run_starts_without_a_look_at_each_that_goes_on() -> None:
    pending: Any = SimpleNamespace(of_partition=lambda _partition: iter(()))
    alone = Alone(pending, pending, lambda _lane: True, count().__next__)
    runs: list[Any] = [Run() for _ in range(10_000)]
    assert not any(alone.started(run) for run in runs)
    assert Run.looks < 3 * len(runs)
