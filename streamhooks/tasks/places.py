"""The places that pending calls without a hook take while they run: some for built-in tasks, some for those of users.

A task of users may set a bound. Without one, it takes a place only while it has no more than are free: the first task
that hangs takes half of them, the next one half of the rest. So the calls of one more task always find room.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from streamhooks.metrics import FREE_PLACES, running_of
from streamhooks.tasks.lanes import TaskLane

#: the places for calls of built-in tasks, and as many for those of users
AT_ONCE: Final = 200


class Bounded(Protocol):
    """What a task says about its places."""

    @property
    def max_running(self) -> int | None:
        """Return how many of its calls may run at once; None without a bound of its own."""


class TaskPlaces:
    """The places of one worker, for the tasks that it knows; `on_free` is called when one has become free."""

    def __init__(self, tasks: Mapping[str, Bounded], on_free: Callable[[], None], total: int = AT_ONCE) -> None:
        self._tasks = tasks
        self._on_free = on_free
        self._free = {True: total, False: total}
        self._taken: Counter[TaskLane] = Counter()
        FREE_PLACES.labels("users").set_function(lambda: self._free[True])
        FREE_PLACES.labels("built-in").set_function(lambda: self._free[False])

    def has_room(self, lane: TaskLane) -> bool:
        """Tell whether a call of the lane may start."""
        free, taken = self._free[lane.is_of_users], self._taken[lane]
        if free == 0 or not lane.is_of_users:
            return free > 0
        task = self._tasks.get(lane.task)
        bound = task.max_running if task is not None else None
        return taken < (free if bound is None else bound)

    def enter(self, lane: TaskLane, task: str) -> None:
        """Take a place, of which there is one."""
        self._count(lane, task, 1)

    def leave(self, lane: TaskLane, task: str) -> None:
        """Give a place back."""
        self._count(lane, task, -1)
        self._on_free()

    def _count(self, lane: TaskLane, task: str, by: int) -> None:
        self._free[lane.is_of_users] -= by
        self._taken[lane] += by
        if not self._taken[lane]:
            del self._taken[lane]
        # The name comes from a record, which may say anything.
        running_of(task if task in self._tasks else "unknown").inc(by)

    def taken(self, lane: TaskLane) -> int:
        """Return how many calls of the lane run."""
        return self._taken[lane]
