"""Calls of users' tasks that run alone, since one of them may have ended the process of their former owner.

They run one at a time, each with a *start mark*: a record of the call in `delayed` that counts its starts. What ends
the process leaves its mark behind, and nobody else has one.

Why: docs/decisions/0019-calls-that-end-their-process.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Final

from streamhooks.delayed.entries import Entry
from streamhooks.delayed.pending import Pending
from streamhooks.delayed.queues import Queues
from streamhooks.errors import RecordTooLarge
from streamhooks.masking import LONGEST_TEXT, shown
from streamhooks.records.call import DelayedCall
from streamhooks.tasks.call import Call, plain_arguments
from streamhooks.tasks.lanes import Lane
from streamhooks.tasks.places import AT_ONCE
from streamhooks.times import steady

log = logging.getLogger(__name__)

#: how long a run keeps others from starting, in seconds; then its mark is taken back, and it runs beside them
ALONE_FOR: Final = 30.0
#: with so many known runs, or twice as many as went on the last time, those that have ended are forgotten
_MANY: Final = 2 * AT_ONCE


class Alone:
    """One per worker.

    `publish` writes to `delayed`: a value, with key and partition. `has_room` tells whether a call of a lane may start.
    """

    def __init__(
        self,
        pending: Pending,
        publish: Callable[..., Awaitable[Any]],
        has_room: Callable[[Lane], bool],
        clock: Callable[[], float] = steady,
    ) -> None:
        self._pending = pending
        self._publish = publish
        self._has_room = has_room
        self._clock = clock
        self._suspects: set[Entry] = set()  # that have not started
        self._queued: dict[Lane, set[Entry]] = {}  # those of them that wait in their lane
        self._counts: Counter[tuple[int, Lane, bool]] = Counter()  # of those that were queued
        self._since: dict[Entry, float] = {}  # runs of users' calls, alone or not
        self._many = _MANY
        self._alone: set[Entry] = set()  # those that began alone, and hold up others
        self._marks: dict[Entry, DelayedCall] = {}  # of runs that go on: what the log said before
        self._ending: dict[Entry, asyncio.Future[None]] = {}  # of runs that have ended, until that is confirmed
        self._taking_back: dict[Entry, asyncio.Future[Any]] = {}

    # --- who is suspected

    def suspect(self, partition: int, now_ms: int) -> bool:
        """Suspect the calls of a partition that are due; return whether there are any without a hook."""
        for kind in [kind for kind in self._counts if kind[0] == partition]:
            del self._counts[kind]
        due = [one for one in self._pending.of_partition(partition) if one.hook_id is None and one.due <= now_ms]
        self._suspects.update(due)
        for entry in due:
            if entry.starts:
                # First, when nothing else has been started: so it is the only one to blame, or it is cleared.
                self._pending.run_at(entry, 0)
        return bool(due)

    def is_suspected(self, partition: int) -> bool:
        """Tell whether any call of a partition is still suspected: one that has not started, or still runs alone."""
        return any(one.partition == partition and one.state != "gone" for one in self._suspects | self._alone)

    def taken(self, entry: Entry, lane: Lane) -> None:
        """Note that a call of users waits in its lane: the first ones are suspects, as many as had places."""
        if entry not in self._suspects:
            return
        # Calls of a task start in the order in which they are taken. Those that wait for a time of day come later here
        # than they did when they became due, so they are counted by themselves.
        kind = (entry.partition, lane, entry.at_once)
        self._counts[kind] += 1
        if self._counts[kind] <= AT_ONCE:
            self._queued.setdefault(lane, set()).add(entry)
        else:
            self._suspects.discard(entry)

    def release(self) -> None:
        """Forget the calls of partitions that another worker owns now."""
        self._suspects = {entry for entry in self._suspects if entry.state != "gone"}
        self._marks = {entry: before for entry, before in self._marks.items() if entry.state != "gone"}
        for entry in [entry for entry in self._ending if entry.state == "gone"]:
            self.settled(entry)

    @property
    def is_on(self) -> bool:
        """Tell whether users' calls run alone now: as long as one that is suspected runs, or may start."""
        return bool(self._alone) or any(self._waits(lane) for lane in list(self._queued))

    def _waits(self, lane: Lane) -> bool:
        """Tell whether a suspect of the lane may start: not if others of its task, which hang, have all its places."""
        queued = self._queued[lane]
        while queued:
            entry = next(iter(queued))
            if entry.state == "queued":
                return self._has_room(lane)
            queued.discard(entry)
        del self._queued[lane]
        return False

    # --- who runs

    def in_order(self, lanes: Iterable[Lane], queues: Queues) -> list[Lane]:
        """Return the lanes, first those whose next call has been started most often."""
        starts = {lane: entry.starts for lane in lanes if (entry := queues.first(lane)) is not None}
        return sorted(starts, key=lambda lane: -starts[lane])

    def may_start(self) -> bool:
        """Tell whether a users' call may start alone."""
        now = self._clock()
        for entry, since in list(self._since.items()):
            if entry.state != "running":
                del self._since[entry]
            elif now - since < ALONE_FOR:
                return False
        return not self._taking_back

    def look(self) -> None:
        """Have nobody wait any longer for runs that have ended, or that take long."""
        now = self._clock()
        for entry in list(self._alone):
            if entry.state == "running" and now - self._since[entry] < ALONE_FOR:
                continue
            self._alone.discard(entry)
            if entry.state == "running" and entry in self._marks:
                # It would be blamed for what those do that start beside it.
                self._take_back_soon(entry)

    def started(self, entry: Entry) -> bool:
        """Note that a users' call runs; return whether it runs alone."""
        if len(self._since) >= self._many:
            self._since = {one: since for one, since in self._since.items() if one.state == "running"}
            self._many = max(_MANY, 2 * len(self._since))
        is_on = self.is_on
        self._since[entry] = self._clock()
        self._suspects.discard(entry)
        if is_on:
            self._alone.add(entry)
        return is_on

    @asynccontextmanager
    async def marked(self, entry: Entry, call: Call) -> AsyncIterator[None]:
        """Run something between the start mark of a call, which is confirmed, and the end of its run.

        It also waits until the ends of the runs before it are confirmed: else they would be blamed with it.
        """
        before = replace(entry.call(), args=plain_arguments(call.args), kwargs=call.kwargs)
        self._marks[entry] = before
        try:
            await self._write(replace(before, starts=before.starts + 1), entry.partition)
        except RecordTooLarge:
            self._marks.pop(entry, None)  # there was room for the call, and there is none for its mark
        if self._ending:
            await asyncio.wait(set(self._ending.values()))
        yield
        # Its end is written next, and must come last. Not if it is let go: then its mark is to be taken back.
        self._marks.pop(entry, None)
        self._alone.discard(entry)
        self._since.pop(entry, None)
        self._ending[entry] = asyncio.get_running_loop().create_future()
        if (taking_back := self._taking_back.get(entry)) is not None:
            await asyncio.wait({taking_back})

    def settled(self, entry: Entry) -> None:
        """Note that the end of a run alone is confirmed, or that it runs again."""
        if (ending := self._ending.pop(entry, None)) is not None:
            ending.set_result(None)

    def _take_back_soon(self, entry: Entry) -> None:
        task = asyncio.ensure_future(self._write(self._marks.pop(entry), entry.partition))
        self._taking_back[entry] = task
        task.add_done_callback(partial(self._taken_back, entry))

    def _taken_back(self, entry: Entry, task: asyncio.Future[Any]) -> None:
        del self._taking_back[entry]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("a start mark can't be taken back: %s", shown(error, LONGEST_TEXT))

    async def take_back(self) -> None:
        """Take back the marks of all runs that go on, since this process ends cleanly or leaves their partitions."""
        for entry in list(self._marks):
            self._take_back_soon(entry)
        if self._taking_back:
            await asyncio.wait(set(self._taking_back.values()))

    async def _write(self, record: DelayedCall, partition: int) -> None:
        await self._publish(record.to_json(), key=record.id, partition=partition)
