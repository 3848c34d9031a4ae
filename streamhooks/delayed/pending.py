"""The pending calls. The topic `delayed` is the table; this is its image in the memory of the partition's owner.

Around a rebalance, two owners may write in any order. So the record of attempt n+1 means that attempt n is done. A
record whose attempt is already done is ignored. A tombstone removes only its own attempt and earlier ones. An ignored
record is still the last one of its key, so compaction would keep it. Then the log is *healed*: the current state is
written again.

Of a large call, only the coordinates are in memory. Its arguments are read from the log when it is due. Compaction
keeps the newest record of a call, so the newest of several equal records is the one to read.

A call that is moved to another partition leaves a tombstone that names the record that left. What is settled is
therefore known per partition: the call lives on elsewhere, and may come back later, as a record that was moved later.

Why: docs/decisions/0003-delayed-is-its-own-table.md.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from streamhooks.delayed.entries import (
    ANY_ATTEMPT,
    Entry,
    Heal,
    Mark,
    ended,
    entry_of,
    heal_of,
    settled_by,
    tombstone_of,
)
from streamhooks.errors import BrokenRecord
from streamhooks.kafka.reader import Record
from streamhooks.metrics import PENDING, PENDING_BYTES
from streamhooks.records.call import DelayedCall
from streamhooks.records.formats import decode
from streamhooks.times import steady

#: how long settled calls are remembered, in seconds, so that a late record can't bring them back
MEMORY = 600.0

_Item = tuple[bool, int, str, int]
"""Whether a call waits for a time of day, its due time, its id, its partition."""


class Pending:
    """The pending calls of the owned partitions, in the order in which they are due."""

    def __init__(self, clock: Callable[[], float] = steady) -> None:
        self._clock = clock
        self._entries: dict[int, dict[str, Entry]] = {}
        self._heap: list[_Item] = []
        self._unread: dict[int, list[_Item]] = {}  # due calls of partitions that are being read
        self._settled: dict[int, dict[str, Mark]] = {}
        self._settled_before: dict[int, dict[str, Mark]] = {}
        self._rotated = clock()
        self._stale: dict[tuple[int, str], Heal] = {}
        self._unseen: dict[int, set[str]] = {}  # ids not seen yet, of partitions that are read again

    # --- the log

    def apply(self, record: Record) -> Entry | None:
        """Apply a record of `delayed`.

        Returns: the entry if it is new or its due time has changed.

        Raises:
            BrokenRecord: it is not a valid call; nothing was changed.

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
        mark, settled = (call.attempt, call.moved), self._settled_mark(record.partition, key)
        if mark <= settled:
            self._stale[record.partition, key] = tombstone_of(key, record.partition, settled)
            return None
        if current is not None and mark <= current.mark:
            if current.offset is not None:
                current.offset = record.offset
            if mark < current.mark:
                self._stale[record.partition, key] = heal_of(current)
            else:
                self._stale.pop((record.partition, key), None)
                if call.starts != current.starts:
                    self._renew(current, entry_of(record, call))
            return None
        entry = entry_of(record, call)
        if current is not None:
            self._forget(current)
        self._stale.pop((record.partition, key), None)
        entries[entry.id] = entry
        PENDING.inc()
        PENDING_BYTES.inc(len(entry.value))
        self._push(entry)
        return entry

    def _apply_tombstone(self, record: Record, key: str, current: Entry | None) -> None:
        mark = settled_by(record)
        if current is not None and current.mark > mark:
            self._stale[record.partition, key] = heal_of(current)
            return
        self._stale.pop((record.partition, key), None)
        if mark[0] < ANY_ATTEMPT:
            self._remember(record.partition, key, mark)
        elif current is not None:
            self._remember(record.partition, key, ended(current.attempt))
        if current is not None:
            self._forget(current)
            del self._entries[record.partition][key]

    @staticmethod
    def _renew(entry: Entry, told: Entry) -> None:
        """Note another number of starts of the same attempt: what it is doing goes on."""
        PENDING_BYTES.inc(len(told.value) - len(entry.value))
        entry.value, entry.starts = told.value, told.starts

    def settle(self, entry: Entry, *, moved: bool = False) -> None:
        """Remove a call whose tombstone is confirmed, without waiting to read that.

        moved -- whether the call goes on in another partition.
        """
        entries = self._entries.get(entry.partition, {})
        if entries.get(entry.id) is entry:
            self._remember(entry.partition, entry.id, entry.mark if moved else ended(entry.attempt))
            self._forget(entry)
            del entries[entry.id]

    def begin_anew(self, partition: int) -> None:
        """Note that a recreated or truncated log is read again: `heals` then returns the calls that it lacks."""
        self._unseen[partition] = set(self._entries.get(partition, ()))

    def heals(self, partition: int) -> list[Heal]:
        """Return what to write to heal the log of a partition that was read to its end; each heal is returned once."""
        found = [heal for heal in self._stale.values() if heal.partition == partition]
        for heal in found:
            del self._stale[partition, heal.id]
        entries = self._entries.get(partition, {})
        lost = [entries[key] for key in self._unseen.pop(partition, ()) if key in entries]
        return found + [heal_of(entry) for entry in lost]

    def release(self, partitions: Iterable[int]) -> None:
        """Forget the calls of partitions that were revoked."""
        gone = set(partitions)
        # If they are assigned again, they are read and pushed again.
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

    def _settled_mark(self, partition: int, key: str) -> Mark:
        nothing = (0, 0)
        return max(some.get(partition, {}).get(key, nothing) for some in (self._settled, self._settled_before))

    def _remember(self, partition: int, key: str, mark: Mark) -> None:
        now = self._clock()
        if now - self._rotated > MEMORY:
            self._settled_before, self._settled, self._rotated = self._settled, {}, now
        of_partition = self._settled.setdefault(partition, {})
        of_partition[key] = max(mark, of_partition.get(key, mark))

    # --- the due times

    def _push(self, entry: Entry) -> None:
        heapq.heappush(self._heap, (not entry.at_once, entry.due, entry.id, entry.partition))

    def pop_due(self, now_ms: int, is_ready: Callable[[int], bool]) -> Iterator[Entry]:
        """Take the due calls of partitions that were read to their end.

        First come those that wait for no time of day, oldest first, then the others by due time.
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
                # Kept apart, since there may be many and they need not be checked each time.
                self._unread.setdefault(partition, []).append(item)

    def next_due(self) -> int | None:
        """Return when the next call is due, in epoch milliseconds; None without any. The call may be gone by now.

        Ignore due calls whose partition is being read.
        """
        if not self._heap:
            return None
        waits, due, *_ = self._heap[0]
        return due if waits else 0

    def run_at(self, entry: Entry, due: int, *, at_once: bool = True) -> None:
        """Let a call run as soon as possible, in the order of `due` (epoch milliseconds); this is not written.

        at_once -- otherwise it does not run before that time.
        """
        entry.due = due
        entry.state = "waiting"
        entry.at_once = at_once
        self._push(entry)

    # --- queries

    def get(self, partition: int, call_id: str) -> Entry | None:
        """Return a call; None if unknown."""
        return self._entries.get(partition, {}).get(call_id)

    def of_partition(self, partition: int) -> list[Entry]:
        """Return the calls of a partition."""
        return list(self._entries.get(partition, {}).values())

    def of_task(self, call_id: str) -> Entry | None:
        """Return the call without a hook that has this id; None if unknown."""
        found = (entries.get(call_id) for entries in self._entries.values())
        return next((entry for entry in found if entry is not None and entry.hook_id is None), None)

    def of_hook(self, partition: int, hook_id: str) -> list[Entry]:
        """Return the calls of a hook by due time."""
        found = [e for e in self._entries.get(partition, {}).values() if e.hook_id == hook_id]
        return sorted(found, key=lambda entry: entry.due)

    def named(self, partition: int, hook_id: str, name: str) -> list[Entry]:
        """Return the calls of a hook with this `webhook-id` by due time; without any, the call with this id."""
        found = [entry for entry in self.of_hook(partition, hook_id) if entry.webhook_id == name]
        alone = self.get(partition, name)
        return found or [entry for entry in (alone,) if entry is not None and entry.hook_id == hook_id]

    def oldest(self, hook_id: str) -> int | None:
        """Return when the oldest pending call of a hook was first called, in epoch milliseconds; None without any.

        It visits all calls: for many hooks use `oldest_by_hook` once, in a thread.
        """
        return min(
            (e.created for entries in self._entries.values() for e in entries.values() if e.hook_id == hook_id),
            default=None,
        )

    def snapshot(self) -> Iterator[Entry]:
        """Yield all calls, also in another thread. There may be a million: it copies one partition at a time."""
        return chain.from_iterable(list(entries.values()) for entries in list(self._entries.values()))

    def partitions(self) -> list[int]:
        """Return the partitions of which a record was read."""
        return list(self._entries)

    def __len__(self) -> int:
        return sum(len(entries) for entries in self._entries.values())


def oldest_by_hook(entries: Iterable[Entry]) -> dict[str, int]:
    """Return when the oldest of these calls was first called, per hook, in epoch milliseconds."""
    oldest: dict[str, int] = {}
    for entry in entries:
        hook_id = entry.hook_id
        if hook_id is not None and (hook_id not in oldest or entry.created < oldest[hook_id]):
            oldest[hook_id] = entry.created
    return oldest
