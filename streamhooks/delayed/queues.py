"""The calls that are due and wait for a place: a queue per lane, which take turns.

Those whose task this worker does not know are in no lane: `delayed.unknown_tasks` finds a worker for them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from streamhooks.delayed.entries import Entry
from streamhooks.tasks.lanes import HookLane, Lane, task_lane
from streamhooks.times import steady


class Queues:
    """One for the worker; `knows` tells whether this worker knows a task.

    Attributes:
        changed: set when a call may have come, or may start: the scheduler looks then.
        unknown: the calls of unknown tasks, each with when it was found (steady seconds).

    """

    def __init__(self, knows: Callable[[str], bool] = lambda _task: True) -> None:
        self.changed = asyncio.Event()
        self.unknown: dict[Entry, float] = {}
        self._knows = knows
        self._lanes: dict[Lane, deque[Entry]] = {}

    def add(self, entry: Entry) -> None:
        """Queue a call that is due."""
        if not self._knows(entry.task):
            entry.state = "unknown"
            self.unknown[entry] = steady()
            return
        entry.state = "queued"
        lane = HookLane(entry.hook_id) if entry.hook_id is not None else task_lane(entry.task)
        self._lanes.setdefault(lane, deque()).append(entry)

    def is_known_now(self, entry: Entry) -> bool:
        """Tell whether a call of an unknown task waits no more; queue it if its task has been defined meanwhile."""
        if entry.state == "unknown" and not self._knows(entry.task):
            return False
        self.unknown.pop(entry, None)
        if entry.state == "unknown":
            self.add(entry)
            self.changed.set()
        return True

    def lanes(self) -> list[Lane]:
        """Return the lanes in which calls wait."""
        return list(self._lanes)

    def first(self, lane: Lane) -> Entry | None:
        """Return the next call of a lane; None if none waits."""
        queue = self._lanes[lane]
        while queue and queue[0].state != "queued":
            queue.popleft()
        if queue:
            return queue[0]
        del self._lanes[lane]
        return None

    def take(self, lane: Lane) -> Entry:
        """Take the first call out of its queue."""
        return self._lanes[lane].popleft()

    def waiting(self, hook_id: str) -> int:
        """Return how many calls of a hook are due and wait for it."""
        return len(self._lanes.get(HookLane(hook_id), ()))

    def tell_of_room(self) -> None:
        """Have the scheduler look, if any call waits: a place has become free."""
        if self._lanes:
            self.changed.set()
