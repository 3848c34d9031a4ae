"""What waits in `delayed` is known by its webhook-id, whatever the call's own id is."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from confluent_kafka import TIMESTAMP_CREATE_TIME

from chaos.evidence import pending_of, waited_of


def record(key: str, webhook: str | None, at: int, reason: str = "retry", due: int = 0) -> Any:
    call = {"webhook_id": webhook, "reason": reason, "created": 0, "due": due}
    return _message(key, json.dumps(call).encode(), at)


def tombstone(key: str, at: int) -> Any:
    return _message(key, None, at)


def _message(key: str, value: bytes | None, at: int) -> Any:
    return SimpleNamespace(
        key=lambda: key.encode(), value=lambda: value, timestamp=lambda: (TIMESTAMP_CREATE_TIME, at * 1000)
    )


def test_a_call_that_sends_again_is_pending_as_the_delivery_that_it_sends():
    records = [record("m1", "m1", 1, due=5000), record("again", "m1", 2, "overflow"), record("f", None, 3)]
    assert pending_of(records) == {"m1": 0.0, "f": 0.0}
    assert pending_of([*records, tombstone("again", 4)]) == {"m1": 5.0, "f": 0.0}
    assert pending_of([*records, tombstone("again", 4), tombstone("m1", 5), tombstone("f", 6)]) == {}


def test_it_waited_until_its_last_record_was_written():
    assert waited_of([record("m1", "m1", 1), record("again", "m2", 2), tombstone("again", 7)]) == {"m1": 1.0, "m2": 7.0}
    assert waited_of([tombstone("m3", 4)]) == {"m3": 4.0}
