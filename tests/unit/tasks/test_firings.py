"""Records of `firings`: their bounds, which are those of docs/reference/records.md."""

from __future__ import annotations

import orjson
import pytest

from streamhooks.kafka.publisher import Published
from streamhooks.records.firing import Attempt
from streamhooks.tasks.firings import Firings

HOOK = "ab" * 16
START = 1_700_000_000_000


class Outbox:
    def __init__(self) -> None:
        self.records: list[tuple[bytes, int]] = []

    async def publish(self, _topic: str, value: bytes, *, timestamp_ms: int, **_: object) -> Published:
        self.records.append((value, timestamp_ms))
        return Published("firings", 0, len(self.records))


def attempt(number: int, at: int, request: str = "") -> Attempt:
    return Attempt(f"msg_{number}", 1, at, "retried", 500, None, 1.0, "events:0:1", "event.created", "u", request, "")


@pytest.mark.parametrize("size", range(900, 1000, 7))
async def test_a_record_has_at_most_500_kb(size: int) -> None:
    outbox, done = Outbox(), []
    firings = Firings(outbox, "firings", 8)  # type: ignore[arg-type]
    for number in range(1000):
        firings.add(HOOK, attempt(number, START, "x" * size), lambda: done.append(1))
    await firings.drain()
    sizes = [len(value) for value, _ in outbox.records]
    assert max(sizes) <= 500_000
    # And no fewer than that takes.
    assert len(sizes) == -(-sum(sizes) // 499_000)
    found = [one["id"] for value, _ in outbox.records for one in orjson.loads(value)["attempts"]]
    assert sorted(found) == sorted(f"msg_{number}" for number in range(1000))
    assert len(done) == 1000


async def test_a_record_never_spans_a_bucket() -> None:
    outbox = Outbox()
    firings = Firings(outbox, "firings", 8)  # type: ignore[arg-type]
    for number, at in enumerate([START + 9_990, START + 9_999, START + 10_000, START + 19_999, START + 20_000]):
        firings.add(HOOK, attempt(number, at), lambda: None)
    await firings.drain()
    for value, timestamp in outbox.records:
        buckets = {one["at"] // 10_000 for one in orjson.loads(value)["attempts"]}
        assert buckets == {timestamp // 10_000}
    assert len(outbox.records) == 3
