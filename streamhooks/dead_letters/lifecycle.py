"""The life of dead letters, as their owners decide it: sent again, delivered, open again, gone.

A letter is sent again by a call in `delayed` that has the letter's key and the number of the try. The id of the call
follows from both. So several workers may write it, any number of times, and it is one pending call. The owner records
that the letter is sent again when it takes up the call, and records the result before it settles the call. A call of a
try with a recorded result does not run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from streamhooks.dead_letters.states import Bounds, Known, LetterStates
from streamhooks.delayed.entries import Entry
from streamhooks.masking import LONGEST_TEXT, shown
from streamhooks.records.letter_state import LetterState

log = logging.getLogger(__name__)

#: interval of the checks for states that must be written again, and for letters that are gone, in seconds
HEALING, INTERVAL = 1.0, 60.0
#: states that are deleted per check, and at the same time, at most
MOST, AT_ONCE = 5000, 200
#: why a letter is open again when its call is gone
CALL_GONE = "the call that sent it again is gone"


class Outputs(Protocol):
    """Writes states."""

    async def write_letter_state(self, known: LetterState, partition: int) -> None:
        """Write the state of a letter."""

    async def forget_letter(self, letter: str, partition: int) -> None:
        """Write the tombstone of the state of a letter."""


class Letters:
    """Decides about the letters of the owned partitions of `delayed`. One per worker.

    `is_owner` tells whether this worker owns a partition and has read it to its end. `pending` gives the pending
    calls. `bounds` gives the first and next offsets of `dead-letters`; it blocks, and raises TimeoutError. `clock`
    gives epoch seconds.
    """

    def __init__(
        self,
        states: LetterStates,
        outputs: Outputs,
        *,
        partitions: int,
        is_owner: Callable[[int], bool],
        pending: Callable[[], Iterable[Entry]],
        bounds: Callable[[], Bounds],
        clock: Callable[[], float],
    ) -> None:
        self._states = states
        self._outputs = outputs
        self._partitions = partitions
        self._is_owner = is_owner
        self._pending = pending
        self._bounds = bounds
        self._clock = clock
        self._missing: set[tuple[str, int]] = set()
        self._writing: set[asyncio.Task[None]] = set()

    def may_run(self, entry: Entry) -> bool:
        """Tell whether a pending call that sends a letter again may run; if so, record that the letter is sent.

        It may not if the try has ended, or the letter was delivered or dropped in the meantime.
        """
        if entry.letter is None:
            return True
        letter, number = entry.letter
        known = self._states.decided(letter)
        if known is not None and known.tries >= number:
            return known.state == "sent" and known.tries == number
        if known is not None and known.state in ("delivered", "dropped"):
            self._write(letter, known._replace(tries=number), entry.partition)
            return False
        self._write(letter, Known("sent", number), entry.partition)
        return True

    async def run(self) -> None:
        """Heal, and delete expired states, until cancelled."""
        looks = 0
        while True:
            await asyncio.sleep(HEALING)
            self.heal()
            looks += 1
            if looks >= INTERVAL / HEALING:
                looks = 0
                try:
                    await self.look()
                except TimeoutError as error:
                    log.debug("the offsets of dead-letters are not known: %s", error)

    def heal(self) -> None:
        """Write the states again that the log of an owned partition lacks."""
        for partition in filter(self._is_owner, range(self._partitions)):
            for letter, known in self._states.heals(partition):
                log.info("healing the state of the letter %s", shown(letter))
                self._write(letter, known, partition)

    async def look(self) -> None:
        """Delete the states of letters that are gone; reopen letters whose call is gone.

        Raises:
            TimeoutError: Kafka does not answer.

        """
        self._states.learn_bounds(await asyncio.to_thread(self._bounds))
        owned = set(filter(self._is_owner, range(self._partitions)))
        expired = await asyncio.to_thread(self._states.expired, owned.__contains__, MOST)
        for start in range(0, len(expired), AT_ONCE):  # deliveries get their turns in between
            some = expired[start : start + AT_ONCE]
            await asyncio.gather(*(self._outputs.forget_letter(letter, number) for number, letter in some))
        # By now, each call that existed when its letter was recorded as sent has been read.
        missing = await asyncio.to_thread(self._without_call, owned)
        for partition, letter, number in missing:
            if (letter, number) in self._missing and self._is_owner(partition):
                self._write(letter, Known("open", number, CALL_GONE), partition)
        self._missing = {(letter, number) for _, letter, number in missing}

    def _without_call(self, owned: set[int]) -> list[tuple[int, str, int]]:
        waiting = {entry.letter for entry in self._pending() if entry.letter is not None}
        sent = self._states.sent(owned.__contains__)
        return [(partition, letter, number) for partition, letter, number in sent if (letter, number) not in waiting]

    def _write(self, letter: str, known: Known, partition: int) -> None:
        value = known.record(letter, int(self._clock() * 1000))
        task = asyncio.ensure_future(self._outputs.write_letter_state(value, partition))
        self._writing.add(task)
        task.add_done_callback(self._written)

    def _written(self, task: asyncio.Task[None]) -> None:
        self._writing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the state of a letter can't be written: %s", shown(error, LONGEST_TEXT))
