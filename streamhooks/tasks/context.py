"""What a running task can reach: its call, the hooks, the resources."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from streamhooks.hooks.matching import Ask
    from streamhooks.records.hook import Hook
    from streamhooks.tasks.call import Call
    from streamhooks.tasks.sending import Handle
    from streamhooks.tasks.task import Delivery


#: the task that runs on a hook's owner when any worker has observed something about the hook
NOTE_FINDING = "streamhooks.note_finding"
#: the task that reads a source record again that became a dead letter as a whole
READ_AGAIN = "streamhooks.read_again"


class Hooks(Protocol):
    """The parts of the hooks table that tasks need."""

    def get(self, hook_id: str) -> Hook | None:
        """Return the hook, or None."""

    def is_active(self, hook_id: str) -> bool:
        """Tell whether deliveries may be sent to it."""

    def matching(self, ask: Ask) -> list[Hook]:
        """Return the hooks that match, including disabled ones."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the worker gives to its tasks."""

    hooks: Hooks
    find_resource: Callable[[str, str], Awaitable[dict[str, Any] | None]]
    note_finding: Callable[[str, str, dict[str, Any]], Awaitable[None]]
    deliveries_of: Callable[[str], Awaitable[list[Delivery]]] | None = None
    """Returns the deliveries of the source record at `<topic>:<partition>:<offset>`; None if that is not possible."""


@dataclass(slots=True)
class Running:
    """A run of a call."""

    call: Call
    services: Services
    handles: list[Handle] = field(default_factory=list)
    """The calls that the task has made."""


_current: ContextVar[Running | None] = ContextVar("running", default=None)


def running() -> Running | None:
    """Return the run that this code belongs to, or None outside of a run."""
    return _current.get()


def current() -> Running:
    """Return the run that this code belongs to.

    Raises:
        RuntimeError: the code is not running in a worker.

    """
    found = _current.get()
    if found is None:
        raise RuntimeError("this task runs in a worker only: call it with .delay()")
    return found


enter = _current.set
leave = _current.reset
