"""A task call that waits for its time: a retry, a countdown, an overflow, a manual resend."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal, Self, cast, get_args

from streamhooks.records.fields import (
    Record,
    choice,
    listing,
    optional_mapping,
    optional_text,
    optional_whole,
    plain,
    text,
    whole,
)

HOPS_HEADER: Final = "streamhooks-hops"
"""Of a request: how many deliveries, one causing the next, it is; of a source record: the same, passed on."""

#: the header of a tombstone on `delayed` that says which attempt it settles: a late one removes only its own
ATTEMPT_HEADER = "attempt"

Reason = Literal["retry", "countdown", "overflow", "paused", "resend"]
Resent = Literal["replay", "resume", "redrive"]


@dataclass(frozen=True, slots=True)
class DelayedCall(Record):
    """A task call with a due time; the value of the topic `delayed`."""

    exact: ClassVar[bool] = True

    id: str
    task: str
    attempt: int
    """The run that this call will be, from 1."""
    due: int
    """When it may run, epoch milliseconds."""
    created: int
    """When the first run was called, epoch milliseconds."""
    reason: Reason
    args: list[Any] = field(default_factory=list)
    """JSON values; in a record that is to be encoded also orjson.Fragment, JSON text as it is."""
    kwargs: dict[str, Any] = field(default_factory=dict)
    hook_id: str | None = None
    source: str | None = None
    """`<topic>:<partition>:<offset>` of the record that caused the call."""
    webhook_id: str | None = None
    event: str | None = None
    """For the views, such as `issue.created`."""
    last: dict[str, Any] | None = None
    """What the last run came to: `status` or `error`."""
    traceparent: str | None = None
    """W3C Trace Context of the first run."""
    hops: int = 0
    """How many deliveries, one causing the next, led to it."""
    redriven: int = 0
    """How often it was given up and sent again."""
    cause: Resent | None = None
    """What sends a source record again; None for a live one."""
    letter: str | None = None
    """The dead letter that it sends again: `<partition>:<offset>:<timestamp>` of `dead-letters`."""
    earlier: int = 0
    """How many attempts were made before its first run: those of a dead letter before it was sent again."""

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Check the fields; raise BrokenRecord that names the field. `args` and `kwargs` may be absent."""
        return cls(
            id=text(fields, "id"),
            task=text(fields, "task"),
            attempt=whole(fields, "attempt", least=1),
            due=whole(fields, "due"),
            created=whole(fields, "created"),
            reason=cast(Reason, choice(fields, "reason", get_args(Reason))),
            args=listing(fields, "args"),
            kwargs=optional_mapping(fields, "kwargs") or {},
            hook_id=optional_text(fields, "hook_id"),
            source=optional_text(fields, "source"),
            webhook_id=optional_text(fields, "webhook_id"),
            event=optional_text(fields, "event"),
            last=optional_mapping(fields, "last"),
            traceparent=optional_text(fields, "traceparent"),
            hops=optional_whole(fields, "hops") or 0,
            redriven=optional_whole(fields, "redriven") or 0,
            cause=None if fields.get("cause") is None else cast(Resent, choice(fields, "cause", get_args(Resent))),
            letter=optional_text(fields, "letter"),
            earlier=optional_whole(fields, "earlier") or 0,
        )

    def to_fields(self) -> dict[str, Any]:
        """Return the fields of the JSON form."""
        return plain(self)
