"""Broken records that wait for their owner: bounded, in number and in bytes."""

from __future__ import annotations

import asyncio

import pytest

from streamhooks.kafka import broken
from streamhooks.kafka.broken import BrokenRecords
from streamhooks.kafka.reader import TP, Record


class World:
    def __init__(self) -> None:
        self.marks: dict[TP, int] = {}
        self.buried: list[tuple[Record, str, bool]] = []
        self.mine: set[TP] = set()
        self.broken = BrokenRecords(self, self.bury, lambda tp: tp in self.mine)

    def read(self, tp: TP) -> int:
        return self.marks.get(tp, 0)

    def write(self, tp: TP, offset: int) -> None:
        self.marks[tp] = offset

    async def bury(self, record: Record, reason: str, truncated: bool) -> None:
        await asyncio.sleep(0)
        self.buried.append((record, reason, truncated))

    def found(self, partition: int, offset: int, size: int = 1) -> None:
        self.broken.found(Record("resources", partition, offset, 0, b"k", b"x" * size), f"why {offset}")


async def test_each_is_reported_once_in_order_when_the_partition_is_mine() -> None:
    world = World()
    for offset in (5, 3, 5, 4):
        world.found(1, offset)
    await world.broken.tell()
    assert world.buried == []
    world.mine.add(("resources", 1))
    for _ in range(2):
        await world.broken.tell()
    assert [(record.offset, reason, truncated) for record, reason, truncated in world.buried] == [
        (3, "why 3", False), (4, "why 4", False), (5, "why 5", False),
    ]  # fmt: skip
    assert world.marks == {("resources", 1): 6}
    world.found(1, 4)  # read again
    await world.broken.tell()
    assert len(world.buried) == 3


async def test_many_of_one_partition_leave_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broken, "REMEMBERED", 10)
    world = World()
    for offset in range(1000):
        world.found(1, offset)
    world.found(2, 7)
    world.mine |= {("resources", 1), ("resources", 2)}
    await world.broken.tell()
    assert [record.offset for record, _, _ in world.buried] == [*range(10), 7]


async def test_beyond_some_bytes_only_coordinates_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broken, "REMEMBERED_BYTES", 10_000)
    world = World()
    for offset in range(20):
        world.found(1, offset, 999)
    world.mine.add(("resources", 1))
    for _ in range(2):
        await world.broken.tell()
        kept = [len(record.value) for record, _, truncated in world.buried if not truncated]
        assert kept == [999] * 10
        left = [(record.source, record.value) for record, _, truncated in world.buried if truncated]
        assert left == [(f"resources:1:{offset}", None) for offset in range(10, 20)]
    world.buried.clear()
    world.found(1, 20, 9_000)  # there is room again
    await world.broken.tell()
    assert [truncated for _, _, truncated in world.buried] == [False]
