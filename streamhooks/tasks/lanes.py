"""What calls wait for together: each hook is a lane, and so are our own tasks and those of users."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

_OURS = "streamhooks."


@dataclass(frozen=True, slots=True)
class HookLane:
    """The deliveries to a hook."""

    hook_id: str


class TaskLane(Enum):
    """The calls without a hook: neither kind waits for the other."""

    BUILT_IN = "built-in"
    OF_USERS = "of users"


Lane = HookLane | TaskLane


def task_lane(task: str) -> TaskLane:
    """Return the lane of the calls of a task without a hook, by the name of the task."""
    return TaskLane.BUILT_IN if task.startswith(_OURS) else TaskLane.OF_USERS
