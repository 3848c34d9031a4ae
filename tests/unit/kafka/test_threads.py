"""Searches of topics: few at once, on their own threads, and ended when their caller has gone."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from support import eventually

from streamhooks.errors import Busy
from streamhooks.kafka import reader
from streamhooks.kafka.child_process import STOP, ChildProcess
from streamhooks.kafka.threads import Places, Threads
from streamhooks.settings import Settings


class Silence:
    """A consumer of a Kafka that does not answer."""

    def __init__(self) -> None:
        self.asked, self.closed = threading.Event(), threading.Event()

    def assign(self, _partitions: object) -> None:
        pass

    def poll(self, _timeout: float) -> None:
        self.asked.set()

    def close(self) -> None:
        self.closed.set()


def look(*, stop: threading.Event) -> list[reader.Record]:
    return reader.read_range(Settings(), "t", 0, 0, 10, timeout=600, stop=stop)


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> Silence:
    one = Silence()
    monkeypatch.setattr(reader, "new_consumer", lambda *_args, **_config: one)
    return one


async def test_a_search_ends_when_its_caller_is_cancelled(silence: Silence) -> None:
    threads = Threads(1)
    looking = asyncio.create_task(threads.run(look))
    await asyncio.to_thread(silence.asked.wait)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    await asyncio.to_thread(eventually, silence.closed.is_set)
    # Its thread is free for the next one.
    assert await threads.run(lambda *, stop: stop.is_set()) is False
    threads.close()


async def test_searches_end_with_the_worker(silence: Silence) -> None:
    threads = Threads(1)
    looking = asyncio.create_task(threads.run(look))
    await asyncio.to_thread(silence.asked.wait)
    threads.close()
    with pytest.raises(TimeoutError):
        await looking
    assert silence.closed.is_set()


async def test_a_search_without_a_thread_is_not_begun_once_its_caller_has_gone() -> None:
    threads, go_on, begun = Threads(1), threading.Event(), []
    first = asyncio.create_task(threads.run(lambda *, stop: go_on.wait()))
    second = asyncio.create_task(threads.run(lambda *, stop: begun.append(stop)))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    go_on.set()
    assert await first
    assert await threads.run(lambda *, stop: begun) == []
    threads.close()


async def test_others_have_their_threads() -> None:
    """However many searches run, other work gets a thread."""
    threads, go_on = Threads(2), threading.Event()
    looks = [asyncio.create_task(threads.run(lambda *, stop: go_on.wait())) for _ in range(50)]
    assert await asyncio.to_thread(lambda: 1) == 1
    go_on.set()
    await asyncio.gather(*looks)
    threads.close()


def test_places() -> None:
    places = Places(2, "too many")
    with places.place():
        with places.place(), pytest.raises(Busy, match="too many"):
            places.place().__enter__()
        with pytest.raises(ZeroDivisionError), places.place():
            raise ZeroDivisionError
        with places.place():
            pass


def count_until_stopped(folder: Path) -> str:
    """Count in the child process."""
    (folder / "begun").touch()
    eventually(STOP.is_set)
    (folder / "ended").touch()
    return "counted"


async def test_counting_in_a_child_process_ends_when_its_caller_is_cancelled(tmp_path: Path) -> None:
    apart = ChildProcess()
    try:
        counting = asyncio.create_task(apart.run(count_until_stopped, tmp_path))
        waiting = asyncio.create_task(apart.run(int, "7"))
        await asyncio.to_thread(eventually, (tmp_path / "begun").exists)
        counting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await counting
        assert (tmp_path / "ended").exists()
        assert await waiting == 7
        assert await apart.run(STOP.is_set) is False
    finally:
        apart.close()
