"""Successive owners of a partition: none loses what was not settled, none repeats what was committed as settled."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamhooks.in_flight.progress import Settled
from streamhooks.in_flight.tracker import Ticket, Tracker
from streamhooks.kafka.commits import from_metadata, to_metadata
from streamhooks.kafka.logs import Reading

TP = ("events", 0)
#: as many bytes that nothing, some, and all of it fits
ROOMS = (0, 70, 4096)


class Owner:
    """Reads a log whose offsets in `holes` have no records, from where the last commit says."""

    def __init__(self, commit: tuple[int, str], holes: set[int]) -> None:
        reading = from_metadata(*commit)
        self.told = {n for start, end in reading.above for n in range(start, end)} | {*range(reading.offset)}
        self.tracker = Tracker(commits_above=True)
        self.tracker.assign(TP, reading.offset, Settled(reading.offset, reading.above), above=reading.above)
        self.holes = holes
        self.next = reading.offset
        self.tickets: dict[int, Ticket] = {}

    def take_up(self, count: int) -> None:
        for offset in range(self.next, self.next + count):
            if offset not in self.holes:
                ticket = self.tracker.start(TP, offset)
                assert (ticket is None) == (offset in self.told), offset
                if ticket is not None:
                    self.tickets[offset] = ticket
        self.next += count

    def settle(self, number: int) -> int | None:
        if not self.tickets:
            return None
        offset = sorted(self.tickets)[number % len(self.tickets)]
        self.tickets.pop(offset).release()
        return offset

    def commit(self, room: int) -> tuple[int, str] | None:
        for tp, settled in self.tracker.committable():
            self.tracker.committed(tp, settled)
            return settled.floor, to_metadata(Reading(settled.floor, "log", 3, settled.above), room)
        return None


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["take up", "settle", "settle", "settle", "commit", "crash"]), st.integers(0, 30)),
    max_size=60,
)


@given(ACTIONS, st.sets(st.integers(0, 60)), st.sampled_from(ROOMS))
def test_nothing_is_lost_and_nothing_committed_is_repeated(actions, holes, room) -> None:
    settled: set[int] = set()
    committed = (0, to_metadata(Reading(0, "log", 3)))
    owner = Owner(committed, holes)
    for action, number in [*actions, ("crash", 0), ("take up", 100), *[("settle", 0)] * 200, ("commit", 0)]:
        match action:
            case "take up":
                owner.take_up(number % 10 if number < 100 else 100)
            case "settle":
                settled |= {owner.settle(number)} - {None}
            case "commit":
                committed = owner.commit(room) or committed
            case "crash":
                owner = Owner(committed, holes)
                assert owner.told <= settled | holes
    assert settled == {*range(owner.next)} - holes
    assert committed[0] >= max(settled, default=-1) + 1


@given(ACTIONS)
def test_where_all_ranges_fit_all_are_committed(actions) -> None:
    settled: set[int] = set()
    owner = Owner((0, to_metadata(Reading(0, "log", 3))), set())
    for action, number in actions:
        match action:
            case "take up":
                owner.take_up(number % 10)
            case "settle":
                settled |= {owner.settle(number)} - {None}
            case "commit" | "crash":
                if (commit := owner.commit(4096)) is not None:
                    owner = Owner(commit, set())
                    assert owner.told == settled
