"""Commits: an offset, with metadata that names the log it belongs to and what is settled above it.

The metadata is JSON with short keys. Unknown keys are ignored, and any key may be missing: 0.1.0 wrote none.

Why: docs/decisions/0012-at-least-once.md.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

import orjson

from streamhooks.in_flight.ranges import Ranges, from_text, to_text
from streamhooks.kafka.logs import Reading

#: maximum bytes of metadata, unless Kafka's `offset.metadata.max.bytes` says otherwise
ROOM = 4096


def to_metadata(reading: Reading, room: int = ROOM) -> str:
    """Return the metadata of a commit of this reading; the settled ranges are cut so that it fits `room` bytes."""
    fields = {"log": reading.topic_id, "epoch": reading.epoch}
    if not reading.above:
        return orjson.dumps(fields).decode()
    left = room - len(orjson.dumps({**fields, "settled": ""}))
    return orjson.dumps({**fields, "settled": to_text(reading.offset, reading.above, max(0, left))}).decode()


def from_metadata(offset: int, metadata: str | None) -> Reading:
    """Return what was committed; metadata that is not ours says nothing about the log."""
    try:
        # What follows the JSON is garbage: see `as_read`.
        fields, _end = json.JSONDecoder().raw_decode(metadata or "{}")
    except json.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        return Reading(offset)
    topic_id, epoch = _of_kind(fields.get("log"), str, ""), _of_kind(fields.get("epoch"), int, -1)
    return Reading(offset, topic_id, epoch, _ranges(offset, _of_kind(fields.get("settled"), str, "")))


class Found(Protocol):
    """A committed offset as confluent-kafka reads it."""

    offset: int

    @property
    def metadata(self) -> str | None:
        """Return the metadata of the commit."""


def as_read(found: Found) -> Reading | None:
    """Return what was committed; None if it can't be decoded and must be read again.

    confluent-kafka reads the metadata up to the first zero byte, but librdkafka does not end it with one. So garbage
    may follow, and need not be text.
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
