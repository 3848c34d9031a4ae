"""What a running task can reach: its call, the hooks, the resources."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from streamhooks.hooks.matching import Ask
    from streamhooks.records.hook import Hook
    from streamhooks.tasks.call import Call
    from streamhooks.tasks.sending import Handle
    from streamhooks.tasks.task import Delivery
    from streamhooks.tasks.tracing import Tracing


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
    tracing: Tracing | None = None
    """Gives each run of a user's task its span; None without traces."""


@dataclass(slots=True)
class Running:
    """A run of a call."""

    call: Call
    services: Services
    handles: list[Handle] = field(default_factory=list)
    """The calls that the task has made."""
    max_retries: int = 0
    """How many retries its task has."""
    traceparent: str | None = None
    """Identifies its span; None without traces."""


@dataclass(frozen=True, slots=True)
class RunningCall:
    """What a task may know about the call that it runs for."""

    id: str
    """The same in every run of the call, and the `id` of the handle that the caller got: a key to be idempotent by."""
    task: str
    """The name of the task."""
    attempt: int
    """The number of this run, from 1."""
    max_retries: int
    """How many retries the task has: the run is the last one if `attempt` is greater."""
    due: datetime
    """When this run was due, in UTC."""
    source: str | None
    """`<topic>:<partition>:<offset>` of the record that caused the call; None for a call of a program."""


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


def current_call() -> RunningCall:
    """Return the call that this code runs for, in a task or in what it calls, also in its thread.

    Raises:
        RuntimeError: the code is not running in a worker.

    """
    return running_call(current())


def running_call(run: Running) -> RunningCall:
    """Return what a task may know about its call."""
    call = run.call
    due = datetime.fromtimestamp((call.due or call.created) / 1000, UTC)
    return RunningCall(call.callers_id, call.task, call.attempt, run.max_retries, due, call.source)


enter = _current.set
leave = _current.reset
