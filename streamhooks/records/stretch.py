"""A stretch of a source partition that a hook has still to get: what it missed while it was disabled, or a replay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self, cast, get_args

from streamhooks.records.fields import (
    Record,
    choice,
    hex_32,
    number,
    optional_number,
    optional_text,
    optional_whole,
    plain,
    text,
    whole,
)
from streamhooks.times import Between

Why = Literal["disabled", "replay"]


@dataclass(frozen=True, slots=True)
class Stretch(Record):
    """Offsets [next, end) of a partition; a value of the topic `hook-states`, under the key `<hook_id>/<id>`."""

    hook_id: str
    id: str
    """`<topic>:<partition>:<first offset>` of what was passed over, `<replay>:<topic>:<partition>` of a replay."""
    why: Why
    topic: str
    partition: int
    next: int
    """The first offset that the hook has still to get."""
    end: int | None
    """The offset after the last one; None as long as the hook is disabled."""
    since: float
    """When it began, epoch seconds."""
    after: float = 0.0
    """The hook's `resumed_at` when it began: a later one decides about this stretch."""
    resume: str | None = None
    """What was decided, as in a hook; None as long as nothing is."""
    not_before: int | None = None
    """Only records with this timestamp or a later one are meant, epoch milliseconds."""
    before: int | None = None
    """Only records with an earlier timestamp are meant, epoch milliseconds."""
    log: str | None = None
    """The id of the topic: one that is made anew has another; None if it is not known."""

    @property
    def key(self) -> str:
        """The record's key."""
        return f"{self.hook_id}/{self.id}"

    @property
    def tp(self) -> tuple[str, int]:
        """The partition."""
        return self.topic, self.partition

    @property
    def between(self) -> Between:
        """The times of the records that are meant."""
        return Between(self.not_before, self.before)

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Check the fields; raise BrokenRecord that names the field."""
        return cls(
            hook_id=hex_32(fields, "hook_id"),
            id=text(fields, "id"),
            why=cast(Why, choice(fields, "why", get_args(Why))),
            topic=text(fields, "topic"),
            partition=whole(fields, "partition"),
            next=whole(fields, "next"),
            end=optional_whole(fields, "end"),
            since=number(fields, "since"),
            after=optional_number(fields, "after") or 0.0,
            resume=optional_text(fields, "resume"),
            not_before=optional_whole(fields, "not_before"),
            before=optional_whole(fields, "before"),
            log=optional_text(fields, "log"),
        )

    def to_fields(self) -> dict[str, Any]:
        """Return the fields of the JSON form."""
        return plain(self)
