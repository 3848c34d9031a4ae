"""Looks into the topics for callers of the views: how many there may be at once, and where they block."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from streamhooks.kafka.child_process import ChildProcess
from streamhooks.kafka.threads import Places, Threads

R = TypeVar("R")

#: long looks at once; threads for short ones, and how many calls take one or wait for one
LONG, SHORT, SHORT_CALLS = 4, 4, 100


class Looks:
    """Runs looks. One for the worker. A look ends soon after its caller is cancelled."""

    def __init__(self) -> None:
        self._process = ChildProcess()
        self._short, self._long = Threads(SHORT), Threads(LONG)
        self._long_places = Places(LONG, f"{LONG} long looks into the topics are taken at this moment")
        self._short_places = Places(SHORT_CALLS, f"{SHORT_CALLS} looks into the topics are taken at this moment")

    def long_place(self) -> AbstractContextManager[None]:
        """Take a place among the long looks: for explaining, counting and searching.

        Raises:
            Busy: all are taken.

        """
        return self._long_places.place()

    def short_place(self) -> AbstractContextManager[None]:
        """Take a place among the other looks.

        Raises:
            Busy: all are taken.

        """
        return self._short_places.place()

    async def short(self, work: Callable[..., R], *args: Any) -> R:
        """Return what `work(*args, stop=…)` returns, in a thread of the short looks."""
        return await self._short.run(work, *args)

    async def long(self, work: Callable[..., R], *args: Any) -> R:
        """Return what `work(*args, stop=…)` returns, in a thread of the long looks."""
        return await self._long.run(work, *args)

    async def in_child_process(self, work: Callable[..., R], *args: Any) -> R:
        """Return what `work(*args)` returns, in a child process: for what takes the CPU for seconds."""
        return await self._process.run(work, *args)

    def close(self) -> None:
        """End what still looks, and the child process, if there is one."""
        self._process.close()
        self._short.close()
        self._long.close()
