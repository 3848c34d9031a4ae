"""What Kafka held, what it no longer holds, and whether the loss was reported: a pure comparison."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

_RANGE = re.compile(r"removed the offsets (\d+) to (\d+)")
#: how soon an added partition is found, in seconds (STREAMHOOKS_METADATA_INTERVAL): before, nobody knows of it
FOUND_WITHIN = 60.0
_MOVED = {"was recreated": "anew", "has lost its records": "shorter"}
#: topic (without the prefix), partition, offset, timestamp in epoch milliseconds
Place = tuple[str, int, int, int]


@dataclass(frozen=True)
class Record:
    """A record that Kafka confirmed."""

    topic: str
    """Without the prefix."""
    partition: int
    offset: int
    timestamp: int
    """Epoch milliseconds."""
    life: int
    """Counts up when the topic is recreated or its log cut: offsets may repeat in the next life."""
    value: bytes

    @property
    def place(self) -> Place:
        return self.topic, self.partition, self.offset, self.timestamp


@dataclass(frozen=True)
class Removal:
    """Kafka no longer holds the offsets [first, end) of this life and of previous ones."""

    kind: str
    at: float
    """Epoch seconds, before it began."""
    topic: str
    partition: int
    life: int
    first: int
    end: int | None
    committed: int
    """How far the group was before it, at least; 0 if that is not known."""
    is_unseen: bool = False
    """No worker can know of it."""

    @classmethod
    def nothing(cls, kind: str, at: float, topic: str, partition: int) -> Removal:
        """Return one that removed nothing, but may be reported all the same: a partition was added."""
        return cls(kind, at, topic, partition, -1, 0, 0, 0)

    @property
    def is_owed(self) -> bool:
        """Tell whether the workers must report it, even if nothing is lost: their position is not in the log."""
        return self.kind != "retention" and self.committed > self.first and not self.is_unseen

    def takes(self, record: Record) -> bool:
        return (
            (record.topic, record.partition) == (self.topic, self.partition)
            and record.life <= self.life
            and self.first <= record.offset
            and (self.end is None or record.offset < self.end)
        )

    def owes(self, record: Record) -> bool:
        """Tell whether the loss of this record must be reported.

        A log that lost its last records before anybody had read so far looks like one that never had them.
        """
        return not self.is_unseen and (self.kind != "cut" or self.committed > self.first)


@dataclass(frozen=True)
class Reported:
    """A notice about a source partition."""

    at: float
    topic: str
    partition: int
    why: str

    @property
    def named(self) -> range | None:
        """Return the offsets that it names as removed."""
        found = _RANGE.search(self.why)
        return range(int(found[1]), int(found[2]) + 1) if found else None

    @property
    def moved(self) -> str | None:
        """Return what it says happened to the log, in the metric's words."""
        return next((what for text, what in _MOVED.items() if text in self.why), None)

    def covers(self, removal: Removal, offset: int) -> bool:
        """Tell whether this reports the loss of this offset."""
        named = self.named
        return (
            (self.topic, self.partition) == (removal.topic, removal.partition)
            and self.at >= removal.at
            and (named is None or offset in named or removal.kind != "retention")
        )


@dataclass
class Account:
    """What happened to the records that were written."""

    written: int = 0
    held: int = 0
    gone: dict[Place, Removal] = field(default_factory=dict)
    """Records that Kafka no longer holds, and what removed them."""
    reported: set[Place] = field(default_factory=set)
    """Those of them that were reported."""
    owed: set[Place] = field(default_factory=set)
    """Those of them that must be reported if they were not delivered."""
    vanished: set[Place] = field(default_factory=set)
    """Records that Kafka no longer holds, and nothing is known that took them: nobody can deliver them."""
    wrong: list[str] = field(default_factory=list)


def reconciled(records: Sequence[Record], held: Mapping[Place, bytes]) -> list[Record]:
    """Return the records, each where Kafka has it; `held` is what it holds, with its value.

    A producer that repeats a batch, because a broker was killed before it answered, does not always learn the place of
    the first one. Or the batch is there twice: then both are records, with deliveries of their own.
    """
    confirmed = {record.place for record in records}
    strays = {(place[0], value): place for place, value in held.items() if place not in confirmed}
    found = []
    for record in records:
        if record.place not in held and (place := strays.pop((record.topic, record.value), None)):
            record = replace(record, partition=place[1], offset=place[2], timestamp=place[3])
        found.append(record)
    written = {(record.topic, record.value) for record in records}
    lives: dict[str, int] = {}
    for record in records:
        lives[record.topic] = max(record.life, lives.get(record.topic, 0))
    # Nothing has taken it, whatever was taken at its offset before.
    found += [
        Record(*place, lives[topic] + 1, value) for (topic, value), place in strays.items() if (topic, value) in written
    ]
    return found


def balance(
    records: Sequence[Record], held: set[Place], removals: Sequence[Removal], reported: Sequence[Reported]
) -> Account:
    """Work out which records are gone, why, and whether that was reported."""
    account = Account(written=len(records), held=len(held))
    of_partition: dict[tuple[str, int], list[Removal]] = {}
    for removal in sorted(removals, key=lambda one: one.at):
        of_partition.setdefault((removal.topic, removal.partition), []).append(removal)
    for record in records:
        known = of_partition.get((record.topic, record.partition), [])
        removal = next((one for one in known if one.takes(record)), None)
        if (record.place in held) == (removal is None):
            if removal is None:
                continue
            account.gone[record.place] = removal
            if removal.owes(record) and not _went_unseen(removal, known):
                account.owed.add(record.place)
            if any(one.covers(removal, record.offset) for one in reported):
                account.reported.add(record.place)
        elif removal is None:
            account.vanished.add(record.place)
            account.wrong.append(f"confirmed, not there, and nothing took it: {record.place}")
        else:
            account.wrong.append(f"there, though it was taken by {removal}: {record.place}")
    if unknown := held - {record.place for record in records}:
        account.wrong.append(f"{len(unknown)} records are there that were never confirmed, such as {min(unknown)}")
    account.wrong += _unreported(removals, reported)
    account.wrong += _reported_in_vain(of_partition, reported)
    return account


def _went_unseen(removal: Removal, known: Iterable[Removal]) -> bool:
    """Tell whether the partition was deleted with its topic before a worker had to know of it."""
    return removal.kind == "anew" and any(
        one.kind == "partitions" and 0 <= removal.at - one.at < FOUND_WITHIN for one in known
    )


def _unreported(removals: Iterable[Removal], reported: Sequence[Reported]) -> Iterator[str]:
    for removal in removals:
        if removal.is_owed and not any(one.covers(removal, removal.first) for one in reported):
            yield f"never reported: {removal}"


def _reported_in_vain(removals: dict[tuple[str, int], list[Removal]], reported: Iterable[Reported]) -> Iterator[str]:
    for one in reported:
        before = [removal for removal in removals.get((one.topic, one.partition), []) if removal.at <= one.at]
        if not before:
            yield f"reported, although nothing had happened: {one}"
        kept = [
            offset
            for offset in one.named or ()
            if not any(removal.first <= offset and (removal.end or offset + 1) > offset for removal in before)
        ]
        if kept:
            yield f"reported as removed, although Kafka held them: {kept[:3]} of {one}"


def must_be_counted(reported: Iterable[Reported]) -> dict[str, int]:
    """Return by topic how many offsets the notices name as removed, and by topic and kind how many logs as moved.

    That is what the metrics of all workers together must say.
    """
    sums: Counter[str] = Counter()
    for one in reported:
        if one.named is not None:
            sums[one.topic] += len(one.named)
        if one.moved is not None:
            sums[f"{one.topic} {one.moved}"] += 1
    return dict(sums)
