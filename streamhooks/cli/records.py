"""Records to send: read from a file, checked as a worker checks them, with the keys of docs/reference/topics.md."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from streamhooks.errors import BrokenRecord
from streamhooks.kafka.reader import Record
from streamhooks.records.exact_json import dumps, loads
from streamhooks.records.packing import parse_json
from streamhooks.sources.kinds import SourceKind
from streamhooks.sources.rules import read_source

_DEEPEST = 200


@dataclass(frozen=True, slots=True)
class Item:
    """A record to send, or a `problem` with it; `number` is its line, or its position in a list, from 1."""

    number: int
    value: bytes
    key: str = ""
    problem: str | None = None


def read_items(kind: SourceKind, source: IO[bytes]) -> Iterator[Item]:
    """Yield the records of a file: JSON lines, or one JSON document, an object or a list of objects.

    Lines are yielded as they arrive. Empty lines are skipped, but counted.
    """
    for number, line in enumerate(source, 1):
        if not line.strip():
            continue
        if number > 1 or _is_whole(line):
            yield checked(kind, number, line.strip())
        else:
            yield from _of_document(kind, line + source.read())


def checked(kind: SourceKind, number: int, value: bytes) -> Item:
    """Return a record with its key, or with the problem that a worker would have with it."""
    try:
        return Item(number, value, key_of(kind, value))
    except BrokenRecord as broken:
        return Item(number, value, problem=str(broken))


def key_of(kind: SourceKind, value: bytes) -> str:
    """Return the key of a record; raise BrokenRecord if a worker could not read the record."""
    source = read_source(kind, Record(kind, 0, 0, 0, None, value), None)
    assert source is not None  # only a topic of one's own leaves records out
    return source.key


def _is_whole(line: bytes) -> bool:
    """Tell whether the first line is a complete record, not the beginning of an object over several lines."""
    try:
        return isinstance(loads(line), dict)
    except json.JSONDecodeError:
        return False


def _of_document(kind: SourceKind, text: bytes) -> Iterator[Item]:
    try:
        data = parse_json(text, _DEEPEST + 1)
    except BrokenRecord:  # then it is JSON lines, and the first one is broken
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                yield checked(kind, number, line.strip())
        return
    documents: list[Any] = data if isinstance(data, list) else [data]
    for number, one in enumerate(documents, 1):
        yield checked(kind, number, dumps(one))
