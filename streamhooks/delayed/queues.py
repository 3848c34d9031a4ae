"""The queues of due calls that wait for a place: one per lane. The lanes take turns.

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
    """The queues of the lanes. One per worker; `knows` tells whether this worker knows a task.

    Attributes:
        changed: set when there may be a new call or a free place; wakes the scheduler.
        unknown: the calls of unknown tasks, each with when it was found (steady seconds).

    """

    def __init__(self, knows: Callable[[str], bool] = lambda _task: True) -> None:
        self.changed = asyncio.Event()
        self.unknown: dict[Entry, float] = {}
        self._knows = knows
        self._lanes: dict[Lane, deque[Entry]] = {}

    def add(self, entry: Entry) -> Lane | None:
        """Add a due call to the queue of its lane; return the lane, None if the task is unknown."""
        if not self._knows(entry.task):
            entry.state = "unknown"
            self.unknown[entry] = steady()
            return None
        entry.state = "queued"
        lane = HookLane(entry.hook_id) if entry.hook_id is not None else task_lane(entry.task)
        self._lanes.setdefault(lane, deque()).append(entry)
        return lane

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
        """Return the lanes with waiting calls."""
        return list(self._lanes)

    def first(self, lane: Lane) -> Entry | None:
        """Return the next call of a lane; None if none waits."""
        queue = self._lanes.get(lane)
        if queue is None:
            return None
        while queue and queue[0].state != "queued":
            queue.popleft()
        if queue:
            return queue[0]
        del self._lanes[lane]
        return None

    def take(self, lane: Lane) -> Entry:
        """Remove and return the first call of a lane; the lane goes behind all others."""
        queue = self._lanes.pop(lane)
        entry = queue.popleft()
        if queue:
            self._lanes[lane] = queue
        return entry

    def waiting(self, hook_id: str) -> int:
        """Return the number of due calls of a hook that wait for a place."""
        return len(self._lanes.get(HookLane(hook_id), ()))

    def tell_of_room(self) -> None:
        """Wake the scheduler, if any call waits, because a place has become free."""
        if self._lanes:
            self.changed.set()
