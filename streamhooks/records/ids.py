"""Ids derived from what they identify, so that they stay the same after a replay or a crash.

Each is `msg_` and 32 hex characters. There is no `.` in it, since Standard Webhooks separates the parts of the signed
text by dots.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import blake2b as Hash  # noqa: N812 - the type of the value


def source_id(topic: str, partition: int, offset: int, timestamp_ms: int) -> str:
    """Return the id of all that a source record causes.

    The timestamp (epoch milliseconds) distinguishes it from a record at the same offset of a topic that was recreated.
    """
    return _digest(_SOURCE, f"{partition}:{offset}:{timestamp_ms}:{topic}")


def webhook_id(topic: str, partition: int, offset: int, timestamp_ms: int, hook_id: str) -> str:
    """Return the `webhook-id` of the delivery of a source record to a hook."""
    return derived_id(source_id(topic, partition, offset, timestamp_ms), hook_id)


def derived_id(call_id: str, *parts: str | int) -> str:
    """Return an id derived from that of a call and from `parts`; 1 and "1" are the same part."""
    text = f"{len(call_id)}:{call_id}"
    for part in parts:
        named = str(part)
        text += f"{len(named)}:{named}"
    return _digest(_CALL, text)


def webhook_id_of_call(call_id: str, source: str | None) -> str:
    """Return the `webhook-id` of a call without one: its id if it has a source record, else one derived from its id."""
    return call_id if source else derived_id(call_id)


# A copy takes half the time of a new one.
_SOURCE, _CALL = (blake2b(digest_size=16, person=kind) for kind in (b"source", b"call"))


def _digest(kind: Hash, text: str) -> str:
    digest = kind.copy()
    digest.update(text.encode())
    return "msg_" + digest.hexdigest()
