"""Notices: conditions of a hook, or of a source topic, that its owner should know about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self, cast, get_args

from streamhooks.records.fields import Record, choice, optional_number, plain, text, whole

AboutHook = Literal["disabled", "failing", "resumed", "sealed", "breaker_opened"]
What = Literal[AboutHook, "retention", "topic_paused"]


@dataclass(frozen=True, slots=True)
class Notice(Record):
    """A notice; the value of the topic `notices`."""

    hook_id: str
    """The hook, `<topic>:<partition>` if retention removed records that were not read yet, or a paused topic."""
    what: What
    why: str
    since: float | None
    """Start of the condition, epoch seconds."""
    at: int
    """When it was noticed, epoch milliseconds."""

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Check the fields; raise BrokenRecord that names the field."""
        return cls(
            hook_id=text(fields, "hook_id"),
            what=cast(What, choice(fields, "what", get_args(What))),
            why=text(fields, "why", empty=True),
            since=optional_number(fields, "since"),
            at=whole(fields, "at"),
        )

    def to_fields(self) -> dict[str, Any]:
        """Return the fields of the JSON form."""
        return plain(self)
