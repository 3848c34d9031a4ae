"""Which record of a hook holds: `hooks` has one writer a hook, its home, but whose home it is may change unnoticed.

The home writes each change with a *revision*, one more than that of the record that it changes. A home that was paused
and wakes up writes from what it knew then: its revision is not above the one that holds by now, and every reader
rejects its record. Compaction keeps only the last record of a key, which may be the rejected one. So the log is
*healed*: the home writes what holds once more, with a revision of its own, which is also above that of the rejected
record, so that it holds for who reads nothing but these two.

A record without a revision (of a GitOps, of 0.1.0) wins, whatever there was, and so does a tombstone without one. Its
revision is its offset and one. A home's revision is never above that: every record takes one offset at least. So what
comes from a home that has not seen such a record is not above it. Where that does not hold, since records with
revisions were copied into another log, the record that won is healed, too.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from streamhooks.kafka.reader import Record
from streamhooks.records.hook import REVISION_HEADER

#: deleted hooks that are remembered, so that a late record can't bring them back
REMEMBERED = 100_000


class Revisions:
    """The revisions of all hooks, and of those that were deleted last.

    Attributes:
        to_heal: the hooks of which what holds must be written again, by their home.

    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._held: dict[str, int] = {}
        self._gone: OrderedDict[str, int] = OrderedDict()
        self._reached: dict[int, int] = {}  # the last offset that was looked at, by partition
        self._rejected: deque[int] = deque(maxlen=1000)
        self.to_heal: set[str] = set()

    def take(self, hook_id: str, record: Record, revision: int | None) -> bool | None:
        """Tell whether a record of a hook holds from now on; None if it was looked at before.

        `revision` is the one in the record, None if there is none there.
        """
        if record.offset < 0:  # made up: the log does not have the hook
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
        # A home that began to read with this record would write what others take for old.
        is_below = revision is None and own < current
        self._set(hook_id, current + 1 if is_below else revision or own, is_gone=record.value is None)
        if is_below:
            self.to_heal.add(hook_id)
        return True

    def of(self, hook_id: str) -> int:
        """The revision that holds, also of a hook that was deleted; 0 for one of which nothing is known."""
        return self._held.get(hook_id) or self._gone.get(hook_id, 0)

    def is_gone(self, hook_id: str) -> bool:
        """Whether it is remembered that the hook was deleted."""
        return hook_id in self._gone

    def was_rejected(self, offset: int) -> bool:
        """Whether the record at this offset was rejected a short while ago."""
        return offset in self._rejected

    def forget(self, hook_id: str) -> None:
        """Know nothing of a hook."""
        self._held.pop(hook_id, None)
        self._gone.pop(hook_id, None)
        self.to_heal.discard(hook_id)

    def begin_anew(self) -> None:
        """The log is another one from now on: what is in it holds, whatever was before."""
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
    """Return the revision of a tombstone; None if it has none that can be read."""
    for name, value in record.headers:
        if name == REVISION_HEADER and value and value.isdigit():
            return int(value)
    return None
