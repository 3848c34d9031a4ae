"""Lanes: calls of one lane wait for the same room. Each hook is a lane; so are built-in tasks and those of users."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

_OURS = "streamhooks."


@dataclass(frozen=True, slots=True)
class HookLane:
    """The deliveries to a hook."""

    hook_id: str


class TaskLane(Enum):
    """Calls without a hook: neither kind waits for the other."""

    BUILT_IN = "built-in"
    OF_USERS = "of users"


Lane = HookLane | TaskLane


def task_lane(task: str) -> TaskLane:
    """Return the lane of calls without a hook, from the name of their task."""
    return TaskLane.BUILT_IN if task.startswith(_OURS) else TaskLane.OF_USERS
