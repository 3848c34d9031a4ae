"""Looking for garbage must not stop a worker for longer, the more hooks and pending calls it has."""

from __future__ import annotations

import gc

from streamhooks.worker.garbage import LONG, Leaving, collect_rarely


class World:
    def __init__(self) -> None:
        self.now, self.frozen = 0.0, 0
        self.leaving = Leaving(lambda: self.now, self.freeze)

    def freeze(self) -> None:
        self.frozen += 1

    def look(self, generation: int, seconds: float) -> None:
        info = {"generation": generation, "collected": 0, "uncollectable": 0}
        self.leaving("start", info)
        self.now += seconds
        self.leaving("stop", info)


def test_what_has_survived_a_long_look_at_all_is_left_alone() -> None:
    world = World()
    world.look(2, LONG * 2)
    assert world.frozen == 1


def test_garbage_of_a_small_worker_is_found_however_long_it_runs() -> None:
    world = World()
    for _ in range(1000):
        world.look(2, LONG / 2)
    assert world.frozen == 0


def test_only_looks_at_all_count() -> None:
    world = World()
    world.look(1, LONG * 2)
    world.look(0, LONG * 2)
    assert world.frozen == 0


def test_it_is_told_of_looks_once() -> None:
    before, thresholds = list(gc.callbacks), gc.get_threshold()
    try:
        collect_rarely()
        collect_rarely()
        assert sum(isinstance(one, Leaving) for one in gc.callbacks) == 1
    finally:
        gc.callbacks[:] = before
        gc.set_threshold(*thresholds)
