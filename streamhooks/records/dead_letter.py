"""Calls and records that finally failed, with all that is needed to send them again."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from streamhooks.errors import BrokenRecord
from streamhooks.records.fields import (
    Record,
    listing,
    mapping,
    optional_mapping,
    optional_text,
    optional_whole,
    plain,
    text,
    whole,
    yes_or_no,
)


@dataclass(frozen=True, slots=True)
class DeadLetter(Record):
    """A call or a source record that finally failed; the value of the topic `dead-letters`."""

    exact: ClassVar[bool] = True

    id: str
    at: int
    """Epoch milliseconds."""
    reason: str
    hook_id: str | None = None
    task: dict[str, Any] | None = None
    """`name`, `args` (a list) and `kwargs` (an object) of the call; None for an unreadable record."""
    raw: bytes | None = None
    """The bytes of an unreadable record; base64 in the JSON and Avro forms."""
    attempts: int = 0
    last: dict[str, Any] | None = None
    """The result of the last attempt: `status` or `error`."""
    source: str | None = None
    """`<topic>:<partition>:<offset>`."""
    redriven: int = 0
    """How often it was sent again."""
    truncated: bool = False
    """Whether it was too large to be stored whole, so that it must be read from its source again."""
    webhook_id: str | None = None
    event: str | None = None
    """Such as `issue.created`."""
    hops: int = 0
    """How many deliveries, each causing the next, led to it."""

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Check the fields; raise BrokenRecord naming the field."""
        return cls(
            id=text(fields, "id"),
            at=whole(fields, "at"),
            reason=text(fields, "reason", empty=True),
            hook_id=optional_text(fields, "hook_id"),
            task=_task(fields),
            raw=_raw(fields),
            attempts=optional_whole(fields, "attempts") or 0,
            last=optional_mapping(fields, "last"),
            source=optional_text(fields, "source"),
            redriven=optional_whole(fields, "redriven") or 0,
            truncated=yes_or_no(fields, "truncated"),
            webhook_id=optional_text(fields, "webhook_id"),
            event=optional_text(fields, "event"),
            hops=optional_whole(fields, "hops") or 0,
        )

    def to_fields(self) -> dict[str, Any]:
        """Return the fields of the JSON form."""
        return {**plain(self), "raw": None if self.raw is None else b64encode(self.raw).decode()}


def _task(fields: dict[str, Any]) -> dict[str, Any] | None:
    if fields.get("task") is None:
        return None
    task = mapping(fields, "task")
    return {
        "name": text(task, "name", "task."),
        "args": listing(task, "args", "task."),
        "kwargs": optional_mapping(task, "kwargs", "task.") or {},
    }


def _raw(fields: dict[str, Any]) -> bytes | None:
    encoded = optional_text(fields, "raw")
    if encoded is None:
        return None
    try:
        return b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise BrokenRecord("raw: must be base64") from None
