"""What an owner decides about dead letters: taken up, ended, healed, forgotten, reopened."""

from __future__ import annotations

import pytest

from streamhooks.dead_letters.lifecycle import CALL_GONE, Letters
from streamhooks.dead_letters.states import Known, LetterStates
from streamhooks.delayed.entries import Entry
from streamhooks.kafka.reader import Record
from streamhooks.records.letter_state import LetterState

KEY = "3:17:5"


class World:
    """An owner of partition 0; what it writes comes back from the log at once."""

    def __init__(self, *told: tuple[str, int]) -> None:
        self.states = LetterStates()
        self.written: list[tuple[str, str, int]] = []
        self.forgotten: list[str] = []
        self.pending: list[Entry] = []
        self.ends = {3: (0, 100)}
        self.is_owner = True
        self.letters = Letters(
            self.states,
            self,
            partitions=2,
            is_owner=lambda partition: self.is_owner and partition == 0,
            pending=lambda: self.pending,
            bounds=lambda: self.ends,
            clock=lambda: 1.0,
        )
        for state, tries in told:
            self.tell(LetterState(KEY, state, tries, 1))

    def tell(self, known: LetterState, partition: int = 0) -> None:
        self.states.apply([Record("letter-states", partition, 0, 0, known.letter.encode(), known.to_json())])

    async def write_letter_state(self, known: LetterState, partition: int) -> None:
        self.written.append((known.letter, known.state, known.tries))
        self.tell(known, partition)

    async def forget_letter(self, letter: str, partition: int) -> None:
        self.forgotten.append(letter)

    async def ended(self) -> list[tuple[str, str, int]]:
        for task in list(self.letters._writing):
            await task
        return self.written


def call(number: int, key: str = KEY) -> Entry:
    return Entry("c", 0, 1, 0, 0, "h", b"", letter=(key, number))


@pytest.mark.parametrize(
    ("told", "number", "runs", "written"),
    [
        ([], 1, True, [(KEY, "sent", 1)]),
        ([("open", 1)], 2, True, [(KEY, "sent", 2)]),
        ([("sent", 2)], 2, True, []),  # a retry, or another owner
        ([("open", 2)], 2, False, []),  # it has ended: only its tombstone is missing
        ([("open", 2)], 1, False, []),
        ([("sent", 2)], 1, False, []),
        ([("delivered", 1)], 1, False, []),
        ([("delivered", 1)], 2, False, [(KEY, "delivered", 2)]),  # the other of two owners delivered it
        ([("dropped", 0)], 1, False, [(KEY, "dropped", 1)]),
    ],
)
async def test_what_runs_and_what_is_noted_when_a_call_is_taken_up(told, number, runs, written):
    world = World(*told)
    assert world.letters.may_run(call(number)) is runs
    assert await world.ended() == written


async def test_any_other_call_runs():
    world = World()
    assert world.letters.may_run(Entry("c", 0, 1, 0, 0, "h", b""))
    assert await world.ended() == []


async def test_only_an_owner_heals():
    world = World(("delivered", 1), ("sent", 1))
    world.is_owner = False
    world.letters.heal()
    assert await world.ended() == []
    world.is_owner = True
    world.letters.heal()
    assert await world.ended() == [(KEY, "delivered", 1)]


async def test_states_of_letters_that_are_gone_are_deleted():
    world = World(("delivered", 1))
    await world.letters.look()
    assert world.forgotten == []
    world.ends = {3: (18, 100)}
    await world.letters.look()
    assert world.forgotten == [KEY]


async def test_a_letter_whose_call_is_gone_is_open_again():
    world = World(("sent", 1))
    world.pending = [call(1)]
    await world.letters.look()
    world.pending = []
    await world.letters.look()  # its end may be on the way
    assert await world.ended() == []
    await world.letters.look()
    assert await world.ended() == [(KEY, "open", 1)]
    assert world.states.get(KEY) == Known("open", 1, CALL_GONE)
    await world.letters.look()
    assert len(world.written) == 1
