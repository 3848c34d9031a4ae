"""Records of `firings`: what they hold at most, and which attempts share one."""

from __future__ import annotations

import orjson

from streamhooks.errors import UnpublishableRecord
from streamhooks.records.firing import Attempt
from streamhooks.tasks.firings import BUCKET_MS, Firings


class Outbox:
    def __init__(self, error: Exception | None = None) -> None:
        self.records: list[tuple[bytes, int]] = []
        self._error = error

    async def publish(self, _topic: str, value: bytes, *, timestamp_ms: int, **_: object) -> None:
        self.records.append((value, timestamp_ms))
        if self._error is not None:
            raise self._error


def attempt(number: int, at: int, response: str = "") -> Attempt:
    return Attempt(f"msg_{number:032x}", 1, at, "retried", status=500, request="r" * 1024, response=response)


async def test_records_are_bounded_and_stay_within_a_bucket() -> None:
    outbox, done = Outbox(), []
    firings = Firings(outbox, "firings", 4)
    for number in range(1000):
        # Up to the end of a bucket and over it.
        firings.add(
            "a" * 32, attempt(number, BUCKET_MS - 500 + number, "\u20ac" * 1024), lambda n=number: done.append(n)
        )
    await firings.drain()
    assert sorted(done) == list(range(1000))
    found = []
    for value, timestamp in outbox.records:
        assert len(value) <= 500_000
        attempts = orjson.loads(value)["attempts"]
        assert {one["at"] // BUCKET_MS for one in attempts} == {timestamp // BUCKET_MS}
        found += [one["id"] for one in attempts]
    assert len(found) == len(set(found)) == 1000
    assert max(len(value) for value, _ in outbox.records) > 490_000


async def test_what_the_broker_never_takes_holds_up_nothing() -> None:
    done = []
    firings = Firings(Outbox(UnpublishableRecord("too large")), "firings", 4)
    firings.add("a" * 32, attempt(1, 5), lambda: done.append(1))
    await firings.drain()
    assert done == [1]
