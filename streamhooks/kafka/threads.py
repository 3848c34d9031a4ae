"""Threads of the history's own, and how many long looks are taken at once.

Looks into topics are long, and who calls the API decides how many there are: they must not take the threads that the
rest of the worker needs, and end soon after nobody waits for them any more.
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
    """A few threads; further work waits for one."""

    def __init__(self, number: int) -> None:
        self._pool = ThreadPoolExecutor(number, thread_name_prefix="history")
        self._stops: set[threading.Event] = set()

    async def run(self, work: Callable[..., R], *args: Any, stop: threading.Event | None = None) -> R:
        """What `work(*args, stop=stop)` returns or raises.

        `stop`, a new one unless it is given, is set if the caller is cancelled: the work looks at it often.
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
        """Have something done that nobody waits for."""
        with suppress(RuntimeError):  # it is closed, and what runs ends
            self._pool.submit(work)

    def close(self) -> None:
        """Take up nothing more, and have what runs end: Python waits for it at its end."""
        for stop in self._stops:
            stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)


class Places:
    """A bound for what runs at once."""

    def __init__(self, number: int, text: str) -> None:
        self._free = number
        self._text = text

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place.

        Raises:
            Busy: there is none.

        """
        if not self._free:
            raise Busy("looking_back", self._text)
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
