"""A topic of one's own is paused after 100 failures in a row; a record that `when` leaves out is none."""

from __future__ import annotations

import contextlib
from collections import deque
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from streamhooks.errors import BrokenRecord, RegistryAway
from streamhooks.in_flight.progress import Settled
from streamhooks.in_flight.tracker import Tracker
from streamhooks.kafka.reader import Record
from streamhooks.sources.own_file import own_topics
from streamhooks.sources.pausing import LOOK, MOST, Pausing

TP = ("orders", 0)
GOOD, BAD, LEFT_OUT = b'{"type": "order.paid", "kept": true}', b'{"kept": true}', b'{"kept": false}'


class SlowRegistry:
    """Knows schemas after a while."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_away = False

    def learn(self, _value: bytes | None) -> None:
        self.asked += 1
        if self.is_away:
            raise RegistryAway("away")


class StillWaiting(Exception):
    """A record waits for longer than the test looks."""


class World:
    def __init__(self, path: Path, registry: SlowRegistry | None = None) -> None:
        file = path / "sources.yaml"
        file.write_text("- {topic: orders, type: value.type, organization_id: '\"1\"', when: value.kept}")
        self.now, self.owns = 1000.0, True
        self.tracker = Tracker()
        self.tracker.assign(TP, 0, Settled(0), 1)
        self.told: list[tuple[str, str]] = []
        self.while_asleep = [lambda: None]
        (source,) = own_topics(file, "p.")
        tell = lambda *told: self.told.append(told)  # noqa: E731
        self.pausing = Pausing(
            source, self.tracker, registry, tell, owns=lambda _: self.owns, clock=lambda: self.now, sleep=self.sleep
        )
        self.registry = registry
        self.offset = 0

    async def sleep(self, seconds: float) -> None:
        if not self.while_asleep:
            raise StillWaiting
        self.now += seconds
        self.while_asleep.pop(0)()

    def record(self, value: bytes | None) -> Record:
        self.offset += 1
        return Record(*TP, self.offset - 1, 1500, None, value, assignment=1)

    def read(self, value: bytes, times: int = 1) -> None:
        for _ in range(times):
            try:
                self.pausing.read(self.record(value), None)
            except BrokenRecord:
                assert value == BAD

    async def passes(self, *values: bytes | None) -> list[int]:
        """Return which of the values are let through before one waits for longer than `while_asleep` has turns."""

        async def batches():
            yield deque(self.record(value) for value in values)

        found = []
        with contextlib.suppress(StillWaiting):
            async for batch in self.pausing.let_through(batches()):
                (record,) = batch
                found.append(record.offset)
                if record.value is not None:
                    with contextlib.suppress(BrokenRecord):
                        self.pausing.read(record, None)
        return [offset - self.offset + len(values) for offset in found]


def gauge() -> float | None:
    return REGISTRY.get_sample_value("streamhooks_paused_topics", {"topic": "orders"})


def counted() -> float:
    return REGISTRY.get_sample_value("streamhooks_left_out_records_total", {"topic": "orders"}) or 0.0


def test_so_many_failures_in_a_row_pause_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert gauge() == 0
    world.read(BAD, MOST - 1)
    assert (world.pausing.trouble, world.told) == (None, [])
    world.read(BAD)
    assert "the topic orders is paused: 100 records in a row" in (world.pausing.trouble or "")
    ((topic, why),) = world.told
    assert topic == "orders"
    assert why.endswith("can't be read, the last one: type: there is no type: has() tells whether it is there")
    assert gauge() == 1
    world.owns = False  # all its partitions have moved to other workers
    assert (world.pausing.trouble, gauge()) == (None, 0)


def test_a_good_record_begins_the_count_again_and_one_that_is_left_out_does_not(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.read(BAD, MOST - 1)
    world.read(GOOD)
    world.read(BAD, MOST - 1)
    assert world.pausing.trouble is None
    before = counted()
    world.read(LEFT_OUT, 3)
    assert counted() == before + 3
    assert world.pausing.trouble is None
    world.read(BAD)
    assert world.pausing.trouble is not None


async def test_records_pass_while_it_is_not_paused(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert await world.passes(GOOD, BAD, None, LEFT_OUT, BAD) == [0, 1, 2, 3, 4]


async def test_a_paused_topic_looks_now_and_then_and_lets_no_broken_record_through(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.read(BAD, MOST)
    world.while_asleep = [lambda: None] * 5
    assert await world.passes(BAD, GOOD) == []
    assert world.now == 1000 + 5 * LOOK
    assert world.pausing.trouble is not None


async def test_a_pause_ends_with_the_first_record_that_can_be_read(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.read(BAD, MOST)
    # Even a good one waits for the first look; those that are left out, and tombstones, don't end the pause.
    assert await world.passes(LEFT_OUT, None, GOOD, BAD, BAD) == [0, 1, 2, 3, 4]
    assert world.now == 1000 + LOOK
    assert (world.pausing.trouble, gauge()) == (None, 0)
    assert len(world.told) == 1


async def test_what_the_registry_does_not_tell_waits_as_well(tmp_path: Path) -> None:
    registry = SlowRegistry()
    world = World(tmp_path, registry)
    world.read(BAD, MOST)
    registry.is_away = True
    world.while_asleep = [lambda: None, lambda: None, lambda: setattr(registry, "is_away", False)]
    assert await world.passes(GOOD) == [0]
    assert world.now == 1000 + 3 * LOOK
    assert registry.asked == 3


@pytest.mark.parametrize("is_moved", [True, False])
async def test_a_record_of_a_former_assignment_does_not_wait(tmp_path: Path, is_moved: bool) -> None:
    world = World(tmp_path)
    world.read(BAD, MOST)

    def move() -> None:
        if is_moved:
            world.tracker.revoke([TP])

    world.while_asleep = [lambda: None, move]
    assert await world.passes(BAD) == ([0] if is_moved else [])
