"""Rewrite all hooks, encrypted with the first key, while workers and users keep writing hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from streamhooks.errors import BrokenRecord
from streamhooks.hooks.revisions import Revisions, revision_of_tombstone
from streamhooks.kafka.reader import Record
from streamhooks.records.formats import decode
from streamhooks.records.hook import REVISION_HEADER, Hook
from streamhooks.records.rotation import without_expired
from streamhooks.records.sealing import Keys

Read = Callable[[int], list[Record]]
"""Read the topic `hooks` from an offset to its end."""
Write = Callable[[list[tuple[Record, bytes | None]]], list[int]]
"""Write values under the keys of these records; return their offsets."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result: numbers of hooks, and the keys of records that stay as they are (`unopened` and `broken`)."""

    rewritten: int
    current: int
    unopened: tuple[str, ...]
    broken: tuple[str, ...]


class _InForce:
    """The record in force of each key; for a key with only broken records, the last one."""

    def __init__(self) -> None:
        self.latest: dict[bytes, Record] = {}
        self.end = 0
        self._revisions = Revisions()

    def take(self, records: Iterable[Record]) -> None:
        """Add records that were read."""
        for record in records:
            self.end = record.offset + 1
            if record.key is not None and self._holds(record):
                self.latest[record.key] = record

    def _holds(self, record: Record) -> bool:
        try:
            revision = revision_of_tombstone(record) if record.value is None else decode(Hook, record.value).revision
        except BrokenRecord:
            revision = None
        return self._revisions.take(_name(record), record, revision) is True

    def next(self, record: Record) -> int:
        """Return the revision for the rewritten record."""
        return self._revisions.of(_name(record)) + 1


def reencrypt(read: Read, write: Write, keys: Keys, *, now: float, old: bool = True) -> Outcome:
    """Rewrite every hook whose secrets are not bound to it and encrypted with the first key.

    `old` is whether old texts may still be decrypted (see `records.sealing`). A previous secret that no longer signs at
    `now` (epoch seconds) is dropped, so it needs no key.

    A rewritten hook has the next revision (see `hooks.revisions`), so it has no effect if somebody else has written the
    hook in the meantime. Then that newer record is rewritten as well.
    """

    def opened(hook: Hook) -> Hook:
        return keys.decrypted(without_expired(hook, now), old=old)

    def rewritten(record: Record) -> tuple[Record, bytes | None]:
        revision = in_force.next(record)
        if record.value is None:
            return record._replace(headers=((REVISION_HEADER, str(revision).encode()),)), None
        hook = opened(decode(Hook, record.value).written_at(record.timestamp))
        return record, replace(keys.encrypted(hook), revision=revision).to_json()

    in_force = _InForce()
    in_force.take(read(0))
    stale: list[tuple[Record, bytes | None]] = []
    current, unopened, broken = 0, list[str](), list[str]()
    for record in in_force.latest.values():
        if record.value is None:
            continue
        name = _name(record)
        try:
            as_written = decode(Hook, record.value).written_at(record.timestamp)
            hook = opened(as_written)
        except BrokenRecord:
            broken.append(name)
            continue
        if hook.id != name:
            broken.append(name)
        elif keys.is_current(as_written):
            current += 1
        elif hook.is_sealed:
            unopened.append(name)
        else:
            stale.append(rewritten(record))
    outcome = Outcome(len(stale), current, tuple(sorted(unopened)), tuple(sorted(broken)))
    while stale:
        ours = {record.key: offset for (record, _), offset in zip(stale, write(stale), strict=True)}
        in_force.take(read(in_force.end))
        stale = [rewritten(record) for record in in_force.latest.values() if record.offset < ours.get(record.key, 0)]
    return outcome


def _name(record: Record) -> str:
    return (record.key or b"").decode("utf-8", "replace")
