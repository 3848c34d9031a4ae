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


#: the task that runs at a hook's home when any worker has found something about it
NOTE_FINDING = "streamhooks.note_finding"
#: the task that takes up a source record again that became a dead letter as a whole
READ_AGAIN = "streamhooks.read_again"


class Hooks(Protocol):
    """The hooks table, as far as tasks need it."""

    def get(self, hook_id: str) -> Hook | None:
        """The hook, or None."""

    def is_active(self, hook_id: str) -> bool:
        """Whether deliveries may be sent to it."""

    def matching(self, ask: Ask) -> list[Hook]:
        """The hooks, disabled ones too, that get what is asked for."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the worker hands to its tasks."""

    hooks: Hooks
    find_resource: Callable[[str, str], Awaitable[dict[str, Any] | None]]
    note_finding: Callable[[str, str, dict[str, Any]], Awaitable[None]]
    deliveries_of: Callable[[str], Awaitable[list[Delivery]]] | None = None
    """Of the source record at `<topic>:<partition>:<offset>`; None where no source records are taken up."""


@dataclass(slots=True)
class Running:
    """A run of a call."""

    call: Call
    services: Services
    handles: list[Handle] = field(default_factory=list)
    """The calls that the task has made."""


_current: ContextVar[Running | None] = ContextVar("running", default=None)


def running() -> Running | None:
    """The run that this code belongs to, or None outside of one."""
    return _current.get()


def current() -> Running:
    """The run that this code belongs to.

    Raises:
        RuntimeError: this task needs a worker around it.

    """
    found = _current.get()
    if found is None:
        raise RuntimeError("this task runs in a worker only: call it with .delay()")
    return found


enter = _current.set
leave = _current.reset
