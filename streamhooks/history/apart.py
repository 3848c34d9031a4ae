"""Long work in a process of its own, so that deliveries go on in this one."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

R = TypeVar("R")


class Apart:
    """Runs one function at a time; the process is there from the first one on, and ends when this one does."""

    def __init__(self) -> None:
        self._processes: ProcessPoolExecutor | None = None

    async def run(self, work: Callable[..., R], *args: Any) -> R:
        """What `work(*args)` returns or raises; a function of a module, with arguments that can be pickled.

        Raises:
            TimeoutError: the process was ended meanwhile, for want of memory perhaps; the next one gets a new process.

        """
        if self._processes is None:
            context = multiprocessing.get_context("spawn")
            self._processes = ProcessPoolExecutor(1, mp_context=context, initializer=_end_with_parent)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._processes, work, *args)
        except BrokenProcessPool:
            self._processes = None
            raise TimeoutError("the process that did it was ended") from None

    def close(self) -> None:
        """End the process, if there is one."""
        if self._processes is not None:
            self._processes.shutdown(wait=False, cancel_futures=True)


def _end_with_parent() -> None:
    """Watch the parent: one that is killed can't end its children, and they would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
