"""Pending calls in memory, and the records that heal the log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from streamhooks.kafka.reader import Record
from streamhooks.records.call import ATTEMPT_HEADER, DelayedCall
from streamhooks.records.formats import decode
from streamhooks.records.ids import webhook_id_of_call
from streamhooks.records.weight import LARGE, weight

#: the attempt of a tombstone that was written by hand: it settles every attempt
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
    """When it was first called, epoch milliseconds."""
    hook_id: str | None
    value: bytes
    """The record's value; that of a large call has no arguments."""
    state: State = "waiting"
    offset: int | None = None
    """The offset of the complete record of a large call."""
    size: int = 0
    """The weight of a large call; see `records.weight`."""
    at_once: bool = False
    """Whether it waits for no time of day. Then its due time is when it was written."""
    letter: tuple[str, int] | None = None
    """The key of the dead letter that it resends, and the number of the try."""
    webhook_id: str = ""
    """The `webhook-id` for receivers. A call that sends something again has that of the first time."""

    def call(self) -> DelayedCall:
        """Return the call; a large one has no arguments."""
        return decode(DelayedCall, self.value)


def _is_at_once(call: DelayedCall) -> bool:
    # A call waits for a time only if that was in the future when it was written. Others were deferred.
    return call.reason in ("overflow", "paused", "resend") or call.due <= call.created


@dataclass(frozen=True, slots=True)
class Heal:
    """What must be written to heal the log: a value, or a tombstone for an attempt."""

    id: str
    partition: int
    value: bytes | None
    attempt: int
    large: Entry | None = None
    """The call, if it is large: then the value lacks its arguments."""


def entry_of(record: Record, call: DelayedCall) -> Entry:
    """Return the entry of a record of `delayed` that holds this call."""
    value = record.value or b""
    entry = Entry(call.id, record.partition, call.attempt, call.due, call.created, call.hook_id, value)
    entry.at_once = _is_at_once(call)
    known = call.webhook_id or webhook_id_of_call(call.id, call.source)
    # Mostly they are equal, and the same object takes no memory.
    entry.webhook_id = call.id if known == call.id else known
    if call.letter is not None:
        entry.letter = (call.letter, call.redriven)
    if len(value) > LARGE:
        entry.offset, entry.size = record.offset, weight(value)
        entry.value = replace(call, args=[], kwargs={}).to_json()
    return entry


def heal_of(entry: Entry) -> Heal:
    """Return the heal that writes the entry again."""
    large = None if entry.offset is None else entry
    return Heal(entry.id, entry.partition, entry.value, entry.attempt, large)


def attempt_of(record: Record) -> int:
    """Return the attempt that a tombstone settles; ANY_ATTEMPT if it names none."""
    for name, value in record.headers:
        if name == ATTEMPT_HEADER:
            try:
                return int(value)
            except ValueError:
                return ANY_ATTEMPT
    return ANY_ATTEMPT
