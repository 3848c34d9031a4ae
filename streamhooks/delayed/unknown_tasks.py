"""Calls that are due and whose task this worker does not know: they wait, and find a worker that does.

Why by the partitions of owners: docs/decisions/0018-unknown-tasks-wait.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from streamhooks.delayed.entries import Entry
from streamhooks.delayed.moving import Moving
from streamhooks.delayed.queues import Queues
from streamhooks.in_flight.gate import Gate
from streamhooks.kafka.partitions import partition_of
from streamhooks.masking import LONGEST_TEXT, shown
from streamhooks.metrics import UNKNOWN_TASK_CALLS
from streamhooks.tasks.lanes import task_lane
from streamhooks.times import steady

log = logging.getLogger(__name__)

#: seconds between two looks, at least and at most, and from one move of a call to the next
LOOK: Final = 1.0
LONGEST_PAUSE: Final = 5.0
MOVED_EVERY: Final = 30.0
#: no call is given up before this worker has looked for an able one for so long, in seconds: all may have been stopped
LEAST: Final = 3600.0
#: how often it is logged that calls of a task wait, in seconds, and how many tasks a line names
TOLD_EVERY, NAMED = 600.0, 5
#: calls that are moved at the same time, and that are looked at in one turn of the event loop
AT_ONCE, IN_A_TURN = 200, 2000


Able = Callable[[str], list[int]]
"""Tells which partitions of other workers have an owner that knows a task."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is to be done about the calls that wait: each with its new partition, and those to be given up."""

    moves: list[tuple[Entry, int]]
    given_up: list[Entry]


class UnknownTasks:
    """Has the calls of unknown tasks moved to able owners. One per worker.

    `able` tells the partitions of others whose owner knows a task. `days` is how long a call may wait. `clock` gives
    epoch seconds.
    """

    def __init__(
        self,
        queues: Queues,
        moving: Moving,
        able: Able,
        gate: Gate,
        *,
        days: float,
        clock: Callable[[], float],
        steady_clock: Callable[[], float] = steady,
    ) -> None:
        self._queues = queues
        self._moving = moving
        self._able = able
        self._gate = gate
        self._days = days
        self._clock = clock
        self._steady = steady_clock
        self._told: dict[str, float] = {}

    async def run(self) -> None:
        """Look for able workers, until cancelled."""
        while True:
            took = await self.look()
            # A million calls that wait must not take the loop from the others.
            await asyncio.sleep(max(LOOK, min(10 * took, LONGEST_PAUSE)))

    async def look(self) -> float:
        """Look once at all calls that wait: move those that another worker can run, give up those that are too old.

        Return how many seconds it took to look at them.
        """
        await self._gate.wait_open()
        began = self._steady()
        found = await self._find()
        took = self._steady() - began
        await self._each([partial(self._moving.move, entry, partition) for entry, partition in found.moves])
        await self._each([partial(self._give_up, entry) for entry in found.given_up])
        UNKNOWN_TASK_CALLS.set(len(self._queues.unknown))
        return took

    async def _find(self) -> Found:
        moves, given_up, waiting = list[tuple[Entry, int]](), list[Entry](), Counter[str]()
        able: dict[str, list[int]] = {}
        for number, (entry, since) in enumerate(list(self._queues.unknown.items()), 1):
            if number % IN_A_TURN == 0:
                await asyncio.sleep(0)
            if self._queues.is_known_now(entry):
                continue
            if entry.task not in able:
                able[entry.task] = self._able(entry.task) if task_lane(entry.task).is_of_users else []
            waiting[entry.task] += 1
            places = able[entry.task] if entry.hook_id is None else []  # the owner of a hook is where its calls run
            if places and self._may_move(entry):
                moves.append((entry, places[partition_of(entry.id, len(places))]))
            elif not places and self._is_too_old(entry, since):
                given_up.append(entry)
        self._tell(waiting, {task for task, places in able.items() if places})
        return Found(moves, given_up)

    def _may_move(self, entry: Entry) -> bool:
        # A move that lies ahead was written by another clock.
        return not 0 <= self._clock() - entry.moved / 1000 < MOVED_EVERY

    def _is_too_old(self, entry: Entry, since: float) -> bool:
        longest = self._days * 86400
        return self._clock() - entry.due / 1000 > longest and self._steady() - since > min(LEAST, longest)

    async def _give_up(self, entry: Entry) -> None:
        text = f"unknown task {shown(entry.task)}: no worker has known it for {self._days:g} days"
        await self._moving.give_up(entry, text)

    async def _each(self, doing: list[Callable[[], Awaitable[None]]]) -> None:
        """Do all, some at a time, as long as the partitions are ours; what fails is tried again at the next look."""
        for start in range(0, len(doing), AT_ONCE):
            if not self._gate.is_open:
                return
            some = [do() for do in doing[start : start + AT_ONCE]]
            for error in await asyncio.gather(*some, return_exceptions=True):
                if isinstance(error, BaseException):
                    log.error("a call of an unknown task stays where it is: %s", shown(error, LONGEST_TEXT))

    def _tell(self, waiting: Counter[str], movable: set[str]) -> None:
        """Log the tasks that are unknown, each of them at most once in ten minutes."""
        now = self._steady()
        self._told = {task: at for task, at in self._told.items() if now - at < TOLD_EVERY}
        new = [task for task, _ in waiting.most_common() if task not in self._told]
        if not new:
            return
        self._told |= dict.fromkeys(new, now)
        told = [
            f"{shown(task)} ({waiting[task]} {'to be moved' if task in movable else 'wait'})" for task in new[:NAMED]
        ]
        if len(new) > NAMED:
            told.append(f"and {len(new) - NAMED} more")
        log.warning(
            "calls of tasks that this worker does not know (STREAMHOOKS_TASK_MODULES): %s; they are moved to a worker "
            "that knows them, or wait for one",
            ", ".join(told),
        )
