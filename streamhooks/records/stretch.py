"""Ranges of offsets that a hook has yet to receive: records that it missed while it was disabled, or a replay."""

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
    """Offsets [next, end) of a source partition; a value of the topic `hook-states` with the key `<hook_id>/<id>`."""

    hook_id: str
    id: str
    """`<topic>:<partition>:<first offset>:<8 hex>` for missed records (0.1.0 left out the last part),
    `<replay>:<topic>:<partition>` for a replay."""
    why: Why
    topic: str
    partition: int
    next: int
    """The first offset that the hook has yet to receive."""
    end: int | None
    """The offset after the last one; None while the hook is disabled."""
    since: float
    """When it began, epoch seconds."""
    after: float = 0.0
    """The hook's `resumed_at` when it began: a later decision applies to this range."""
    resume: str | None = None
    """The decision, as in a hook; None until it is made."""
    not_before: int | None = None
    """Only records with this timestamp or a later one, epoch milliseconds."""
    before: int | None = None
    """Only records with an earlier timestamp, epoch milliseconds."""
    log: str | None = None
    """The id of the topic; a recreated topic has another id. None if unknown."""

    @property
    def key(self) -> str:
        """Return the record's key."""
        return f"{self.hook_id}/{self.id}"

    @property
    def tp(self) -> tuple[str, int]:
        """Return the topic and partition."""
        return self.topic, self.partition

    @property
    def between(self) -> Between:
        """Return the period of the records."""
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
