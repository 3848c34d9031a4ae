"""A pending call as it is kept in memory, and what must be written of it so that the log says what holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from sys import intern
from typing import Literal

from streamhooks.kafka.reader import Record
from streamhooks.records.call import ATTEMPT_HEADER, DelayedCall
from streamhooks.records.formats import decode
from streamhooks.records.ids import webhook_id_of_call
from streamhooks.records.weight import LARGE, weight

#: a tombstone without an attempt was written by hand: it settles whatever there is
ANY_ATTEMPT = 2**31

State = Literal["waiting", "queued", "running", "gone"]


@dataclass(slots=True, eq=False)
class Entry:
    """A pending call. Its value is decoded only when it runs."""

    id: str
    partition: int
    attempt: int
    due: int
    """Epoch milliseconds."""
    created: int
    """When it was called first, epoch milliseconds."""
    hook_id: str | None
    value: bytes
    """Of a large call without its arguments."""
    state: State = "waiting"
    offset: int | None = None
    """Where the whole of a large call lies."""
    size: int = 0
    """Its weight."""
    at_once: bool = False
    """Whether it waits for no time of day: its due time only says when it was written."""
    letter: tuple[str, int] | None = None
    """The key of the dead letter that it sends again, and which try that is."""
    webhook_id: str = ""
    """What receivers know it by; what sends something once more has that of the first time."""
    task: str = ""
    """The name of its task."""

    def call(self) -> DelayedCall:
        """The call; a large one without its arguments."""
        return decode(DelayedCall, self.value)


def _is_at_once(call: DelayedCall) -> bool:
    # Only a time that lies ahead when it is written means a wait; others came here to be held back, or not at all.
    return call.reason in ("overflow", "paused", "resend") or call.due <= call.created


@dataclass(frozen=True, slots=True)
class Heal:
    """What must be written again so that the log says what holds: a value, or a tombstone for an attempt."""

    id: str
    partition: int
    value: bytes | None
    attempt: int
    large: Entry | None = None
    """The call of which the value lacks the arguments."""


def entry_of(record: Record, call: DelayedCall) -> Entry:
    """Return the entry of a record of `delayed`, whose value is the call."""
    value = record.value or b""
    entry = Entry(call.id, record.partition, call.attempt, call.due, call.created, call.hook_id, value)
    entry.at_once = _is_at_once(call)
    entry.task = intern(call.task)  # one text for all calls of the task
    known = call.webhook_id or webhook_id_of_call(call.id, call.source)
    entry.webhook_id = call.id if known == call.id else known  # mostly, and then it takes no memory
    if call.letter is not None:
        entry.letter = (call.letter, call.redriven)
    if len(value) > LARGE:
        entry.offset, entry.size = record.offset, weight(value)
        entry.value = replace(call, args=[], kwargs={}).to_json()
    return entry


def heal_of(entry: Entry) -> Heal:
    """Return what writes the entry once more."""
    large = None if entry.offset is None else entry
    return Heal(entry.id, entry.partition, entry.value, entry.attempt, large)


def attempt_of(record: Record) -> int:
    """Return the attempt that a tombstone settles, ANY_ATTEMPT if it names none."""
    for name, value in record.headers:
        if name == ATTEMPT_HEADER:
            try:
                return int(value)
            except ValueError:
                return ANY_ATTEMPT
    return ANY_ATTEMPT
