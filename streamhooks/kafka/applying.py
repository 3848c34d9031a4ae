"""Records that a table applies one by one: a broken record leaves the previous value in force."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from streamhooks.errors import BrokenRecord
from streamhooks.kafka.reader import Record


def broken_among(records: Iterable[Record], apply: Callable[[Record], object]) -> list[tuple[Record, str]]:
    """Apply each; return those for which `apply` raised BrokenRecord, with why."""
    broken = []
    for record in records:
        try:
            apply(record)
        except BrokenRecord as error:
            broken.append((record, str(error)))
    return broken
