"""Pending calls in memory, and the records that heal the log."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from streamhooks.kafka.reader import Record
from streamhooks.records.call import ATTEMPT_HEADER, MOVED_HEADER, DelayedCall
from streamhooks.records.formats import decode
from streamhooks.records.ids import webhook_id_of_call
from streamhooks.records.weight import LARGE, weight

#: the attempt of a tombstone that was written by hand: it settles every attempt
ANY_ATTEMPT = 2**31
#: a tombstone without a move settles its attempt, wherever the call has been
ANY_MOVE = 2**63

State = Literal["waiting", "queued", "unknown", "running", "gone"]

Mark = tuple[int, int]
"""An attempt, and when the call was moved last. Of two records of a call in a partition, the greater one holds."""


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
    starts: int = 0
    """How many runs of this attempt were started alone and have not ended."""
    webhook_id: str = ""
    """The `webhook-id` for receivers. A call that sends something again has that of the first time."""
    task: str = ""
    moved: int = 0
    """When it was moved to this partition, epoch milliseconds; 0 if it never was."""

    @property
    def mark(self) -> Mark:
        """Return what tells it from earlier records of the call in this partition."""
        return self.attempt, self.moved

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
    moved: int | None = None
    """Of a tombstone that says that the call was moved away: the `moved` of the record that it settles."""


def entry_of(record: Record, call: DelayedCall) -> Entry:
    """Return the entry of a record of `delayed` that holds this call."""
    value = record.value or b""
    # Texts that many calls have are one object, which saves their memory.
    hook_id = None if call.hook_id is None else sys.intern(call.hook_id)
    entry = Entry(call.id, record.partition, call.attempt, call.due, call.created, hook_id, value)
    entry.at_once, entry.starts = _is_at_once(call), call.starts
    entry.task, entry.moved = sys.intern(call.task), call.moved
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


def tombstone_of(key: str, partition: int, settled: Mark) -> Heal:
    """Return what writes the tombstone of a settled call once more."""
    attempt, moved = settled
    return Heal(key, partition, None, attempt, moved=None if moved == ANY_MOVE else moved)


def settled_by(record: Record) -> Mark:
    """Return what a tombstone settles: that, and all that is smaller."""
    attempt, moved = ANY_ATTEMPT, ANY_MOVE
    for name, value in record.headers:
        try:
            if name == ATTEMPT_HEADER:
                attempt = int(value)
            elif name == MOVED_HEADER:
                moved = int(value)
        except ValueError:
            return ended(ANY_ATTEMPT)
    return ended(attempt) if moved == ANY_MOVE else (attempt, moved)


@lru_cache(maxsize=256)  # shared, since each call that ended is remembered for a while
def ended(attempt: int) -> Mark:
    """Return the mark of a call that has ended with this attempt."""
    return attempt, ANY_MOVE
