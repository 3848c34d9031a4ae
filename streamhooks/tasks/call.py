"""A task call: what a run needs to know, and its form in the topic `delayed`."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from streamhooks.records.call import DelayedCall, Resent
from streamhooks.records.event import Event
from streamhooks.records.hook import Hook
from streamhooks.records.ids import webhook_id_of_call
from streamhooks.records.message import Message
from streamhooks.tasks.lanes import task_lane


class Call(Struct):
    """One call of a task, over all its runs."""

    id: str
    task: str
    partition: int
    """Its partition in `delayed`."""
    created: int
    """When it was first called, epoch milliseconds."""
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    attempt: int = 1
    """The number of the next or current run, from 1."""
    due: int = 0
    """When it is due, epoch milliseconds."""
    hook_id: str | None = None
    source: str | None = None
    event: str | None = None
    traceparent: str | None = None
    webhook_id: str = ""
    hops: int = 0
    """How many deliveries, each causing the next, led to it."""
    redriven: int = 0
    """How often it was dead-lettered and sent again."""
    cause: Resent | None = None
    """Why a source record is sent again; None for a live delivery."""
    letter: str | None = None
    """The key of the dead letter that it sends again."""
    earlier: int = 0
    """How many attempts were made before its first run: those that its dead letter had."""
    moved: int = 0
    """When it was moved to its partition, epoch milliseconds; 0 if it never was."""
    starts: int = 0
    """How many runs of this attempt were started alone and have not ended: they ended their process."""
    expires: int | None = None
    """From when on it does not run, epoch milliseconds."""
    first_id: str | None = None
    """The id of the call whose dead letter it sends again; None for a call that was not given up."""
    stored: bool = False
    """Whether it has a record in `delayed`, which a tombstone must settle."""
    size: int = 0
    """The weight of the record that caused it, if that is large."""
    kept_at: int | None = None
    """The offset of its arguments in `delayed`, if they are still to be read."""
    is_fit: bool = False
    """Whether its message has passed the filter of its hook; if not, that is asked when it runs."""

    def __post_init__(self) -> None:
        if not self.webhook_id:
            self.webhook_id = webhook_id_of_call(self.id, self.source)

    @property
    def attempts(self) -> int:
        """Return the total number of attempts, including the next or current run."""
        return self.earlier + self.attempt

    @property
    def callers_id(self) -> str:
        """Return the id that its caller got: it stays when a dead letter is sent again."""
        return self.first_id or self.id

    @property
    def label(self) -> str:
        """Return what names it in the log: the id of a call of users, else the `webhook-id`."""
        is_of_users = self.hook_id is None and task_lane(self.task).is_of_users
        return f"id={self.callers_id}" if is_of_users else f"webhook_id={self.webhook_id}"

    def record(self, *, attempt: int, due: int, reason: str, last: dict[str, Any] | None = None) -> bytes:
        """Return the value that stores the call in `delayed` for this attempt; `due` is epoch milliseconds."""
        return DelayedCall(
            id=self.id,
            task=self.task,
            attempt=attempt,
            due=due,
            created=self.created,
            reason=reason,  # type: ignore[arg-type]
            args=plain_arguments(self.args),
            kwargs=self.kwargs,
            hook_id=self.hook_id,
            source=self.source,
            webhook_id=self.webhook_id,
            event=self.event,
            last=last,
            traceparent=self.traceparent,
            hops=self.hops,
            redriven=self.redriven,
            cause=self.cause,
            letter=self.letter,
            earlier=self.earlier,
            moved=self.moved,
            starts=self.starts if attempt == self.attempt else 0,
            expires=self.expires,
            first_id=self.first_id,
        ).to_json()

    @classmethod
    def from_record(cls, stored: DelayedCall, partition: int, size: int = 0, kept_at: int | None = None) -> Call:
        """Return the call that a record in `delayed` stores; if it is large, `stored` may lack the arguments."""
        return cls(
            id=stored.id,
            task=stored.task,
            partition=partition,
            created=stored.created,
            args=stored.args,
            kwargs=stored.kwargs,
            attempt=stored.attempt,
            due=stored.due,
            hook_id=stored.hook_id,
            source=stored.source,
            event=stored.event,
            traceparent=stored.traceparent,
            webhook_id=stored.webhook_id or "",
            hops=stored.hops,
            redriven=stored.redriven,
            cause=stored.cause,
            letter=stored.letter,
            earlier=stored.earlier,
            moved=stored.moved,
            starts=stored.starts,
            expires=stored.expires,
            first_id=stored.first_id,
            stored=True,
            size=size,
            kept_at=kept_at,
        )


def as_of(call: Call, hook: Hook | None) -> None:
    """Make a call of an active hook count as made after the hook was resumed, even if the clock was set back."""
    if hook is not None and hook.resumed_at:
        call.created = max(call.created, int(hook.resumed_at * 1000) + 1)


def plain_arguments(args: list[Any]) -> list[Any]:
    """Return the arguments as JSON values: an event or a message becomes its fields."""
    return [arg.to_fields() if isinstance(arg, (Event, Message)) else arg for arg in args]
