"""Writing all hooks anew, encrypted by the first key, while workers and users go on writing hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from streamhooks.errors import BrokenRecord
from streamhooks.kafka.reader import Record
from streamhooks.records.formats import decode
from streamhooks.records.hook import Hook
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


def reencrypt(read: Read, write: Write, keys: Keys, *, now: float, old: bool = True) -> Outcome:
    """Write every hook anew whose secrets are not bound to it and encrypted by the first key.

    `old` tells whether old texts are still opened (see `records.sealing`). A former secret that signs no longer at
    `now` (epoch seconds) is dropped, so no key is needed for it.

    Kafka has no write that depends on what is there. So what somebody else wrote between the look and the write is
    looked for afterwards, and written once more: the last wish holds.
    """

    def opened(hook: Hook) -> Hook:
        return keys.opened(without_expired(hook, now), old=old)

    found = read(0)
    latest = {record.key: record for record in found if record.key is not None}
    stale: list[tuple[Record, bytes | None]] = []
    current, unopened, broken = 0, list[str](), list[str]()
    for record in latest.values():
        if record.value is None:
            continue
        name = (record.key or b"").decode("utf-8", "replace")
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
            stale.append((record, keys.sealed(hook).to_json()))
    _write_last(read, write, lambda hook: keys.sealed(opened(hook)), stale, _end(found, 0))
    return Outcome(len(stale), current, tuple(sorted(unopened)), tuple(sorted(broken)))


def _write_last(
    read: Read, write: Write, sealed: Callable[[Hook], Hook], wanted: list[tuple[Record, bytes | None]], position: int
) -> None:
    while wanted:
        ours = {record.key: offset for (record, _), offset in zip(wanted, write(wanted), strict=True)}
        since = read(position)
        position = _end(since, position)
        overwritten = {r.key: r for r in since if r.offset < ours.get(r.key, 0)}
        wanted = [(record, _sealed(record, sealed)) for record in overwritten.values()]


def _sealed(record: Record, sealed: Callable[[Hook], Hook]) -> bytes | None:
    try:
        if record.value is None:
            return None
        return sealed(decode(Hook, record.value).written_at(record.timestamp)).to_json()
    except BrokenRecord:
        return record.value


def _end(records: Iterable[Record], position: int) -> int:
    return max((record.offset + 1 for record in records), default=position)
