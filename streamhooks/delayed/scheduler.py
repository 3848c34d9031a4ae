"""Starts the pending calls of the owned partitions of `delayed` when they are due.

A plain reader reads a partition from its start whenever it is assigned to this worker. No call of a partition runs
before the partition has been read to its end.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from itertools import islice

from streamhooks.delayed.admission import Admission
from streamhooks.delayed.alone import Alone
from streamhooks.delayed.entries import Entry
from streamhooks.delayed.pending import Pending
from streamhooks.delayed.queues import Queues
from streamhooks.delayed.takeovers import Takeovers
from streamhooks.delayed.upkeep import Upkeep, call_of
from streamhooks.tasks.call import Call
from streamhooks.tasks.lanes import HookLane, Lane, TaskLane
from streamhooks.times import steady
from streamhooks.webhooks.runners import Runners

#: longest time between two looks at the clock, in seconds: setting the clock must not delay calls
LONGEST_SLEEP = 0.5
#: how many hooks that may not be called are looked at per second: with more of them, the longest time between two looks
#: at one grows
LOOKS = 20_000
#: hooks are looked at again at multiples of this, in seconds, so that many of them wake the loop seldom
TOGETHER = 0.05
#: hooks that are looked at again in one turn of the loop
AT_ONCE = 1_000
#: why a letter that was sent again is open again, or dropped
SKIPPED, DROPPED = "its pending call was skipped when the hook was enabled", "its pending call was dropped"
#: due calls that are queued, and calls that are started, per turn of the event loop: deliveries want a turn, too
TAKEN_AT_ONCE, STARTED_AT_ONCE = 100, 16


class _PendingRun:
    """The owner of a pending call while it runs."""

    __slots__ = ("_alone", "_clock", "_entry", "_pending")

    def __init__(self, entry: Entry, pending: Pending, clock: Callable[[], float], alone: Alone | None = None) -> None:
        self._entry = entry
        self._pending = pending
        self._clock = clock
        self._alone = alone

    @property
    def is_void(self) -> bool:
        return self._entry.state == "gone"

    def hold(self) -> None:
        """Do nothing: no one waits for a pending call, and its result is read from the log."""

    def release(self) -> None:
        """Take note that the end is confirmed; the result of the call comes from the log."""
        if self._alone is not None:
            self._alone.settled(self._entry)

    def running(self, call: Call) -> AbstractAsyncContextManager[None]:
        """Return what is around the run: its start mark, if it runs alone."""
        return nullcontext() if self._alone is None else self._alone.marked(self._entry, call)

    def give_back(self, seconds: float = 0.0) -> None:
        """Make it wait again, for at least `seconds`."""
        self.release()
        if not self.is_void:
            due = self._entry.due if not seconds else int((self._clock() + seconds) * 1000)
            self._pending.run_at(self._entry, due, at_once=not seconds)


class Scheduler:
    """Starts due calls. Each lane has a queue, and the queues take turns.

    `takeovers` tells when calls of a partition may start, and which run alone. `may_run` tells whether a call that
    sends a dead letter again may still run. `clock` gives epoch seconds.
    """

    def __init__(
        self,
        pending: Pending,
        queues: Queues,
        runners: Runners,
        upkeep: Upkeep,
        admission: Admission,
        *,
        takeovers: Takeovers,
        clock: Callable[[], float],
        may_run: Callable[[Entry], bool] = lambda _entry: True,
    ) -> None:
        self._pending = pending
        self._queues = queues
        self._runners = runners
        self._gate = runners.gate
        self._upkeep = upkeep
        self._admission = admission
        self._takeovers = takeovers
        self._alone = takeovers.alone
        self._clock = clock
        self._may_run = may_run
        self._hooks_first = False

    def release(self, partitions: Iterable[int]) -> None:
        """Forget partitions that another worker owns now."""
        gone = set(partitions)
        self._pending.release(gone)
        self._takeovers.release(gone)

    # --- the loop

    async def run(self) -> None:
        """Start calls as they become due, until cancelled."""
        while True:
            await self._gate.wait_open()
            self._takeovers.look()
            due = self._pending.pop_due(int(self._clock() * 1000), self._takeovers.is_ready)
            taken = list(islice(due, TAKEN_AT_ONCE))
            for entry in taken:
                self._take(entry)
            is_through = self._pump() and len(taken) < TAKEN_AT_ONCE
            self._upkeep.heal(self._takeovers.is_ready)
            await (self._sleep() if is_through else asyncio.sleep(0))

    async def _sleep(self) -> None:
        due = self._pending.next_due()
        until = LONGEST_SLEEP if due is None else due / 1000 - self._clock()
        if (end := self._queues.next_end) is not None:
            until = min(until, max(end - steady(), 0.002))
        self._queues.changed.clear()
        if until > 0:
            try:
                async with asyncio.timeout(min(until, LONGEST_SLEEP)):
                    await self._queues.changed.wait()
            except TimeoutError:
                pass
        else:
            await asyncio.sleep(0.01)

    def _take(self, entry: Entry) -> None:
        if entry.letter is not None and not self._may_run(entry):
            self._upkeep.settle_soon(entry)
        elif (lane := self._queues.add(entry)) is not None and _is_of_users(lane):
            self._alone.taken(entry, lane)

    def _pump(self) -> bool:
        """Start queued calls, one per lane in turn, while there is room and their hook is not held back.

        Return False if more may be started in the next turn of the loop.
        """
        self._queues.let_go(steady(), AT_ONCE)
        # In turn, since large calls of both wait for the same room.
        self._hooks_first = not self._hooks_first
        first, second = (self._pump_hooks, self._pump_tasks)[:: 1 if self._hooks_first else -1]
        left = second(first(STARTED_AT_ONCE))
        return left > 0

    def _pump_tasks(self, most: int) -> int:
        """Start calls without a hook; return how many fewer than `most`."""
        lanes = deque(self._queues.tasks())
        if self._alone.is_on:
            lanes = deque(self._alone.in_order(lanes, self._queues))
        while lanes and most and self._gate.is_open:
            lane = lanes.popleft()
            entry = self._queues.first(lane)
            if entry is not None and self._runners.has_room(lane, entry.size) and self._may_start(lane):
                self._start(self._queues.take(lane), lane)
                most -= 1
                lanes.append(lane)
        return most

    def _may_start(self, lane: Lane) -> bool:
        return not _is_of_users(lane) or not self._alone.is_on or self._alone.may_start()

    def _pump_hooks(self, most: int) -> int:
        """Start deliveries; return how many fewer than `most`."""
        full: list[HookLane] = []
        # Without a free place no lane is visited: there may be a hundred thousand.
        while most and self._gate.is_open and self._runners.has_places and (lane := self._queues.next_hook()):
            entry = self._queues.first(lane)
            if entry is None:
                continue
            if self._admission.is_skipped(entry):
                self._upkeep.settle_soon(self._queues.take(lane), ("open", SKIPPED))
            elif not self._runners.has_room(lane, entry.size):
                full.append(lane)  # the end of another call wakes the loop
                self._queues.set_aside(lane)
            elif (wait := self._admission.wait(lane.hook_id)) != 0.0:
                self._queues.hold(lane, self._look_again(wait))
            elif not self._runners.enter(lane):
                break
            else:
                self._start(self._queues.take(lane), lane)
                most -= 1
        self._queues.put_back(full)
        return most

    def _look_again(self, wait: float | None) -> float:
        """Return when to look again at a hook that may not be called for `wait` seconds; None if nobody knows."""
        longest = max(LONGEST_SLEEP, self._queues.held / LOOKS)
        if wait is not None and wait <= longest:
            return steady() + wait
        return math.ceil((steady() + longest) / TOGETHER) * TOGETHER

    def _start(self, entry: Entry, lane: Lane) -> None:
        """Run a call; the places of its hook are taken."""
        alone = self._alone if _is_of_users(lane) and self._alone.started(entry) else None
        entry.state = "running"
        self._runners.start_pending(call_of(entry), _PendingRun(entry, self._pending, self._clock, alone))

    # --- by hand

    def retry_now(self, partition: int, call_id: str) -> bool:
        """Run a pending call now, whatever holds its hook back; return False if there is none."""
        entry = self._pending.get(partition, call_id)
        if entry is None:
            return False
        if entry.state in ("waiting", "queued"):
            lane = HookLane(entry.hook_id or "")
            # A person asked for this call: a pause, an open breaker or a rate limit does not hold it back; a disabled
            # hook does.
            if (
                entry.hook_id
                and self._gate.is_open
                and self._runners.has_room(lane, entry.size)
                and self._admission.wait(lane.hook_id) is not None
                and self._runners.enter(lane)
            ):
                self._start(entry, lane)
            else:
                self._pending.run_at(entry, int(self._clock() * 1000))
                self._queues.changed.set()
        return True

    async def drop(self, partition: int, call_id: str) -> bool:
        """Settle a pending call without running it; return False if there is none, or it is running."""
        entry = self._pending.get(partition, call_id)
        if entry is None or entry.state == "running":
            return False
        await self._upkeep.settle(entry, ("dropped", DROPPED))
        return True


def _is_of_users(lane: Lane) -> bool:
    return isinstance(lane, TaskLane) and lane.is_of_users
