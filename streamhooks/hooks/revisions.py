"""Which record of a hook is in force: a hook has one writer, its owner, but the owner may change unnoticed.

The owner writes each change with a *revision*, one more than that of the record that it changes. A previous owner that
was paused and wakes up writes from an older state: its revision is not above that of the record in force, and every
reader rejects its record. Compaction keeps only the last record of a key, which may be the rejected one. So the log is
*healed*: the owner writes the record in force again, with a new revision. That one is also above the revision of the
rejected record, so that it is in force for readers who see only these two.

A record or tombstone without a revision (of GitOps, or of 0.1.0) always wins. Its revision is its offset plus one. An
owner's revision is never above that, since every record takes at least one offset. So a record of an owner that has not
seen the winning record is not above it. This may fail if records with revisions were copied into another log; then the
record that won is healed as well.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from streamhooks.kafka.reader import Record
from streamhooks.records.hook import REVISION_HEADER

#: deleted hooks that are remembered, so that a late record can't bring them back
REMEMBERED = 100_000


class Revisions:
    """The revisions of all hooks, and of the most recently deleted ones.

    Attributes:
        to_heal: the hooks whose owner must write the record in force again.

    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._held: dict[str, int] = {}
        self._gone: OrderedDict[str, int] = OrderedDict()
        self._reached: dict[int, int] = {}  # the last offset that was checked, by partition
        self._rejected: deque[int] = deque(maxlen=1000)
        self.to_heal: set[str] = set()

    def take(self, hook_id: str, record: Record, revision: int | None) -> bool | None:
        """Tell whether a record of a hook is in force from now on; return None if it was checked before.

        `revision` is that of the record, None if it has none.
        """
        if record.offset < 0:  # not a real record: the log does not have the hook
            self.forget(hook_id)
            return True
        reached = self._reached.get(record.partition, -1)
        if record.offset < reached:
            return None
        self._reached[record.partition] = record.offset
        current, is_again = self.of(hook_id), record.offset == reached
        if revision is not None and revision <= current and not (is_again and revision == current):
            self._rejected.append(record.offset)
            self.to_heal.add(hook_id)
            return False
        own = record.offset + 1
        # An owner that began to read with this record would write records that others reject as old.
        is_below = revision is None and own < current
        self._set(hook_id, current + 1 if is_below else revision or own, is_gone=record.value is None)
        if is_below:
            self.to_heal.add(hook_id)
        return True

    def of(self, hook_id: str) -> int:
        """Return the revision in force, also of a deleted hook; 0 for an unknown hook."""
        return self._held.get(hook_id) or self._gone.get(hook_id, 0)

    def is_gone(self, hook_id: str) -> bool:
        """Tell whether the hook is remembered as deleted."""
        return hook_id in self._gone

    def was_rejected(self, offset: int) -> bool:
        """Tell whether the record at this offset was rejected recently."""
        return offset in self._rejected

    def forget(self, hook_id: str) -> None:
        """Forget a hook."""
        self._held.pop(hook_id, None)
        self._gone.pop(hook_id, None)
        self.to_heal.discard(hook_id)

    def begin_anew(self) -> None:
        """Forget everything, since the log is another one now: its content is in force, whatever was before."""
        for known in (self._held, self._gone, self._reached, self._rejected, self.to_heal):
            known.clear()

    def _set(self, hook_id: str, revision: int, *, is_gone: bool) -> None:
        self.forget(hook_id)
        if not is_gone:
            self._held[hook_id] = revision
            return
        self._gone[hook_id] = revision
        if len(self._gone) > self._remembered:
            forgotten, _ = self._gone.popitem(last=False)
            self.to_heal.discard(forgotten)


def revision_of_tombstone(record: Record) -> int | None:
    """Return the revision of a tombstone; None if it has no valid one."""
    for name, value in record.headers:
        if name == REVISION_HEADER and value and value.isdigit():
            return int(value)
    return None
