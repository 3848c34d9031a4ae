"""Ids that follow from what they stand for, so that a replay or a crash gives the same ones.

Both are `msg_` and 32 hex characters: no `.`, which separates the id from the rest of the text that Standard
Webhooks signs.
"""

from __future__ import annotations

from hashlib import blake2b


def source_id(topic: str, partition: int, offset: int, timestamp_ms: int) -> str:
    """Return the id of what a source record causes as a whole.

    The timestamp (epoch milliseconds) tells it from what had the same offset before the topic was made anew.
    """
    return _digest(b"source", f"{partition}:{offset}:{timestamp_ms}:{topic}")


def webhook_id(topic: str, partition: int, offset: int, timestamp_ms: int, hook_id: str) -> str:
    """Return the `webhook-id` of the delivery of a source record to a hook."""
    return derived_id(source_id(topic, partition, offset, timestamp_ms), hook_id)


def derived_id(call_id: str, *parts: str | int) -> str:
    """Return an id for what belongs to a call and is told apart by `parts`; 1 and "1" are the same part."""
    texts = [call_id, *map(str, parts)]
    return _digest(b"call", "".join(f"{len(part)}:{part}" for part in texts))


def webhook_id_of_call(call_id: str, source: str | None) -> str:
    """Return the `webhook-id` of a call that names none: its id, if that follows from a source record."""
    return call_id if source else derived_id(call_id)


def _digest(kind: bytes, text: str) -> str:
    return "msg_" + blake2b(text.encode(), digest_size=16, person=kind).hexdigest()
