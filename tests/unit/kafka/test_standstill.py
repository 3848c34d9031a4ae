"""A partition stands still only if it has more records and does not move for long."""

from __future__ import annotations

import pytest

from streamhooks.kafka.standstill import LONGEST, LOOK, StandsStill, Standstill

TP = ("delayed", 0)


class World:
    def __init__(self) -> None:
        self.now, self.end, self.asked = 0.0, 5, 0
        self.is_away = False
        self.watch = Standstill(self._ends, lambda: self.now)

    def _ends(self, _tps: object) -> dict[tuple[str, int], int]:
        self.asked += 1
        if self.is_away:
            raise TimeoutError
        return {TP: self.end}

    def look(self, reached: int, after: float = LOOK) -> None:
        self.now += after
        self.watch.look({TP: reached})


def looks(seconds: float) -> int:
    """Return how many checks that many seconds are."""
    return int(seconds / LOOK)


def test_a_partition_with_more_records_that_does_not_move() -> None:
    world = World()
    for _ in range(looks(LONGEST)):
        world.look(3)
    with pytest.raises(StandsStill, match="delayed:0 stands still at offset 3, and ends at 5"):
        world.look(3)


def test_a_partition_at_its_end_or_moving() -> None:
    world = World()
    for _ in range(3 * looks(LONGEST)):
        world.look(5)
    world.end = 10_000
    for offset in range(3 * looks(LONGEST)):
        world.look(offset)


def test_nobody_reads_while_kafka_is_away() -> None:
    world = World()
    for _ in range(looks(LONGEST)):
        world.look(3)
    world.is_away = True
    world.look(3)
    world.is_away = False
    for _ in range(looks(LONGEST)):
        world.look(3)


def test_kafka_is_asked_once_per_interval() -> None:
    world = World()
    for _ in range(100):
        world.look(3, after=LOOK / 100)
    assert world.asked <= 1
