"""What is committed: an offset, and in its metadata which log it belongs to, and what is settled above it.

The metadata is JSON with short keys. A key that is not known is left alone, one that is missing is not known: 0.1.0
wrote none.

Why: docs/decisions/0012-at-least-once.md.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

import orjson

from streamhooks.in_flight.ranges import Ranges, from_text, to_text
from streamhooks.kafka.logs import Reading

#: bytes of metadata that Kafka takes, unless its `offset.metadata.max.bytes` says otherwise
ROOM = 4096


def to_metadata(reading: Reading, room: int = ROOM) -> str:
    """The metadata of a commit of this reading's offset, in at most `room` bytes if there is much to tell."""
    fields = {"log": reading.topic_id, "epoch": reading.epoch}
    if not reading.above:
        return orjson.dumps(fields).decode()
    left = room - len(orjson.dumps({**fields, "settled": ""}))
    return orjson.dumps({**fields, "settled": to_text(reading.offset, reading.above, max(0, left))}).decode()


def from_metadata(offset: int, metadata: str | None) -> Reading:
    """What was committed; whatever is no metadata of ours tells nothing about the log."""
    try:
        # What may lie behind it is nobody's: see `as_read`.
        fields, _end = json.JSONDecoder().raw_decode(metadata or "{}")
    except json.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        return Reading(offset)
    topic_id, epoch = _of_kind(fields.get("log"), str, ""), _of_kind(fields.get("epoch"), int, -1)
    return Reading(offset, topic_id, epoch, _ranges(offset, _of_kind(fields.get("settled"), str, "")))


class Found(Protocol):
    """What confluent-kafka has read."""

    offset: int

    @property
    def metadata(self) -> str | None:
        """Of the commit."""


def as_read(found: Found) -> Reading | None:
    """What was committed, as confluent-kafka has it; None if that can't be told, and is to be read once more.

    It takes for its end the first zero byte in the memory of librdkafka, which writes none: now and then something lies
    behind it, and may be no text.
    """
    try:
        return from_metadata(max(0, found.offset), found.metadata)
    except UnicodeDecodeError:
        return None


def _ranges(offset: int, text: str) -> Ranges:
    try:
        return from_text(offset, text)
    except ValueError:
        return ()


def _of_kind(value: Any, kind: type, default: Any) -> Any:
    return value if type(value) is kind else default
