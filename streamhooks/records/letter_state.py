"""The state of a dead letter: sent again, delivered, dropped, or open again because the try failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, Self, cast, get_args

from streamhooks.records.fields import (
    Record,
    choice,
    optional_mapping,
    optional_text,
    optional_whole,
    plain,
    text,
    whole,
)

State = Literal["open", "sent", "delivered", "dropped"]

#: characters of the reason that are kept, since workers hold all states in memory
LONGEST_REASON: Final = 300

#: within one try, a higher rank takes precedence
_RANKS: Final[dict[State, int]] = {"sent": 0, "open": 1, "dropped": 2, "delivered": 3}


@dataclass(frozen=True, slots=True)
class LetterState(Record):
    """The value of the topic `letter-states`; a letter without one is open and was never sent again."""

    letter: str
    """`<partition>:<offset>:<timestamp>` of the letter on `dead-letters`; also the record's key."""
    state: State
    tries: int
    """How often it was sent again."""
    at: int
    """When that was recorded, epoch milliseconds."""
    reason: str | None = None
    """The reason; for an open letter, why the last try failed."""
    attempts: int | None = None
    """Total number of attempts."""
    last: dict[str, Any] | None = None
    """The result of the last attempt: `status` or `error`."""

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """Check the fields; raise BrokenRecord that names the field."""
        return cls(
            letter=text(fields, "letter"),
            state=cast(State, choice(fields, "state", get_args(State))),
            tries=whole(fields, "tries"),
            at=whole(fields, "at"),
            reason=optional_text(fields, "reason"),
            attempts=optional_whole(fields, "attempts"),
            last=optional_mapping(fields, "last"),
        )

    def to_fields(self) -> dict[str, Any]:
        """Return the fields of the JSON form."""
        return plain(self)


def order(state: State, tries: int) -> tuple[int, int]:
    """Return the precedence of a state: of two states of a letter, the greater one holds, whoever wrote it and when.

    A later try takes precedence over an earlier one. Within one try, the order is `delivered`, `dropped`, `open`,
    `sent`.
    """
    return tries, _RANKS[state]
