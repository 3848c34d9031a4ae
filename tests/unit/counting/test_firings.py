"""Records of `firings`: their bounds, which are those of docs/reference/records.md."""

from __future__ import annotations

import orjson
import pytest
from support.fakes import Outbox

from streamhooks.counting.firings import Firings
from streamhooks.errors import ProducerDead, RecordTooLarge
from streamhooks.records.firing import Attempt

HOOK = "ab" * 16
START = 1_700_000_000_000


def attempt(number: int, at: int, request: str = "") -> Attempt:
    return Attempt(f"msg_{number}", 1, at, "retried", 500, None, 1.0, "events:0:1", "event.created", "u", request, "")


@pytest.mark.parametrize("size", range(900, 1000, 7))
async def test_a_record_has_at_most_500_kb(size: int) -> None:
    outbox, done = Outbox(), []
    firings = Firings(outbox, "firings", 8)  # type: ignore[arg-type]
    for number in range(1000):
        firings.add(HOOK, attempt(number, START, "x" * size), lambda: done.append(1))
    await firings.drain()
    sizes = [len(written.value) for written in outbox.written]
    assert max(sizes) <= 500_000
    # And no fewer than that takes.
    assert len(sizes) == -(-sum(sizes) // 499_000)
    found = [one["id"] for written in outbox.written for one in orjson.loads(written.value)["attempts"]]
    assert sorted(found) == sorted(f"msg_{number}" for number in range(1000))
    assert len(done) == 1000


async def test_a_record_never_spans_a_bucket() -> None:
    outbox = Outbox()
    firings = Firings(outbox, "firings", 8)  # type: ignore[arg-type]
    for number, at in enumerate([START + 9_990, START + 9_999, START + 10_000, START + 19_999, START + 20_000]):
        firings.add(HOOK, attempt(number, at), lambda: None)
    await firings.drain()
    for written in outbox.written:
        buckets = {one["at"] // 10_000 for one in orjson.loads(written.value)["attempts"]}
        assert buckets == {written.timestamp_ms // 10_000}
    assert len(outbox.written) == 3


async def test_a_record_that_is_too_large_is_written_in_parts() -> None:
    outbox, done = Outbox(lambda written: RecordTooLarge("too large") if len(written.value) > 3000 else None), []
    firings = Firings(outbox, "firings", 8)  # type: ignore[arg-type]
    for number in range(40):
        firings.add(HOOK, attempt(number, START), lambda: done.append(1))
    firings.add(HOOK, attempt(40, START, "x" * 5000), lambda: done.append(1))
    await firings.drain()
    found = [one["id"] for written in outbox.written for one in orjson.loads(written.value)["attempts"]]
    assert sorted(found) == sorted(f"msg_{number}" for number in range(40))  # one is too large by itself
    assert len(done) == 41


async def test_what_a_dead_producer_did_not_write_is_not_told_to_be_counted() -> None:
    outbox, done = Outbox(lambda _written: ProducerDead("fenced")), []
    firings = Firings(outbox, "firings", 8)  # type: ignore[arg-type]
    firings.add(HOOK, attempt(1, START), lambda: done.append(1))
    await firings.drain()
    assert done == []


async def test_an_error_of_ours_does_not_keep_attempts_from_being_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamhooks.counting.firings.pause_after", lambda _: 0.0)
    outbox, done = Outbox(), []
    failures = [RuntimeError("a defect of ours")] * 3
    outbox.refusal = lambda _written: failures.pop() if failures else None
    firings = Firings(outbox, "firings", 8)  # type: ignore[arg-type]
    firings.add(HOOK, attempt(1, START), lambda: done.append(1))
    await firings.drain()
    assert (len(outbox.written), done) == (1, [1])
