"""The calls that are due and wait for a place: a queue per lane, which take turns."""

from __future__ import annotations

import asyncio
from collections import deque

from streamhooks.delayed.entries import Entry
from streamhooks.tasks.lanes import HookLane, Lane, task_lane


class Queues:
    """One for the worker.

    Attributes:
        changed: set when a call may have come, or may start: the scheduler looks then.

    """

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._lanes: dict[Lane, deque[Entry]] = {}

    def add(self, entry: Entry) -> None:
        """Queue a call that is due."""
        entry.state = "queued"
        lane = HookLane(entry.hook_id) if entry.hook_id is not None else task_lane(entry.task)
        self._lanes.setdefault(lane, deque()).append(entry)

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
