"""Where partitions are read: what counts as evidence, and what the brokers' answers decide."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest
from faust.types import TP

from streamhooks.faust_patches.fetching import Seek
from streamhooks.faust_patches.positions import Positions
from streamhooks.in_flight.progress import Settled
from streamhooks.in_flight.tracker import Tracker
from streamhooks.kafka.logs import Log, Reading
from streamhooks.kafka.reader import Record
from streamhooks.kafka.starts import where_to_start

A, B = TP("events", 0), TP("events", 1)


class World:
    """Brokers, a fetching client and what was reported, with the partitions A and B."""

    def __init__(self) -> None:
        self.logs_now: dict[TP, Log] = {A: Log("id", 3, 0, 100), B: Log("id", 3, 0, 100)}
        self.ends: dict[TP, int | None] = {}
        self.commits: dict[TP, Reading | None] = {A: Reading(10, "id", 3), B: Reading(20, "id", 3)}
        #: what the coordinator says from its second answer on
        self.late: dict[TP, Reading | None] = {}
        self.asked_epochs: list[dict[TP, int]] = []
        self.assigned: list[dict[TP, Seek]] = []
        self.moves: list[dict[TP, Seek]] = []
        self.renewed: list[dict[TP, Seek]] = []
        self.reported: list[tuple[TP, str | None, int]] = []
        self.holes: list[tuple[TP, int, int]] = []
        self.moved: list[tuple[TP, int]] = []
        self.meanwhile = lambda: None
        self.checks_logs = True
        self.tracker = Tracker(commits_above=True)
        self.positions = Positions(
            self,
            {"events": self},
            self.tracker,
            self.start_of,
            on_hole=lambda *hole: self.holes.append(hole),
            on_moved=lambda *moved: self.moved.append(moved),
        )

    # --- brokers

    async def committed(self, tps: Collection[TP]) -> dict[TP, Reading | None]:
        found = {tp: self.commits.get(tp) for tp in tps}
        self.commits |= self.late
        return found

    async def logs(self, tps: Collection[TP]) -> dict[TP, Log]:
        found = {tp: self.logs_now[tp] for tp in tps if tp in self.logs_now}
        self.meanwhile()
        return found

    async def epoch_ends(self, epochs: Mapping[TP, int]) -> dict[TP, int | None]:
        self.asked_epochs.append(dict(epochs))
        return {tp: self.ends.get(tp, self.logs_now[tp].end) for tp in epochs if self.ends.get(tp) != -7}

    # --- fetching

    async def assign(self, seeks: Mapping[TP, Seek]) -> None:
        self.assigned.append(dict(seeks))

    def renew(self, seeks: Mapping[TP, Seek]) -> None:
        self.renewed.append(dict(seeks))

    def move(self, seeks: Mapping[TP, Seek]) -> None:
        self.moves.append(dict(seeks))

    # --- telling

    def start_of(self, tp: TP, read: Reading | None, log: Log, kept: int | None) -> int:
        start = where_to_start(read, log, kept, wish="earliest", without="new")
        if start.why:
            self.reported.append((tp, start.moved, start.lost))
        return start.offset

    # --- what a test does

    async def begin(self) -> World:
        await self.positions.take_over([A, B])
        self.asked_epochs.clear()
        return self

    def fetched(self, *offsets: int, tp: TP = A, epoch: int = 3) -> list[bool]:
        """Records come, and are taken up and settled."""
        handed = []
        for offset in offsets:
            record = Record(*tp, offset, 0, None, b"", (), epoch, self.tracker.number(tp) or 0)
            handed.append(self.positions.note(record))
            if handed[-1]:
                ticket = self.tracker.start(tp, offset, record.assignment)
                assert ticket is not None
                ticket.release()
        return handed


@pytest.fixture
async def world() -> World:
    return await World().begin()


async def test_partitions_begin_where_they_were_left() -> None:
    world = World()
    world.commits[B], world.logs_now[B] = None, Log("id", 3, 0, 0)
    assert await world.positions.take_over([A, B]) == {A: 10, B: 0}
    assert world.assigned == [{A: Seek(10, 3, 1), B: Seek(0, 3, 2)}]
    assert dict(world.tracker.committable()) == {B: Settled(0)}
    assert world.positions.reading(A, Settled(10)) == Reading(10, "id", 3)
    assert world.reported == []


async def test_where_all_is_well_nothing_is_moved_and_no_epoch_asked_for(world) -> None:
    world.fetched(10, 11, 12)
    world.logs_now[A] = Log("id", 3, 5, 13)
    await world.positions.check()
    assert (world.moves, world.reported, world.asked_epochs) == ([], [], [])


async def test_gaps_are_noted_and_an_offset_below_the_expected_one_is_evidence(world) -> None:
    assert world.fetched(10, 14) == [True, True]
    assert world.holes == [(A, 11, 14)]
    assert world.fetched(3) == [False]
    await world.positions.check()
    # The brokers say that all is well: it is read on as before.
    assert world.moves == [{A: Seek(15, 3, 1)}]
    assert world.reported == []


async def test_retention_that_overtakes_skips_what_is_gone_and_keeps_what_is_in_flight(world) -> None:
    ticket = world.tracker.start(A, 10, 1)
    assert world.positions.note(Record(*A, 10, 0, None, b"", (), 3, 1))
    world.logs_now[A] = Log("id", 3, 50, 100)
    world.positions.suspect([A])
    await world.positions.check()
    assert world.reported == [(A, "overtaken", 39)]
    assert world.moves == [{A: Seek(50, 3, 1)}]
    assert world.tracker.expected(A) == 50
    assert world.tracker.floor(A) == 10
    ticket.release()
    assert world.tracker.floor(A) == 50
    assert world.fetched(50) == [True]
    await world.positions.check()
    assert len(world.reported) == 1


async def test_fetched_records_come_before_the_skip(world) -> None:
    for offset in (10, 11):
        assert world.positions.note(Record(*A, offset, 0, None, b"", (), 3, 1))
    world.logs_now[A] = Log("id", 3, 50, 100)
    await world.positions.check()
    assert world.reported == []  # more of it may have been fetched
    world.positions.suspect([A])
    await world.positions.check()
    assert world.reported == [(A, "overtaken", 38)]
    for offset in (10, 11):
        world.tracker.start(A, offset, 1).release()
    assert (world.tracker.expected(A), world.tracker.floor(A)) == (50, 50)


@pytest.mark.parametrize("end", [0, 5, 1000])
async def test_another_topic_id_is_another_log_wherever_it_ends(world, end) -> None:
    world.fetched(10, 11)
    world.logs_now[A] = Log("other", 0, 0, end)
    await world.positions.check()
    assert world.reported == [(A, "anew", 0)]
    # The client knows the previous topic: it is useless, even for the partition that was not checked yet.
    assert (world.moves, world.renewed) == ([], [{A: Seek(0, 0, 3), B: Seek(20, 3, 2)}])
    assert world.moved == [(A, 0)]
    assert world.tracker.expected(A) == 0
    assert dict(world.tracker.committable()) == {A: Settled(0)}
    assert world.positions.reading(A, Settled(0)) == Reading(0, "other", 0)
    # Records fetched of the previous log do not belong to this one.
    assert world.positions.note(Record(*A, 0, 0, None, b"", (), 3, 1)) is False
    assert world.tracker.start(A, 0, 1) is None
    await world.positions.check()
    assert len(world.reported) == 1


async def test_a_log_that_was_cut_and_has_grown_again_is_noticed(world) -> None:
    world.fetched(*range(10, 40))
    world.logs_now[A], world.ends[A] = Log("id", 5, 0, 1000), 25
    await world.positions.check()
    assert world.asked_epochs == [{A: 3}]
    assert world.reported == [(A, "shorter", 0)]
    assert world.moves == [{A: Seek(25, 5, 3)}]
    await world.positions.check()
    assert len(world.reported) == 1


async def test_what_is_not_settled_below_the_cut_is_read_again(world) -> None:
    head = world.tracker.start(A, 10, 1)
    assert world.positions.note(Record(*A, 10, 0, None, b"", (), 3, 1))
    world.fetched(*range(11, 40))
    world.logs_now[A], world.ends[A] = Log("id", 5, 0, 1000), 25
    await world.positions.check()
    assert world.moves == [{A: Seek(10, 5, 3)}]
    head.release()  # of the previous assignment: it settles nothing here
    assert world.tracker.floor(A) == 10


async def test_a_new_leader_that_has_everything_changes_nothing(world) -> None:
    world.fetched(*range(10, 40))
    world.logs_now[A], world.ends[A] = Log("id", 4, 0, 30), 40  # it does not know yet what the others have
    await world.positions.check()
    assert (world.reported, world.moves) == ([], [])
    # The epoch was held against the log: the next look needs no further one.
    world.logs_now[A] = Log("id", 4, 0, 40)
    await world.positions.check()
    assert world.asked_epochs == [{A: 3}]


async def test_without_an_answer_nothing_is_decided_and_brokers_are_asked_again(world) -> None:
    world.fetched(*range(10, 40))
    world.positions.suspect([A])
    del world.logs_now[A]
    await world.positions.check()
    world.logs_now[A], world.ends[A] = Log("id", 5, 0, 20), -7
    await world.positions.check()
    assert (world.reported, world.moves) == ([], [])
    world.ends[A] = 20
    await world.positions.check()
    assert world.reported == [(A, "shorter", 0)]


async def test_records_read_meanwhile_are_not_compared_with_an_older_answer(world) -> None:
    world.logs_now[A] = Log("id", 3, 0, 10)
    world.meanwhile = lambda: world.fetched(10, 11, 12) if world.tracker.expected(A) == 10 else None
    await world.positions.check()
    assert (world.reported, world.moves) == ([], [])


async def test_an_answer_about_a_previous_assignment_decides_nothing(world) -> None:
    world.logs_now[A] = Log("other", 0, 0, 5)
    world.meanwhile = lambda: world.positions.forget([A])
    await world.positions.check()
    assert (world.reported, world.moves) == ([], [])


async def test_a_missing_partition_is_started_once_it_exists() -> None:
    world = World()
    log = world.logs_now.pop(B)
    assert await world.positions.take_over([A, B]) == {A: 10}
    assert world.assigned == [{A: Seek(10, 3, 1)}]
    world.fetched(10)
    await world.positions.check()
    assert len(world.assigned) == 1
    world.logs_now[B] = log
    await world.positions.check()
    assert world.assigned[1:] == [{A: Seek(11, 3, 1), B: Seek(20, 3, 2)}]
    assert world.moved == [(B, 20)]


async def test_a_commit_of_another_log_is_not_a_start() -> None:
    world = World()
    world.commits[A] = Reading(10, "previous", 3)
    world.commits[B], world.ends[B] = Reading(20, "id", 2), 15
    assert await world.positions.take_over([A, B]) == {A: 0, B: 15}
    assert [what for _, what, _ in world.reported] == ["anew", "shorter"]
    assert dict(world.tracker.committable()) == {A: Settled(0), B: Settled(15)}


async def test_of_a_client_that_knows_no_epochs_the_leaders_epoch_is_used(world) -> None:
    world.fetched(*range(10, 40), epoch=-1)
    world.logs_now[A], world.ends[A] = Log("id", 4, 0, 60), 35
    await world.positions.check()
    # Whether 35 to 39 were read before or after the leader changed it can't tell: they are read again.
    assert world.moves == [{A: Seek(35, 4, 3)}]
    # A part known to be complete is not checked again by an earlier epoch.
    world.fetched(*range(35, 60), epoch=-1)
    world.logs_now[A], world.ends[A] = Log("id", 6, 0, 60), 60
    await world.positions.check()
    assert world.positions.reading(A, Settled(60)).epoch == 6
    assert world.reported == [(A, "shorter", 0)]


async def test_offsets_are_deleted_with_the_topic_but_our_position_is_remembered(world) -> None:
    world.fetched(10, 11)
    world.positions.forget([A, B])
    world.logs_now = {A: Log("other", 0, 0, 5), B: Log("id", 3, 100, 100)}
    world.commits = {A: None, B: None}
    assert await world.positions.take_over([A, B]) == {A: 0, B: 100}
    assert world.reported == [(A, "anew", 0)]
    assert dict(world.tracker.committable()) == {A: Settled(0), B: Settled(100)}
    assert len(world.renewed) == 1
