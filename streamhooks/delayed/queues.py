"""The queues of due calls that wait for a place: one per lane. The lanes take turns.

There may be a hundred thousand hooks with due calls that may not be called yet. Their lanes are held: they have no
turns until their time has come, so nobody visits them when a place has become free.

Those whose task this worker does not know are in no lane: `delayed.unknown_tasks` finds a worker for them.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from itertools import count

from streamhooks.delayed.entries import Entry
from streamhooks.tasks.lanes import HookLane, Lane, TaskLane, task_lane
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
        self._tasks: OrderedDict[Lane, deque[Entry]] = OrderedDict()
        # Not a dict, in which finding the first one takes long after many were removed.
        self._hooks: OrderedDict[Lane, deque[Entry]] = OrderedDict()
        self._held: dict[HookLane, deque[Entry]] = {}
        self._ends: list[tuple[float, int, HookLane]] = []  # when held lanes have turns again; a heap
        self._number = count()  # lanes have no order, so no two items of the heap begin alike

    def add(self, entry: Entry) -> Lane | None:
        """Add a due call to the queue of its lane; return the lane, None if the task is unknown."""
        if not self._knows(entry.task):
            entry.state = "unknown"
            self.unknown[entry] = steady()
            return None
        entry.state = "queued"
        if entry.hook_id is None:
            lane: Lane = task_lane(entry.task)
            self._tasks.setdefault(lane, deque()).append(entry)
        else:
            lane = HookLane(entry.hook_id)
            (self._held.get(lane) or self._hooks.setdefault(lane, deque())).append(entry)
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

    def tasks(self) -> list[Lane]:
        """Return the lanes of tasks with waiting calls."""
        return list(self._tasks)

    def next_hook(self) -> HookLane | None:
        """Return the lane of a hook whose turn it is; None if none has a turn."""
        lane = next(iter(self._hooks), None)
        return lane if isinstance(lane, HookLane) else None

    def first(self, lane: Lane) -> Entry | None:
        """Return the next call of a lane that has turns; None if none waits: then the lane is gone."""
        lanes = self._of(lane)
        queue = lanes.get(lane)
        if queue is None:
            return None
        while queue and queue[0].state != "queued":
            queue.popleft()
        if queue:
            return queue[0]
        del lanes[lane]
        return None

    def take(self, lane: Lane) -> Entry:
        """Remove and return the first call of a lane; the lane goes behind all others."""
        lanes = self._of(lane)
        queue = lanes[lane]
        entry = queue.popleft()
        if queue:
            lanes.move_to_end(lane)
        else:
            del lanes[lane]
        return entry

    def waiting(self, hook_id: str) -> int:
        """Return the number of due calls of a hook that wait for a place."""
        lane = HookLane(hook_id)
        return len(self._held.get(lane) or self._hooks.get(lane) or ())

    def _of(self, lane: Lane) -> OrderedDict[Lane, deque[Entry]]:
        return self._tasks if isinstance(lane, TaskLane) else self._hooks

    # --- lanes without turns

    @property
    def held(self) -> int:
        """Return the number of lanes that are held."""
        return len(self._held)

    @property
    def next_end(self) -> float | None:
        """Return when the next held lane has turns again, in seconds of the steady clock; None without any."""
        return self._ends[0][0] if self._ends else None

    def hold(self, lane: HookLane, until: float) -> None:
        """Give a lane no turns until `let_go` is called at this time, in seconds of the steady clock."""
        self.set_aside(lane)
        heapq.heappush(self._ends, (until, next(self._number), lane))

    def let_go(self, now: float, most: int) -> None:
        """Give the lanes that were held until now turns again, at most so many of them."""
        while self._ends and self._ends[0][0] <= now and most > 0:
            most -= 1
            *_, lane = heapq.heappop(self._ends)
            self._hooks[lane] = self._held.pop(lane)

    def set_aside(self, lane: HookLane) -> None:
        """Give a lane no turns until it is put back."""
        self._held[lane] = self._hooks.pop(lane)

    def put_back(self, lanes: Sequence[HookLane]) -> None:
        """Give lanes turns again, before all others."""
        for lane in reversed(lanes):
            self._hooks[lane] = self._held.pop(lane)
            self._hooks.move_to_end(lane, last=False)

    # --- waking

    def tell_of_room(self) -> None:
        """Wake the scheduler, if any call waits, because a place has become free."""
        if self._hooks or self._tasks:
            self.changed.set()
