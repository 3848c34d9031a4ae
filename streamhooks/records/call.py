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
"""On a request, how many deliveries caused one another up to it; a producer passes that on with a source record."""

#: the header of a tombstone on `delayed` with the attempt that it settles, so that a late one settles no later attempt
ATTEMPT_HEADER = "attempt"
#: the header of a tombstone of a call that was moved to another partition: the `moved` of the record that it settles
MOVED_HEADER = "moved"

Reason = Literal["retry", "countdown", "overflow", "paused", "resend"]
Resent = Literal["replay", "resume", "redrive"]


@dataclass(frozen=True, slots=True)
class DelayedCall(Record):
    """A task call with a due time; the value of the topic `delayed`."""

    exact: ClassVar[bool] = True

    id: str
    task: str
    attempt: int
    """The number of the next run, from 1."""
    due: int
    """When it may run, epoch milliseconds."""
    created: int
    """When the first run was called, epoch milliseconds."""
    reason: Reason
    args: list[Any] = field(default_factory=list)
    """JSON values. A record that is to be encoded may also have orjson.Fragment: JSON text that is copied unchanged."""
    kwargs: dict[str, Any] = field(default_factory=dict)
    hook_id: str | None = None
    source: str | None = None
    """`<topic>:<partition>:<offset>` of the record that caused the call."""
    webhook_id: str | None = None
    event: str | None = None
    """For display, such as `issue.created`."""
    last: dict[str, Any] | None = None
    """The result of the last run: `status` or `error`."""
    traceparent: str | None = None
    """W3C Trace Context of the first run."""
    hops: int = 0
    """How many deliveries, each causing the next, led to it."""
    redriven: int = 0
    """How often it was dead-lettered and sent again."""
    cause: Resent | None = None
    """Why a source record is sent again; None for a live delivery."""
    letter: str | None = None
    """The dead letter that it sends again: `<partition>:<offset>:<timestamp>` on `dead-letters`."""
    earlier: int = 0
    """How many attempts were made before its first run: those that its dead letter had before it was sent again."""
    moved: int = 0
    """When it was moved to this partition, whose owner knows its task, epoch milliseconds; 0 if it never was."""
    starts: int = 0
    """How many runs of this attempt were started alone and have not ended, each after an unclean end of its owner."""
    expires: int | None = None
    """From when on it does not run, epoch milliseconds; None for never."""
    first_id: str | None = None
    """The id of the call whose dead letter it sends again; None for a call that was not given up."""

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Check the fields; raise BrokenRecord naming the field. `args` and `kwargs` may be absent."""
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
            moved=optional_whole(fields, "moved") or 0,
            starts=optional_whole(fields, "starts") or 0,
            expires=optional_whole(fields, "expires"),
            first_id=optional_text(fields, "first_id"),
        )

    def to_fields(self) -> dict[str, Any]:
        """Return the fields of the JSON form."""
        return plain(self)


def tombstone_headers(attempt: int, moved: int | None = None) -> list[tuple[str, bytes]]:
    """Return the headers of a tombstone that settles this attempt.

    moved -- of a call that goes on in another partition: the `moved` of the record that left.
    """
    headers = [(ATTEMPT_HEADER, str(attempt).encode())]
    return headers if moved is None else [*headers, (MOVED_HEADER, str(moved).encode())]
