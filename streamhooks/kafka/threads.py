"""Threads for searches of topics, and a bound on how many run at once.

Searches are long, and callers of the API decide how many there are. They must not use up the threads that the rest of
the worker needs, and they end soon after their caller has gone.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from streamhooks.errors import Busy

R = TypeVar("R")


class Threads:
    """A few threads of their own; further work waits for a free one."""

    def __init__(self, number: int) -> None:
        self._pool = ThreadPoolExecutor(number, thread_name_prefix="history")
        self._stops: set[threading.Event] = set()

    async def run(self, work: Callable[..., R], *args: Any, stop: threading.Event | None = None) -> R:
        """Return or raise what `work(*args, stop=stop)` does.

        `stop`, a new event by default, is set if the caller is cancelled, and the work must check it often.
        """
        stop = stop or threading.Event()
        self._stops.add(stop)
        try:
            return await asyncio.wrap_future(self._pool.submit(work, *args, stop=stop))
        except BaseException:
            stop.set()
            raise
        finally:
            self._stops.discard(stop)

    def submit(self, work: Callable[[], object]) -> None:
        """Run work whose result nobody awaits."""
        with suppress(RuntimeError):  # closed: running work is ending
            self._pool.submit(work)

    def close(self) -> None:
        """Take no more work, and stop what runs: Python waits for these threads when it exits."""
        for stop in self._stops:
            stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)


class Places:
    """A bound on what runs at once."""

    def __init__(self, number: int, text: str) -> None:
        self._free = number
        self._text = text

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place for as long as the context lasts.

        Raises:
            Busy: no place is free.

        """
        if not self._free:
            raise Busy("looking_back", self._text)
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
