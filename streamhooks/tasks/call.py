"""A task call on its way: what a run needs to know, and its form in the topic `delayed`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from streamhooks.records.call import DelayedCall, Resent
from streamhooks.records.event import Event
from streamhooks.records.hook import Hook
from streamhooks.records.ids import webhook_id_of_call


@dataclass(slots=True)
class Call:
    """One call of a task, over all its runs."""

    id: str
    task: str
    partition: int
    """Its partition of `delayed`."""
    created: int
    """When it was called first, epoch milliseconds."""
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    attempt: int = 1
    """The run that comes next or is on, from 1."""
    due: int = 0
    """When it was to run, epoch milliseconds."""
    hook_id: str | None = None
    source: str | None = None
    event: str | None = None
    traceparent: str | None = None
    webhook_id: str = ""
    hops: int = 0
    """How many deliveries, one causing the next, led to it."""
    redriven: int = 0
    """How often it was given up and sent again."""
    cause: Resent | None = None
    """What sends a source record again; None for a live one."""
    letter: str | None = None
    """The key of the dead letter that it sends again."""
    earlier: int = 0
    """How many attempts were made before its first run: those of its dead letter."""
    stored: bool = False
    """Whether it has a record in `delayed`, which must be settled by a tombstone."""
    size: int = 0
    """The weight of the record that it comes from, if that is large."""
    kept_at: int | None = None
    """The offset of `delayed` at which its arguments lie, if they are still to be read."""

    def __post_init__(self) -> None:
        if not self.webhook_id:
            self.webhook_id = webhook_id_of_call(self.id, self.source)

    @property
    def attempts(self) -> int:
        """How many attempts were made when the run that comes next or is on has ended."""
        return self.earlier + self.attempt

    def record(self, *, attempt: int, due: int, reason: str, last: dict[str, Any] | None = None) -> bytes:
        """The value that stores the call in `delayed` for this attempt."""
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
        ).to_json()

    @classmethod
    def from_record(cls, stored: DelayedCall, partition: int, size: int = 0, kept_at: int | None = None) -> Call:
        """The call that a record in `delayed` stores; of a large one `stored` may lack the arguments."""
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
            stored=True,
            size=size,
            kept_at=kept_at,
        )


def as_of(call: Call, hook: Hook | None) -> None:
    """Have a call of an active hook count as made after the hook was resumed: a clock that went back may deny it."""
    if hook is not None:
        call.created = max(call.created, int(hook.resumed_at * 1000) + 1)


def plain_arguments(args: list[Any]) -> list[Any]:
    """The arguments as JSON: an event goes as its fields."""
    return [arg.fields if isinstance(arg, Event) else arg for arg in args]
