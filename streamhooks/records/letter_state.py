"""What became of a dead letter: sent again, delivered, dropped, or open after it was sent again in vain."""

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

#: characters of a reason that a state keeps: workers hold them in memory
LONGEST_REASON: Final = 300

#: of the same try, the later ones go before the earlier ones
_RANKS: Final[dict[State, int]] = {"sent": 0, "open": 1, "dropped": 2, "delivered": 3}


@dataclass(frozen=True, slots=True)
class LetterState(Record):
    """The value of the topic `letter-states`; a letter without one is open and was not sent again."""

    letter: str
    """`<partition>:<offset>:<timestamp>` of the letter on `dead-letters`; also the key."""
    state: State
    tries: int
    """How often it was sent again; of an open one, how often in vain."""
    at: int
    """When it was noted, epoch milliseconds."""
    reason: str | None = None
    """Why it is so: of an open one, why the last try failed."""
    attempts: int | None = None
    """How many attempts the last try had."""
    last: dict[str, Any] | None = None
    """What the last attempt came to: `status` or `error`."""

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
    """Return what tells which of two states of a letter holds: the greater one, whoever wrote it when.

    A later try goes before an earlier one; of one try, that it was delivered before that it was dropped, and that
    before that it failed.
    """
    return tries, _RANKS[state]
