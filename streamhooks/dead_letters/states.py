"""What became of dead letters: the topic `letter-states`, as every worker holds it in memory.

An open letter that was never sent again has no state, so it costs nothing here. The home of the letter's hook decides;
around a hand-over two may write, in any order. What holds: the state of the latest try, and of one try that it was
delivered before all else (`records.letter_state.order`). A record that changes nothing is still the last of its key,
which compaction would keep: then what holds is written once more, it is *healed*.
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

#: different texts that are kept once; most letters share a few
SHARED = 20_000

Bounds = Mapping[int, tuple[int, int]]
"""The first offset that `dead-letters` holds, and the one that comes next, by partition."""


class Known(NamedTuple):
    """What is known of a letter. Letters with the same values share one."""

    state: State
    tries: int
    reason: str | None = None
    attempts: int | None = None
    status: int | None = None
    error: str | None = None

    @property
    def order(self) -> tuple[int, int]:
        """What tells which of two holds."""
        return order(self.state, self.tries)

    @property
    def last(self) -> dict[str, Any] | None:
        """What the last attempt came to."""
        if self.status is not None:
            return {"status": self.status}
        return None if self.error is None else {"error": self.error}

    def record(self, letter: str, at: int) -> LetterState:
        """The record that says so, at a time in epoch milliseconds."""
        return LetterState(letter, self.state, self.tries, at, self.reason, self.attempts, self.last)


class LetterStates(Table):
    """The states by letter. One for the worker; may be asked from other threads."""

    def __init__(self) -> None:
        self._known: dict[int, dict[str, Known]] = {}
        self._asked: dict[str, Known] = {}
        self._shared: dict[Known, Known] = {}
        self._stale: dict[int, set[str]] = {}
        self._unseen: dict[int, set[str]] = {}  # of partitions that are read once more
        self._bounds: Bounds = {}
        self._beyond: set[str] = set()  # the letters that lay behind the ends when expired ones were asked for last

    # --- the log

    def apply(self, records: list[Record]) -> list[tuple[Record, str]]:
        """Take in records; return the broken ones, each with why."""
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
        """Take note that the log of a partition is read once more: what it lacks is to be healed."""
        self._unseen[tp[1]] = set(self._known.get(tp[1], ()))

    def heals(self, partition: int) -> list[tuple[str, Known]]:
        """What must be written so that the log of a partition, read to its end, says what holds; each is told once."""
        keys = self._stale.pop(partition, set()) | self._unseen.pop(partition, set())
        known = self._known.get(partition, {})
        return [(key, known[key]) for key in keys if key in known]

    # --- asking

    def decided(self, letter: str) -> Known | None:
        """What the log says of a letter."""
        best: Known | None = None
        # It lies in one partition, unless these became more.
        for of_partition in tuple(self._known.values()):
            known = of_partition.get(letter)
            if known is not None and (best is None or known.order > best.order):
                best = known
        return best

    def get(self, letter: str) -> Known | None:
        """What is known of a letter, with what was asked for on this worker and its home has still to tell."""
        known, asked = self.decided(letter), self._asked.get(letter)
        if asked is None or (known is not None and known.order >= asked.order):
            return known
        return asked

    def ask(self, letter: str, asked: Known) -> None:
        """Have who looks now see what was asked for, and confirmed, before the log tells it."""
        known = self.get(letter)
        if known is None or known.order < asked.order:
            self._asked[letter] = asked

    # --- expiry

    def learn_bounds(self, bounds: Bounds) -> None:
        """These are the ends of `dead-letters`."""
        self._bounds = bounds

    def is_gone(self, letter: str) -> bool:
        """Whether a letter is no longer on `dead-letters`, as far as is known.

        One that lies behind the end may have been written after that was learnt.
        """
        return place_of(letter, self._bounds) == "before"

    def expired(self, is_mine: Callable[[int], bool], most: int) -> list[tuple[int, str]]:
        """States whose letters are gone, at most so many, each with its partition; of those partitions alone.

        To be asked once for each `learn_bounds`. What lies behind the end at two such looks is of a former log. May be
        run in a thread: there may be a million.
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
        """The letters that are sent again, of those partitions: partition, letter, try. May be run in a thread."""
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
    """Return where a letter lies, by its key, in what `dead-letters` holds; a key that names no place is before it."""
    try:
        partition, offset, _ = map(int, letter.split(":"))
    except ValueError:
        return "before" if bounds else "within"
    first, end = bounds.get(partition, (offset, offset + 1))  # else it is not known yet
    return "before" if offset < first else "within" if offset < end else "beyond"
