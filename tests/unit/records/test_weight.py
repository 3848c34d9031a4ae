from __future__ import annotations

import tracemalloc

import orjson
import pytest

from streamhooks.records.event import Event
from streamhooks.records.formats import decode
from streamhooks.records.weight import LARGE, weight

EVENT = {
    "event_id": "e" * 32,
    "type": "error",
    "datetime": "2026-11-22T10:00:00Z",
    "organization": {"id": "1", "slug": "acme"},
    "project": {"id": "1", "slug": "shop", "name": "Shop"},
}
SHAPES = {
    "a text": "a" * 300_000,
    "another text": "é" * 150_000,
    "objects": [{"n": 1, "m": [1, 2, 3], "t": "ab"}] * 10_000,
    "texts": [f"w{number}" for number in range(30_000)],
    "empty lists": [[]] * 100_000,
    "empty objects": [{}] * 100_000,
    "lists in lists": [[[[1]]]] * 30_000,
    "objects in objects": [{"a": {"a": {"a": 1}}}] * 15_000,
    "keys": {f"key-{number}": number for number in range(20_000)},
    "numbers": [10**9 + number for number in range(30_000)],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_weight_is_about_what_a_decoded_value_takes(shape: str) -> None:
    value = orjson.dumps(EVENT | {"data": {"x": SHAPES[shape]}})
    tracemalloc.start()
    event = decode(Event, value)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert event.event_id == "e" * 32
    assert taken / 2 < weight(value) < 4 * taken


def test_of_what_is_not_large_it_is_its_bytes() -> None:
    assert weight(b"[" * LARGE) == LARGE
    assert weight(b"") == weight(None) == 0
