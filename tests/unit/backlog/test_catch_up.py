"""Which records of a stretch are sent: by their timestamps, and by the current log."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace

from streamhooks.backlog.catch_up import CatchUp
from streamhooks.backlog.stretches import Backlog, Stretches
from streamhooks.kafka import reader
from streamhooks.kafka.reader import Record
from streamhooks.limits.rates import Rate
from streamhooks.records.stretch import Stretch

HOOK, TOPIC = "ab" * 16, "t.events"
TP = (TOPIC, 0)


@dataclass
class World:
    """A partition with the timestamps of its records, a hook that this worker owns, and the calls started for it."""

    times: list[int]
    started: list[int] = field(default_factory=list)
    log_id: str = "A"
    disabled_at: int | None = None
    gone: list[Stretch] = field(default_factory=list)
    removed: list[range | None] = field(default_factory=list)
    first: int = 0
    """The first offset that retention has left."""
    known: list[str] = field(default_factory=lambda: [TOPIC])

    def __post_init__(self) -> None:
        self.stretches = Stretches()
        self.hook = hook = SimpleNamespace(id=HOOK, resumed_at=1.0)
        self.catch_up = CatchUp(
            Backlog(self.stretches, self.write, self.forget, self.on_gone),
            SimpleNamespace(get=lambda _: hook, is_active=lambda _: True),
            self,
            self,
            calls=self,
            is_owner=lambda _: True,
            may_send=lambda _: True,
            rate=Rate(10_000),
        )

    async def on_gone(self, stretch: Stretch, removed: range | None) -> None:
        self.gone.append(stretch)
        self.removed.append(removed)

    def knows(self, topic: str) -> bool:
        return topic in self.known

    def again(self, _hook, record: Record, _cause, _id_of) -> int:
        return record.offset

    async def start(self, call: int, owner) -> None:
        self.started.append(call)
        if call == self.disabled_at:
            self.hook.resumed_at += 1.0  # and enabled again, when the call was passed over
        owner.release()

    async def some(self, topic, partition, start, end):
        span = range(max(start, self.first), min(end, len(self.times)))
        return [Record(topic, partition, offset, self.times[offset], None, b"") for offset in span]

    async def topic_id(self, _topic):
        return self.log_id

    async def ends(self, _tp):
        return self.first, len(self.times)

    async def offset_at(self, _tp, milliseconds):
        held = range(self.first, len(self.times))
        return next((number for number in held if self.times[number] >= milliseconds), len(self.times))

    async def write(self, stretch: Stretch) -> None:
        self.stretches.apply([Record("t.hook-states", 0, 0, 0, stretch.key.encode(), stretch.to_json())])

    async def forget(self, stretch: Stretch) -> None:
        self.stretches.apply([Record("t.hook-states", 0, 0, 0, stretch.key.encode(), None)])

    async def work_off(self, **fields) -> list[int]:
        """Give the hook a stretch, and return what was started until it was done."""
        self.started.clear()
        place = {"topic": TOPIC, "partition": 0, "next": 0, "end": len(self.times)}
        await self.write(Stretch(**{"hook_id": HOOK, "id": "s", "why": "disabled", "since": 1.0, **place, **fields}))
        async with asyncio.timeout(10):
            while self.stretches.of_hook(HOOK):
                self.catch_up.look()
                await asyncio.sleep(0)
        return list(self.started)


def work_off(world: World, *stretches: dict) -> list[list[int]]:
    async def run() -> list[list[int]]:
        return [await world.work_off(**one) for one in stretches]

    return asyncio.run(run())


AHEAD = 3_600_000


def test_a_resume_from_a_time_sends_only_records_from_then_on() -> None:
    # Offset 1 is ahead, 2 and 4 came late, 3 and 5 are meant.
    world = World([100_000, AHEAD, 150_000, 200_000, 199_999, 300_000])
    assert work_off(world, {"resume": "200"}) == [[1, 3, 5]]


def test_a_replay_sends_the_records_of_its_time_in_any_order() -> None:
    world = World([100, AHEAD, 200, 300, 150, 200])
    bounded = {"why": "replay", "resume": "all", "not_before": 150, "before": 300}
    assert work_off(world, bounded) == [[2, 4, 5]]
    assert work_off(world, bounded | {"not_before": None}) == [[0, 2, 4, 5]]
    assert work_off(world, bounded | {"before": None}) == [[1, 2, 3, 4, 5]]


def test_many_bytes_are_read_in_parts(monkeypatch) -> None:
    monkeypatch.setattr(reader, "SOME", 3)
    world = World([1] * 30)
    whole, reads = world.some, []

    async def some(topic, partition, start, end):
        records = await whole(topic, partition, start, end)
        reads.append(start)
        return [record._replace(value=b"xy") for record in records[:2]]

    world.some = some
    assert work_off(world, {"resume": "all"}) == [list(range(30))]
    assert reads == list(range(0, 30, 2))


def test_what_was_sent_of_a_log_says_nothing_about_another_one() -> None:
    world = World([1] * 50)
    assert work_off(world, {"resume": "all"}) == [list(range(50))]
    # A second owner's stretch of the same records: they were sent.
    assert work_off(world, {"resume": "all", "id": "other"}) == [[]]
    world.times = [1] * 20  # the topic was recreated
    assert work_off(world, {"resume": "all", "id": "third"}) == [list(range(20))]


def test_a_stretch_of_another_log_is_not_sent_and_that_is_reported() -> None:
    world = World([1] * 50)
    assert work_off(world, {"resume": "all", "log": "A"}, {"resume": "all", "log": None, "id": "old"}) == [
        list(range(50)),
        list(range(50)),
    ]
    world.log_id = "B"
    replay = {"why": "replay", "resume": "all", "log": "A"}
    assert work_off(world, {"resume": "all", "log": "A"}, replay) == [[], []]
    assert [stretch.why for stretch in world.gone] == ["disabled", "replay"]
    assert world.removed == [None, None]
    # A log of the same length, but another one: what was sent of the previous log says nothing about it.
    assert work_off(world, {"resume": "all", "log": "B"}) == [list(range(50))]


def test_what_retention_removes_before_it_is_sent_is_reported() -> None:
    world = World([1] * 30, first=8)
    assert work_off(world, {"next": 5, "resume": "all"}, {"why": "replay", "id": "r", "resume": "all", "end": 6}) == [
        list(range(8, 30)),
        [],
    ]
    assert [stretch.why for stretch in world.gone] == ["disabled", "replay"]
    assert world.removed == [range(5, 8), range(6)]


def test_what_retention_removes_of_what_was_sent_is_not_reported() -> None:
    world = World([1] * 30)
    assert work_off(world, {"resume": "all"}) == [list(range(30))]
    world.first = 8
    assert work_off(world, {"next": 5, "resume": "all", "id": "other"}) == [[]]
    assert world.gone == []


def test_what_retention_removes_while_it_is_sent_is_reported(monkeypatch) -> None:
    monkeypatch.setattr(reader, "SOME", 3)
    world = World([1] * 30)
    whole = world.some

    async def some(topic, partition, start, end):
        if start >= 4:
            world.first = 10
        return [record._replace(value=b"xy") for record in await whole(topic, partition, start, end)][:2]

    world.some = some
    assert work_off(world, {"resume": "all"}) == [[0, 1, 2, 3, *range(10, 30)]]
    assert world.removed == [range(4, 10)]


def test_what_was_reported_is_not_reported_again_when_the_rest_is_tried_again() -> None:
    world = World([1] * 30, first=8)
    whole, tries = world.some, []

    async def some(topic, partition, start, end):
        tries.append(start)
        if len(tries) == 1:
            raise TimeoutError
        return await whole(topic, partition, start, end)

    world.some = some
    assert work_off(world, {"next": 5, "resume": "all"}) == [list(range(8, 30))]
    assert (tries, world.removed) == ([8, 8], [range(5, 8)])


def test_a_gap_that_retention_did_not_make_is_not_reported() -> None:
    world = World([1] * 30)
    whole = world.some

    async def some(topic, partition, start, end):
        return [record for record in await whole(topic, partition, start, end) if record.offset >= 5]

    world.some = some
    assert work_off(world, {"resume": "all"}) == [list(range(5, 30))]
    assert world.removed == []


def test_of_a_resume_from_a_time_is_reported_what_may_be_wanted() -> None:
    times = [100_000 + 1000 * number for number in range(10)]
    # All that are wanted are there.
    world = World(times, first=3)
    assert work_off(world, {"resume": "105"}) == [list(range(5, 10))]
    assert world.removed == []
    # Those that are gone may be wanted, as the first that is there is.
    world = World(times, first=7)
    assert work_off(world, {"resume": "105"}) == [[7, 8, 9]]
    assert world.removed == [range(7)]


def test_records_before_those_sent_are_sent_too() -> None:
    world = World([1] * 50)
    # A record that had to wait for its resource is passed over long after those behind it were sent.
    assert work_off(world, {"next": 20, "resume": "all"}, {"next": 10, "end": 11, "resume": "all", "id": "late"}) == [
        list(range(20, 50)),
        [10],
    ]


def test_records_sent_from_a_time_on_are_not_all_that_were_missed() -> None:
    world = World([100_000, 200_000])
    assert work_off(world, {"resume": "150"}, {"resume": "all", "id": "other"}) == [[1], [0, 1]]


def test_records_passed_over_meanwhile_were_not_sent() -> None:
    world = World([1] * 50, disabled_at=20)
    assert work_off(world, {"resume": "all"}, {"next": 20, "resume": "all", "id": "passed over meanwhile"}) == [
        list(range(50)),
        list(range(20, 50)),
    ]


class SlowWorld(World):
    """The worker looks for work while Kafka has not confirmed yet that a stretch is forgotten."""

    async def forget(self, stretch: Stretch) -> None:
        for _ in range(20):
            self.catch_up.look()
            await asyncio.sleep(0)
        await super().forget(stretch)


async def test_nothing_of_a_replay_is_sent_while_it_is_forgotten() -> None:
    world = SlowWorld([1] * 10_000)
    replay = [
        Stretch(HOOK, f"r:{TOPIC}:{number}", "replay", TOPIC, number, 0, 10_000, 1.0, resume="all")
        for number in range(3)
    ]
    for stretch in replay:
        await world.write(stretch)
    while not world.started:
        world.catch_up.look()
        await asyncio.sleep(0)
    await world.catch_up.stop(HOOK, replay)
    sent = len(world.started)
    assert sent < 10_000
    for _ in range(20):
        world.catch_up.look()
        await asyncio.sleep(0)
    assert (len(world.started), list(world.stretches.of_hook(HOOK))) == (sent, [])
    assert not world.catch_up._working


async def test_what_is_of_a_topic_that_this_worker_does_not_know_waits_until_it_does() -> None:
    world = World([1000, 2000], known=[])
    fields = {"hook_id": HOOK, "why": "replay", "since": 1.0, "topic": TOPIC, "partition": 0, "next": 0, "end": 2}
    await world.write(Stretch(id="r:orders:0", resume="all", **fields))
    world.catch_up.look()
    assert not world.catch_up._working
    assert world.stretches.of_hook(HOOK)
    # A user may do without it.
    await world.write(Stretch(id="s", resume="skip", **fields))
    world.catch_up.look()
    await world.catch_up._working[HOOK]
    assert [one.id for one in world.stretches.of_hook(HOOK)] == ["r:orders:0"]
    world.known.append(TOPIC)
    world.catch_up.look()
    await world.catch_up._working[HOOK]
    assert (world.started, list(world.stretches.of_hook(HOOK))) == ([0, 1], [])
