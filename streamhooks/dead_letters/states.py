"""The states of dead letters: the topic `letter-states`, which every worker keeps in memory.

An open letter that was never sent again has no state, so it costs nothing here. The owner of the letter decides. During
a handover two workers may write, in any order. The state of the latest try takes precedence, and within one try
`delivered` (`records.letter_state.order`). A record that changes nothing would still be the last of its key, which
compaction keeps. Then the state in force is written again: the log is *healed*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from streamhooks.errors import BrokenRecord
from streamhooks.kafka.applying import broken_among
from streamhooks.kafka.reader import TP, Record
from streamhooks.kafka.topic_reader import Table
from streamhooks.records.formats import decode
from streamhooks.records.letter_state import LetterState, State, order

#: distinct states that are stored once; most letters share a few
SHARED = 20_000

Bounds = Mapping[int, tuple[int, int]]
"""The first offset that `dead-letters` holds, and the next offset, per partition."""


class Known(NamedTuple):
    """The state of a letter. Letters with the same values share one."""

    state: State
    tries: int
    reason: str | None = None
    attempts: int | None = None
    status: int | None = None
    error: str | None = None

    @property
    def order(self) -> tuple[int, int]:
        """Return the precedence: of two states, the greater one holds."""
        return order(self.state, self.tries)

    @property
    def last(self) -> dict[str, Any] | None:
        """Return the result of the last attempt."""
        if self.status is not None:
            return {"status": self.status}
        return None if self.error is None else {"error": self.error}

    def record(self, letter: str, at: int) -> LetterState:
        """Return the record with this state; `at` is epoch milliseconds."""
        return LetterState(letter, self.state, self.tries, at, self.reason, self.attempts, self.last)


class LetterStates(Table):
    """The states by letter. One for the worker; may be asked from other threads."""

    def __init__(self) -> None:
        self._known: dict[int, dict[str, Known]] = {}
        self._asked: dict[str, Known] = {}
        self._shared: dict[Known, Known] = {}
        self._stale: dict[int, set[str]] = {}
        self._unseen: dict[int, set[str]] = {}  # of partitions that are read again
        self._bounds: Bounds = {}
        self._beyond: set[str] = set()  # letters that were beyond the end at the last check for expired ones

    # --- the log

    def apply(self, records: list[Record]) -> list[tuple[Record, str]]:
        """Apply records; return the broken ones, each with the reason."""
        return broken_among(records, self._apply)

    def _apply(self, record: Record) -> None:
        key = (record.key or b"").decode("utf-8", "replace")
        if record.partition in self._unseen:
            self._unseen[record.partition].discard(key)
        if record.value is None:
            self._forget(record.partition, key)
            return
        found = decode(LetterState, record.value)
        if found.letter != key:
            raise BrokenRecord("letter: is not the record's key")
        of_partition = self._known.setdefault(record.partition, {})
        known, new = of_partition.get(key), self._share(found)
        if known is not None and known.order > new.order:
            self._stale.setdefault(record.partition, set()).add(key)
            return
        self._stale.get(record.partition, set()).discard(key)
        of_partition[key] = new
        asked = self._asked.get(key)
        if asked is not None and asked.order <= new.order:
            del self._asked[key]

    def _share(self, found: LetterState) -> Known:
        last = found.last or {}
        status, error = last.get("status"), last.get("error")
        new = Known(
            found.state,
            found.tries,
            found.reason,
            found.attempts,
            status if isinstance(status, int) else None,
            error if isinstance(error, str) else None,
        )
        if len(self._shared) >= SHARED:
            self._shared.clear()
        return self._shared.setdefault(new, new)

    def _forget(self, partition: int, key: str) -> None:
        self._known.get(partition, {}).pop(key, None)
        self._stale.get(partition, set()).discard(key)

    def begin_anew(self, tp: TP) -> None:
        """Note that a recreated or truncated log is read again: `heals` then returns the states that it lacks."""
        self._unseen[tp[1]] = set(self._known.get(tp[1], ()))

    def heals(self, partition: int) -> list[tuple[str, Known]]:
        """Return the states to write so that the log of a partition says what holds; each is returned once."""
        keys = self._stale.pop(partition, set()) | self._unseen.pop(partition, set())
        known = self._known.get(partition, {})
        return [(key, known[key]) for key in keys if key in known]

    # --- asking

    def decided(self, letter: str) -> Known | None:
        """Return the state of a letter according to the log."""
        best: Known | None = None
        # It is in one partition, unless the number of partitions grew.
        for of_partition in tuple(self._known.values()):
            known = of_partition.get(letter)
            if known is not None and (best is None or known.order > best.order):
                best = known
        return best

    def get(self, letter: str) -> Known | None:
        """Return the state of a letter, including what was requested on this worker and its owner has yet to record."""
        known, asked = self.decided(letter), self._asked.get(letter)
        if asked is None or (known is not None and known.order >= asked.order):
            return known
        return asked

    def ask(self, letter: str, asked: Known) -> None:
        """Show what was requested, and confirmed, before it is read from the log."""
        known = self.get(letter)
        if known is None or known.order < asked.order:
            self._asked[letter] = asked

    # --- expiry

    def learn_bounds(self, bounds: Bounds) -> None:
        """Learn the first and next offsets of `dead-letters`."""
        self._bounds = bounds

    def is_gone(self, letter: str) -> bool:
        """Tell whether a letter is gone from `dead-letters`, as far as known.

        A letter beyond the end may have been written after the bounds were learned.
        """
        return place_of(letter, self._bounds) == "before"

    def expired(self, is_mine: Callable[[int], bool], most: int) -> list[tuple[int, str]]:
        """Return the partition and letter of at most `most` states whose letters are gone, in the partitions `is_mine`.

        Call it once after each `learn_bounds`. A letter that is beyond the end at two such calls belongs to a previous
        log. It may run in a thread, since there may be a million states.
        """
        before, beyond = self._beyond, set[str]()
        for of_partition in tuple(self._known.values()):
            beyond.update(key for key in tuple(of_partition) if place_of(key, self._bounds) == "beyond")
        self._beyond, lost = beyond, beyond & before
        for key in [key for key in list(self._asked) if self.is_gone(key)]:
            self._asked.pop(key, None)
        found = list[tuple[int, str]]()
        for partition, of_partition in tuple(self._known.items()):
            if len(found) >= most:
                break
            if is_mine(partition):
                found += [(partition, key) for key in tuple(of_partition) if key in lost or self.is_gone(key)]
        return found[:most]

    def sent(self, is_mine: Callable[[int], bool]) -> list[tuple[int, str, int]]:
        """Return partition, letter and try of the letters that are sent again. May run in a thread."""
        return [
            (partition, letter, known.tries)
            for partition, of_partition in tuple(self._known.items())
            if is_mine(partition)
            for letter, known in tuple(of_partition.items())
            if known.state == "sent"
        ]

    def __len__(self) -> int:
        return sum(map(len, self._known.values()))


def place_of(letter: str, bounds: Bounds) -> Literal["before", "within", "beyond"]:
    """Return where a letter is, by its key, relative to `dead-letters`; a key without a valid place is before it."""
    try:
        partition, offset, _ = map(int, letter.split(":"))
    except ValueError:
        return "before" if bounds else "within"
    first, end = bounds.get(partition, (offset, offset + 1))  # by default within: the bounds are unknown
    return "before" if offset < first else "within" if offset < end else "beyond"
