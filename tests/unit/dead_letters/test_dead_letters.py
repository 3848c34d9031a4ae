"""Dead letters are many and may be large: what looks at them holds few."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from streamhooks.dead_letters import listing as dead_letters
from streamhooks.dead_letters.desk import LetterDesk
from streamhooks.dead_letters.listing import DeadLetters, Filter, Found
from streamhooks.dead_letters.states import LetterStates
from streamhooks.errors import Busy
from streamhooks.kafka.backwards import Place
from streamhooks.kafka.looks import LONG, Looks
from streamhooks.kafka.reader import Record
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

    @contextmanager
    def scanning(settings, **options):
        yield lambda wanted: scan(settings, wanted, **options)

    monkeypatch.setattr(dead_letters, "scan", scan)
    monkeypatch.setattr(dead_letters, "scanning", scanning)
    monkeypatch.setattr(dead_letters, "ranges_between", ranges)
    return DeadLetters(Settings(), LetterStates(), lambda _hook_id: None)


def test_a_page_holds_nothing_of_what_would_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    letters = letters_of(3000, 10_000, monkeypatch)
    found, reached, _ = letters.page(Filter(), {}, 500, stop=STOP)
    assert [one.letter.id for one in found] == [str(number) for number in range(2999, 2499, -1)]
    assert reached == {0: Place(1250), 1: Place(1250)}
    assert found[0].letter.task == {"name": "a.task", "args": [], "kwargs": {}}
    found, _, _ = letters.page(Filter(), reached, 1, stop=STOP)
    assert found[0].letter.id == "2499"


class Redriving:
    """Sends by noting."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.begun = threading.Event()

    def may_send(self, found: Found, *, force: bool) -> bool:
        return int(found.letter.id) % 10 != 0 or force

    def send(self, letters: Iterator[Found], *, stop: threading.Event) -> int:
        self.begun.set()
        while not self.go_on.wait(0.01):
            if stop.is_set():
                raise TimeoutError
        return sum(int(one.letter.id) % 10 != 1 for one in self.noted(letters))

    def drop(self, letters: Iterator[Found], *, stop: threading.Event) -> int:
        return sum(1 for _ in self.noted(letters))

    def noted(self, letters: Iterator[Found]) -> Iterator[Found]:
        for one in letters:
            self.sent.append(one.offset)
            yield one


def desk_of(letters: DeadLetters, redriving: Redriving) -> tuple[LetterDesk, Looks]:
    looks = Looks()
    return LetterDesk(looks, letters, redriving), looks


@pytest.mark.parametrize("dry_run", [True, False])
async def test_all_that_fit_are_sent_again_or_dropped(dry_run: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    redriving = Redriving()
    desk, looks = desk_of(letters_of(5000, 10, monkeypatch), redriving)
    counts = await desk.redrive(Filter(), force=False, dry_run=dry_run)
    assert counts == ((4500, 500) if dry_run else (4000, 1000))
    assert len(redriving.sent) == (0 if dry_run else 4500)
    redriving.sent.clear()
    assert await desk.drop(Filter(), dry_run=dry_run) == (5000, 0)
    assert len(redriving.sent) == (0 if dry_run else 5000)
    looks.close()


async def test_it_ends_when_its_caller_hangs_up_and_few_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    redriving = Redriving()
    redriving.go_on.clear()
    desk, looks = desk_of(letters_of(1000, 10, monkeypatch), redriving)
    running = [asyncio.create_task(desk.redrive(Filter(), force=True, dry_run=False)) for _ in range(LONG)]
    await asyncio.to_thread(redriving.begun.wait)
    with pytest.raises(Busy):
        await desk.redrive(Filter(), force=True, dry_run=True)
    running[0].cancel()
    await asyncio.wait(running[:1])
    assert (await desk.redrive(Filter(), force=True, dry_run=True)) == (1000, 0)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    assert redriving.sent == []
    looks.close()


def test_nothing_is_told_before_it_is_known_what_became_of_them() -> None:
    letters = DeadLetters(Settings(), LetterStates(), lambda _hook_id: None, lambda: False)
    for look in (
        lambda: letters.page(Filter(), {}, 1, stop=STOP),
        lambda: letters.one(0, 0, stop=STOP),
        lambda: next(letters.all(Filter(), stop=STOP)),
    ):
        with pytest.raises(TimeoutError):
            look()
