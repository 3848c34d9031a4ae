"""The pending calls: the topic `delayed` is the table, this is its image in the memory of the partition's owner.

Around a hand-over two owners may write, in any order. What holds: the record of attempt n+1 says that n is done; a
record with an attempt at or below one that is done changes nothing; a tombstone removes only its own attempt and those
before it. A record that changes nothing is still the last of its key, which compaction would keep: then the log is
*healed*, by writing what holds once more.

Of a large call only the coordinates are here: its arguments are read from the log when it is due. Compaction keeps the
newest record of a call, so of several that tell the same it is the one to read.

Why: docs/decisions/0003-delayed-is-its-own-table.md.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from streamhooks.delayed.entries import ANY_ATTEMPT, Entry, Heal, attempt_of, entry_of, heal_of
from streamhooks.errors import BrokenRecord
from streamhooks.kafka.reader import Record
from streamhooks.metrics import PENDING, PENDING_BYTES
from streamhooks.records.call import DelayedCall
from streamhooks.records.formats import decode
from streamhooks.times import steady

#: how long what is settled is remembered, so that a late record can't bring it back, in seconds
MEMORY = 600.0

_Item = tuple[bool, int, str, int]
"""Whether it waits for a time of day, when it is due, its id, its partition."""


class Pending:
    """The pending calls of the owned partitions, in the order in which they are due."""

    def __init__(self, clock: Callable[[], float] = steady) -> None:
        self._clock = clock
        self._entries: dict[int, dict[str, Entry]] = {}
        self._heap: list[_Item] = []
        self._unread: dict[int, list[_Item]] = {}  # due, of partitions that are being read
        self._settled: dict[str, int] = {}
        self._settled_before: dict[str, int] = {}
        self._rotated = clock()
        self._stale: dict[tuple[int, str], Heal] = {}
        self._unseen: dict[int, set[str]] = {}  # of partitions that are read once more

    # --- the log

    def apply(self, record: Record) -> Entry | None:
        """Take in a record of `delayed`.

        Returns: the entry if it is new or now due at another time.

        Raises:
            BrokenRecord: it is no call; nothing was changed.

        """
        key = (record.key or b"").decode("utf-8", "replace")
        entries = self._entries.setdefault(record.partition, {})
        current = entries.get(key)
        if record.partition in self._unseen:
            self._unseen[record.partition].discard(key)
        if record.value is None:
            self._apply_tombstone(record, key, current)
            return None
        call = decode(DelayedCall, record.value)
        if call.id != key:
            raise BrokenRecord("id: is not the record's key")
        settled = self._settled_attempt(key)
        if call.attempt <= settled:
            self._stale[record.partition, key] = Heal(key, record.partition, None, settled)
            return None
        if current is not None and call.attempt <= current.attempt:
            if current.offset is not None:
                current.offset = record.offset
            if call.attempt < current.attempt:
                self._stale[record.partition, key] = heal_of(current)
            else:
                self._stale.pop((record.partition, key), None)
            return None
        entry = entry_of(record, call)
        if current is not None:
            self._forget(current)
        self._stale.pop((record.partition, key), None)
        entries[key] = entry
        PENDING.inc()
        PENDING_BYTES.inc(len(entry.value))
        self._push(entry)
        return entry

    def _apply_tombstone(self, record: Record, key: str, current: Entry | None) -> None:
        attempt = attempt_of(record)
        if current is not None and current.attempt > attempt:
            self._stale[record.partition, key] = heal_of(current)
            return
        self._stale.pop((record.partition, key), None)
        self._remember(key, max(attempt if attempt < ANY_ATTEMPT else 0, current.attempt if current else 0))
        if current is not None:
            self._forget(current)
            del self._entries[record.partition][key]

    def settle(self, entry: Entry) -> None:
        """Its tombstone is confirmed: what the log will tell in a moment holds already."""
        entries = self._entries.get(entry.partition, {})
        if entries.get(entry.id) is entry:
            self._remember(entry.id, entry.attempt)
            self._forget(entry)
            del entries[entry.id]

    def begin_anew(self, partition: int) -> None:
        """The log of a partition is not as it was read, and is read once more: what it lacks is to be healed."""
        self._unseen[partition] = set(self._entries.get(partition, ()))

    def heals(self, partition: int) -> list[Heal]:
        """What must be written so that the log of a partition, read to its end, says what holds; each is told once."""
        found = [heal for heal in self._stale.values() if heal.partition == partition]
        for heal in found:
            del self._stale[partition, heal.id]
        entries = self._entries.get(partition, {})
        lost = [entries[key] for key in self._unseen.pop(partition, ()) if key in entries]
        return found + [heal_of(entry) for entry in lost]

    def release(self, partitions: Iterable[int]) -> None:
        """The partitions are somebody else's: forget their calls."""
        gone = set(partitions)
        # When they come back they are read, and pushed, again.
        self._heap = [item for item in self._heap if item[-1] not in gone]
        heapq.heapify(self._heap)
        for partition in gone:
            self._unread.pop(partition, None)
            for entry in self._entries.pop(partition, {}).values():
                self._forget(entry)
            self.heals(partition)

    @staticmethod
    def _forget(entry: Entry) -> None:
        entry.state = "gone"
        PENDING.dec()
        PENDING_BYTES.dec(len(entry.value))

    def _settled_attempt(self, key: str) -> int:
        return max(self._settled.get(key, 0), self._settled_before.get(key, 0))

    def _remember(self, key: str, attempt: int) -> None:
        now = self._clock()
        if now - self._rotated > MEMORY:
            self._settled_before, self._settled, self._rotated = self._settled, {}, now
        self._settled[key] = attempt

    # --- the due times

    def _push(self, entry: Entry) -> None:
        heapq.heappush(self._heap, (not entry.at_once, entry.due, entry.id, entry.partition))

    def pop_due(self, now_ms: int, is_ready: Callable[[int], bool]) -> Iterator[Entry]:
        """Take the calls that are due of the partitions that were read to their end.

        First those that wait for no time of day, the oldest first, then the others as they are due.
        """
        for partition in [partition for partition in self._unread if is_ready(partition)]:
            for item in self._unread.pop(partition):
                heapq.heappush(self._heap, item)
        while self._heap and (not self._heap[0][0] or self._heap[0][1] <= now_ms):
            item = heapq.heappop(self._heap)
            _, due, key, partition = item
            entry = self._entries.get(partition, {}).get(key)
            if entry is None or entry.state != "waiting" or entry.due != due:
                continue
            if is_ready(partition):
                yield entry
            else:
                # Kept apart: it may be many, and they are not to be looked at each time.
                self._unread.setdefault(partition, []).append(item)

    def next_due(self) -> int | None:
        """When the next call is due, epoch milliseconds; it may be one that is gone by now.

        Without what is due and waits for its partition to be read.
        """
        if not self._heap:
            return None
        waits, due, *_ = self._heap[0]
        return due if waits else 0

    def run_at(self, entry: Entry, due: int) -> None:
        """Let a waiting call run as soon as it can, as one that was due then, as long as this owner lives."""
        entry.due = due
        entry.state = "waiting"
        entry.at_once = True
        self._push(entry)

    # --- looking

    def get(self, partition: int, call_id: str) -> Entry | None:
        """One call."""
        return self._entries.get(partition, {}).get(call_id)

    def of_task(self, call_id: str) -> Entry | None:
        """The call without a hook that has this id."""
        found = (entries.get(call_id) for entries in self._entries.values())
        return next((entry for entry in found if entry is not None and entry.hook_id is None), None)

    def of_hook(self, partition: int, hook_id: str) -> list[Entry]:
        """The calls of a hook, the next one first."""
        found = [e for e in self._entries.get(partition, {}).values() if e.hook_id == hook_id]
        return sorted(found, key=lambda entry: entry.due)

    def named(self, partition: int, hook_id: str, name: str) -> list[Entry]:
        """The calls of a hook with this `webhook-id`, the next one first; else the one with this id."""
        found = [entry for entry in self.of_hook(partition, hook_id) if entry.webhook_id == name]
        alone = self.get(partition, name)
        return found or [entry for entry in (alone,) if entry is not None and entry.hook_id == hook_id]

    def oldest(self, hook_id: str) -> int | None:
        """When the oldest call of a hook that still waits was called first, epoch milliseconds.

        For one hook: who wants it of many asks `oldest_by_hook` once, in a thread.
        """
        return min(
            (e.created for entries in self._entries.values() for e in entries.values() if e.hook_id == hook_id),
            default=None,
        )

    def snapshot(self) -> list[Entry]:
        """All calls as they are now, for who looks at them in another thread: there may be a million."""
        return list(chain.from_iterable(entries.values() for entries in self._entries.values()))

    def partitions(self) -> list[int]:
        """The partitions of which something was read."""
        return list(self._entries)

    def __len__(self) -> int:
        return sum(len(entries) for entries in self._entries.values())


def oldest_by_hook(entries: Iterable[Entry]) -> dict[str, int]:
    """When the oldest of these calls was called first, of each hook, epoch milliseconds."""
    oldest: dict[str, int] = {}
    for entry in entries:
        hook_id = entry.hook_id
        if hook_id is not None and (hook_id not in oldest or entry.created < oldest[hook_id]):
            oldest[hook_id] = entry.created
    return oldest
