"""What is committed: an offset, and in its metadata which log it belongs to.

The metadata is JSON with short keys; Kafka takes 4 KB of it (`offset.metadata.max.bytes`). A key that is not known is
left alone, one that is missing is not known: 0.1.0 wrote none.
"""

from __future__ import annotations

from typing import Any

import orjson

from streamhooks.kafka.logs import Reading


def to_metadata(reading: Reading) -> str:
    """The metadata of a commit of this reading's offset."""
    return orjson.dumps({"log": reading.topic_id, "epoch": reading.epoch}).decode()


def from_metadata(offset: int, metadata: str | None) -> Reading:
    """What was committed; whatever is no metadata of ours tells nothing about the log."""
    try:
        fields = orjson.loads(metadata or "{}")
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        return Reading(offset)
    return Reading(offset, _of_kind(fields.get("log"), str, ""), _of_kind(fields.get("epoch"), int, -1))


def _of_kind(value: Any, kind: type, default: Any) -> Any:
    return value if type(value) is kind else default
