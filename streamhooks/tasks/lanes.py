"""Lanes: calls of one lane wait for the same room.

Each hook is a lane, and so is each task of users. All built-in tasks are one. Lanes take turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_OURS = "streamhooks."


@dataclass(frozen=True, slots=True)
class HookLane:
    """The deliveries to a hook."""

    hook_id: str


@dataclass(frozen=True, slots=True)
class TaskLane:
    """The calls of a task of users; of built-in tasks without a name."""

    task: str

    @property
    def is_of_users(self) -> bool:
        """Tell whether it is the lane of a task of users."""
        return bool(self.task)


BUILT_IN: Final = TaskLane("")

Lane = HookLane | TaskLane


def task_lane(task: str) -> TaskLane:
    """Return the lane of calls without a hook, from the name of their task."""
    return BUILT_IN if task.startswith(_OURS) else TaskLane(task)
