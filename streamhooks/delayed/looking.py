"""Looking through the pending calls of tasks, those without a hook: a page of them, and how many there are by task."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, get_args

from streamhooks.delayed.entries import Entry
from streamhooks.kafka.reader import Stop

PendingState = Literal["waiting", "queued", "unknown", "running"]
STATES: Final[tuple[PendingState, ...]] = get_args(PendingState)

Place = tuple[int, bytes]
"""When a call is due, epoch milliseconds, and its id: the order of a page."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls are on a page; None means all."""

    task: str | None = None
    state: str | None = None
    after: Place | None = None
    """Where the previous page ended."""
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Found:
    """A page of calls, the next one first, and what there is beside it."""

    entries: list[Entry]
    total: int
    """How many calls match, on all pages."""
    counts: dict[str, Counter[str]]
    """How many calls of the wanted task there are in each state, by task."""


def look(entries: Iterable[Entry], wanted: Wanted, *, stop: Stop) -> Found:
    """Return a page of the calls that match; there may be a million, so this runs in a thread."""
    counts: dict[str, Counter[str]] = {}
    total = 0

    def matching() -> Iterator[Entry]:
        nonlocal total
        for entry in entries:
            if stop.is_set():
                return
            state = entry.state
            if entry.hook_id is not None or state == "gone" or wanted.task not in (None, entry.task):
                continue
            counts.setdefault(entry.task, Counter())[state] += 1
            if wanted.state in (None, state):
                total += 1
                if wanted.after is None or place_of(entry) > wanted.after:
                    yield entry

    page = heapq.nsmallest(wanted.limit, matching(), key=place_of)
    return Found(page, total, counts)


def place_of(entry: Entry) -> Place:
    """Return where a call is in the order of pages."""
    return entry.due, entry.id.encode("utf-8", "surrogatepass")
