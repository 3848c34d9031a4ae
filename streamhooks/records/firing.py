"""The attempts to deliver, and their outcomes.

Why an attempt is a struct: docs/decisions/0022-structs.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Self, cast, get_args

from msgspec import UNSET, Struct, UnsetType
from msgspec.json import encode
from msgspec.structs import asdict

from streamhooks.errors import BrokenRecord
from streamhooks.records.fields import (
    Record,
    choice,
    listing,
    number,
    optional_text,
    optional_whole,
    text,
    whole,
)

Outcome = Literal["delivered", "retried", "dead", "dropped", "failed"]
"""`failed` is a test that was not delivered: it is not tried again, and is no dead letter."""


class Meaning(NamedTuple):
    """What an outcome means."""

    counts_as: Literal["delivered", "failed"] | None
    """In the statistics of its hook; None if it is not counted."""
    goes_on: bool
    """Whether another attempt follows."""
    tone: Literal["good", "warn", "bad", "off"]
    """How it is shown to people."""


OUTCOMES: Final[Mapping[Outcome, Meaning]] = {
    "delivered": Meaning("delivered", False, "good"),
    "retried": Meaning("failed", True, "warn"),
    "dead": Meaning("failed", False, "bad"),
    "dropped": Meaning(None, False, "off"),
    "failed": Meaning(None, False, "bad"),
}

Cause = Literal["live", "retry", "replay", "resume", "redrive", "test"]
"""Why an attempt was made; retries of a replay, a resume or a redrive keep that cause."""


class Attempt(Struct, gc=False):
    """One attempt to deliver a webhook."""

    id: str
    """The `webhook-id`."""
    attempt: int
    """Counts from 1."""
    at: int
    """Epoch milliseconds."""
    outcome: Outcome
    status: int | None = None
    """The HTTP status, or None if there was no response."""
    error: str | None = None
    duration_ms: float = 0.0
    source: str | None = None
    """`<topic>:<partition>:<offset>`."""
    event: str | None = None
    url: str | None = None
    cause: Cause | None = None
    """None if unknown: 0.1.0 did not write it."""
    request: str | UnsetType = UNSET
    """The request body, truncated; only for failures."""
    response: str | UnsetType = UNSET
    """The response body, truncated; only for failures."""

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Check the fields; raise BrokenRecord naming the field."""
        return cls(
            id=text(fields, "id"),
            attempt=whole(fields, "attempt", least=1),
            at=whole(fields, "at"),
            outcome=cast(Outcome, choice(fields, "outcome", get_args(Outcome))),
            status=optional_whole(fields, "status"),
            error=optional_text(fields, "error"),
            duration_ms=number(fields, "duration_ms"),
            source=optional_text(fields, "source"),
            event=optional_text(fields, "event"),
            url=optional_text(fields, "url"),
            cause=None if fields.get("cause") is None else cast(Cause, choice(fields, "cause", get_args(Cause))),
            request=UNSET if (request := optional_text(fields, "request")) is None else request,
            response=UNSET if (response := optional_text(fields, "response")) is None else response,
        )

    def to_fields(self) -> dict[str, Any]:
        """Return the fields of the JSON form; `request` and `response` are left out when there are none."""
        return {name: value for name, value in asdict(self).items() if value is not UNSET}

    def to_json(self) -> bytes:
        """Return the JSON form."""
        return encode(self)


@dataclass(frozen=True, slots=True)
class Firing(Record):
    """The attempts of one hook within a fraction of a second; the value of the topic `firings`."""

    hook_id: str
    attempts: tuple[Attempt, ...]

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Check the fields and every attempt; raise BrokenRecord naming the field and the attempt."""
        attempts = []
        for position, attempt in enumerate(listing(fields, "attempts")):
            if not isinstance(attempt, dict):
                raise BrokenRecord(f"attempts.{position}: must be an object")
            try:
                attempts.append(Attempt.from_fields(attempt))
            except BrokenRecord as broken:
                raise BrokenRecord(f"attempts.{position}.{broken}") from None
        return cls(text(fields, "hook_id"), tuple(attempts))

    def to_fields(self) -> dict[str, Any]:
        """Return the fields of the JSON form."""
        return {"hook_id": self.hook_id, "attempts": [attempt.to_fields() for attempt in self.attempts]}
