"""Dead letters are many and may be large: what looks at them holds few."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator

import pytest

from streamhooks.errors import Busy
from streamhooks.history import dead_letters
from streamhooks.history.dead_letters import BATCH, BATCH_BYTES, DeadLetters, Filter, Found, batch_of
from streamhooks.history.history import LONG, History
from streamhooks.history.threads import Threads
from streamhooks.kafka.reader import Record
from streamhooks.records.dead_letter import DeadLetter
from streamhooks.settings import Settings

STOP = threading.Event()


def letter(number: int, size: int = 10) -> Record:
    task = {"name": "a.task", "args": ["x" * size], "kwargs": {"a": "b"}}
    fields = {"id": f"{number}", "at": 1, "reason": "status 404", "hook_id": "h", "task": task}
    value = json.dumps(fields).encode()
    return Record("p.dead-letters", number % 2, number // 2, number, b"h", value)


def letters_of(count: int, size: int, monkeypatch: pytest.MonkeyPatch) -> DeadLetters:
    def scan(_settings, ranges, *, timeout, stop) -> Iterator[Record]:
        for (_, partition), (start, end) in ranges.items():
            for offset in range(start, end):
                if stop.is_set():
                    raise TimeoutError
                yield letter(2 * offset + partition, size)

    def ranges(_settings, topics, _between, *, stop) -> dict[tuple[str, int], tuple[int, int]]:
        return {(topic, partition): (0, count // 2) for topic in topics for partition in (0, 1)}

    monkeypatch.setattr(dead_letters, "scan", scan)
    monkeypatch.setattr(dead_letters, "ranges_between", ranges)
    return DeadLetters(Settings())


def test_a_page_holds_nothing_of_what_would_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    letters = letters_of(3000, 10_000, monkeypatch)
    found, reached = letters.page(Filter(), {}, 500, stop=STOP)
    assert [one.letter.id for one in found] == [str(number) for number in range(2999, 2499, -1)]
    assert reached == {0: 1250, 1: 1250}
    assert found[0].letter.task == {"name": "a.task", "args": [], "kwargs": {}}
    found, _ = letters.page(Filter(), reached, 1, stop=STOP)
    assert found[0].letter.id == "2499"


def test_batches_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    few = letters_of(120, 10, monkeypatch).all(Filter(), stop=STOP)
    assert [len(batch_of(few, stop=STOP)) for _ in range(4)] == [BATCH, BATCH, 20, 0]
    large = letters_of(20, 1_000_000, monkeypatch).all(Filter(), stop=STOP)
    assert len(batch_of(large, stop=STOP)) == BATCH_BYTES // 1_000_000


class Redriving:
    """Sends by noting."""

    def __init__(self) -> None:
        self.sent = 0
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.begun = asyncio.Event()

    def may_send(self, one: DeadLetter, *, force: bool) -> bool:
        return int(one.id) % 10 != 0 or force

    async def send(self, one: DeadLetter) -> bool:
        self.begun.set()
        await self.go_on.wait()
        self.sent += 1
        return int(one.id) % 10 != 1


def history_of(letters: DeadLetters, redriving: Redriving) -> History:
    rest = dict.fromkeys(("write", "stop", "clock"))
    return History(Settings(), None, None, None, None, letters, redriving, Threads(1), partitions=2, **rest)


@pytest.mark.parametrize("dry_run", [True, False])
async def test_all_that_fit_are_sent_again_bit_by_bit(dry_run: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def noted(letters: Iterator[Found], *, stop: threading.Event) -> list[Found]:
        batch = batch_of(letters, stop=stop)
        sizes.append(len(batch))
        return batch

    monkeypatch.setattr("streamhooks.history.history.batch_of", noted)
    redriving = Redriving()
    history = history_of(letters_of(1000, 10, monkeypatch), redriving)
    sent, skipped = await history.redrive(Filter(), force=False, dry_run=dry_run)
    assert (sent, skipped) == ((900, 100) if dry_run else (800, 200))
    assert redriving.sent == (0 if dry_run else 900)
    assert max(sizes) == BATCH
    history.close()


async def test_it_ends_when_its_caller_hangs_up_and_few_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    redriving = Redriving()
    redriving.go_on.clear()
    history = history_of(letters_of(1000, 10, monkeypatch), redriving)
    running = [asyncio.create_task(history.redrive(Filter(), force=True, dry_run=False)) for _ in range(LONG)]
    await redriving.begun.wait()
    with pytest.raises(Busy):
        await history.redrive(Filter(), force=True, dry_run=True)
    running[0].cancel()
    await asyncio.wait(running[:1])
    assert (await history.redrive(Filter(), force=True, dry_run=True)) == (1000, 0)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    assert redriving.sent == 0
    history.close()
