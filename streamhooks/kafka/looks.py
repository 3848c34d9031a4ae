"""Searches of the topics for callers of the views: how many may run at once, and in which threads."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from streamhooks.kafka.child_process import ChildProcess
from streamhooks.kafka.threads import Places, Threads

R = TypeVar("R")

#: the most long searches at once; the threads for short ones, and the most that use or await such a thread
LONG, SHORT, SHORT_CALLS = 4, 4, 100


class Looks:
    """Runs searches. One per worker. A search ends soon after its caller is cancelled."""

    def __init__(self) -> None:
        self._process = ChildProcess()
        self._short, self._long = Threads(SHORT), Threads(LONG)
        self._long_places = Places(LONG, f"{LONG} long searches of topics are running: try again later")
        self._short_places = Places(SHORT_CALLS, f"{SHORT_CALLS} searches of topics are running: try again later")

    def long_place(self) -> AbstractContextManager[None]:
        """Take a place among the long searches: for explaining, counting and searching attempts.

        Raises:
            Busy: all places are taken.

        """
        return self._long_places.place()

    def short_place(self) -> AbstractContextManager[None]:
        """Take a place among the short searches.

        Raises:
            Busy: all places are taken.

        """
        return self._short_places.place()

    async def short(self, work: Callable[..., R], *args: Any) -> R:
        """Return what `work(*args, stop=…)` returns, in a thread of the short searches."""
        return await self._short.run(work, *args)

    async def long(self, work: Callable[..., R], *args: Any) -> R:
        """Return what `work(*args, stop=…)` returns, in a thread of the long searches."""
        return await self._long.run(work, *args)

    async def in_child_process(self, work: Callable[..., R], *args: Any) -> R:
        """Return what `work(*args)` returns, in a child process; for work that needs the CPU for seconds."""
        return await self._process.run(work, *args)

    def close(self) -> None:
        """End running searches and the child process."""
        self._process.close()
        self._short.close()
        self._long.close()
