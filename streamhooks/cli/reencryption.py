"""Writing all hooks anew, encrypted by the first key, while workers and users go on writing hooks."""

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
"""From an offset of the topic `hooks` to its end."""
Write = Callable[[list[tuple[Record, bytes | None]]], list[int]]
"""Write values under the keys of these records; the offsets at which they lie then."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the hooks; `unopened` and `broken` are keys of records that stay as they are."""

    rewritten: int
    current: int
    unopened: tuple[str, ...]
    broken: tuple[str, ...]


class _Wishes:
    """What holds of each key; of a key that broken records are under the last one."""

    def __init__(self) -> None:
        self.latest: dict[bytes, Record] = {}
        self.end = 0
        self._revisions = Revisions()

    def take(self, records: Iterable[Record]) -> None:
        """Take in what was read."""
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
        """The revision of what is written in the place of a record."""
        return self._revisions.of(_name(record)) + 1


def reencrypt(read: Read, write: Write, keys: Keys, *, now: float, old: bool = True) -> Outcome:
    """Write every hook anew whose secrets are not bound to it and encrypted by the first key.

    `old` tells whether old texts are still opened (see `records.sealing`). A former secret that signs no longer at
    `now` (epoch seconds) is dropped, so no key is needed for it.

    What is written has the revision that comes next (see `hooks.revisions`): it changes nothing where somebody else
    wrote between the look and the write. Then what that one wrote is written once more.
    """

    def opened(hook: Hook) -> Hook:
        return keys.opened(without_expired(hook, now), old=old)

    def anew(record: Record) -> tuple[Record, bytes | None]:
        revision = wishes.next(record)
        if record.value is None:
            return record._replace(headers=((REVISION_HEADER, str(revision).encode()),)), None
        hook = opened(decode(Hook, record.value).written_at(record.timestamp))
        return record, replace(keys.sealed(hook), revision=revision).to_json()

    wishes = _Wishes()
    wishes.take(read(0))
    stale: list[tuple[Record, bytes | None]] = []
    current, unopened, broken = 0, list[str](), list[str]()
    for record in wishes.latest.values():
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
            stale.append(anew(record))
    outcome = Outcome(len(stale), current, tuple(sorted(unopened)), tuple(sorted(broken)))
    while stale:
        ours = {record.key: offset for (record, _), offset in zip(stale, write(stale), strict=True)}
        wishes.take(read(wishes.end))
        stale = [anew(record) for record in wishes.latest.values() if record.offset < ours.get(record.key, 0)]
    return outcome


def _name(record: Record) -> str:
    return (record.key or b"").decode("utf-8", "replace")
