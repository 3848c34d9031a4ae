"""What a new owner recalls of what was counted before: a bit at a time, whatever it weighs."""

from __future__ import annotations

import asyncio

import pytest
from confluent_kafka import KafkaError, KafkaException

from streamhooks.counting import recalls
from streamhooks.counting.agent import Counting
from streamhooks.counting.recalls import READ_AT_ONCE
from streamhooks.in_flight.gate import Gate
from streamhooks.in_flight.tracker import Tracker
from streamhooks.kafka import reader
from streamhooks.kafka.reader import Record
from streamhooks.records.firing import Attempt, Firing

TP = ("firings", 3)
HOOK = "a" * 32


def record(offset: int) -> Record:
    if offset == 5:
        return Record(*TP, offset, 0, None, b"broken")
    firing = Firing(HOOK, (Attempt(f"msg_{offset}", 1, offset, "delivered"),))
    return Record(*TP, offset, 0, HOOK.encode(), firing.to_json())


async def test_what_was_counted_before_is_recalled_in_parts() -> None:
    reads: list[tuple[int, int]] = []

    async def read_range(topic: str, partition: int, start: int, end: int) -> list[Record]:
        assert (topic, partition) == TP
        reads.append((start, end))
        if len(reads) == 2:
            raise TimeoutError
        return [record(offset) for offset in range(start, end)]

    counting = Counting({}, Tracker(), Gate(lambda: True), read_range, lambda *_: None, lambda: 9.0)
    end = 3 * READ_AT_ONCE + 7
    counting.take_over({TP: end})
    assert not counting.is_whole(TP)
    await asyncio.wait(counting._recalls.tasks.values())
    assert counting.is_whole(TP)
    assert [end for _, end in reads] == [READ_AT_ONCE, *(n * READ_AT_ONCE for n in (2, 2, 3)), end]
    counted = [not counting._counters.seen.add(f"msg_{n}", 1) for n in range(end + 1)]
    assert [n for n, known in enumerate(counted) if not known] == [5, end]
    assert counting.latest.of_hook(HOOK)[0]["id"] == f"msg_{end - 1}"


async def test_what_was_counted_before_is_recalled_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "SOME", 1)

    async def read_range(_topic: str, _partition: int, start: int, _end: int) -> list[Record]:
        return [record(start)]

    counting = Counting({}, Tracker(), Gate(lambda: True), read_range, lambda *_: None, lambda: 9.0)
    counting.take_over({TP: 20})
    await asyncio.wait(counting._recalls.tasks.values())
    assert not any(counting._counters.seen.add(f"msg_{n}", 1) for n in range(20) if n != 5)


async def test_where_nothing_was_counted_nothing_is_read() -> None:
    async def read_range(*_: object) -> list[Record]:
        raise AssertionError

    counting = Counting({}, Tracker(), Gate(lambda: True), read_range, lambda *_: None, lambda: 9.0)
    counting.take_over({TP: 0})
    await asyncio.wait(counting._recalls.tasks.values())
    assert counting.is_whole(TP)


async def test_a_recall_that_fails_is_tried_again_and_the_partition_is_not_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recalls, "pause_after", lambda _: 0.0)
    failures, seen = 3, []

    async def read_range(topic: str, partition: int, start: int, end: int) -> list[Record]:
        nonlocal failures
        await asyncio.sleep(0)
        seen.append((counting.is_whole(TP), counting.troubles))
        failures -= 1
        if failures >= 0:
            raise KafkaException(KafkaError(KafkaError._FAIL, "too many open files"))
        return [record(offset) for offset in range(start, end)]

    counting = Counting({}, Tracker(), Gate(lambda: True), read_range, lambda *_: None, lambda: 9.0)
    counting.take_over({TP: 3})
    await asyncio.wait(counting._recalls.tasks.values())
    assert counting.is_whole(TP)
    assert not counting._counters.seen.add("msg_2", 1)
    assert [whole for whole, _ in seen] == [False] * 4
    assert all("firings:3: what was counted before can't be read" in told[0] for _, told in seen[1:])
    assert counting.troubles == []


async def test_a_recall_that_was_cancelled_is_not_whole() -> None:
    async def read_range(*_: object) -> list[Record]:
        await asyncio.Event().wait()
        return []

    counting = Counting({}, Tracker(), Gate(lambda: True), read_range, lambda *_: None, lambda: 9.0)
    counting.take_over({TP: 3})
    await asyncio.sleep(0)
    counting._recalls.tasks[TP].cancel()
    await asyncio.wait(counting._recalls.tasks.values())
    assert not counting.is_whole(TP)
