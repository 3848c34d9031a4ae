"""Long work in a process of its own, so that deliveries go on in this one."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from ctypes import c_byte
from typing import Any, TypeVar

R = TypeVar("R")


class _Stop:
    """Whether what runs in this process shall end, because nobody waits for it any more."""

    def __init__(self) -> None:
        # In memory that two processes share, and without a lock: one that is killed would never give it back.
        self.flag: c_byte | None = None

    def is_set(self) -> bool:
        return self.flag is not None and bool(self.flag.value)


STOP = _Stop()


class Apart:
    """Runs one function at a time; the process is there from the first one on, and ends when this one does."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._processes: ProcessPoolExecutor | None = None
        self._stop: c_byte = self._context.RawValue(c_byte, 0)
        self._free = asyncio.Lock()

    async def run(self, work: Callable[..., R], *args: Any) -> R:
        """What `work(*args)` returns or raises; a function of a module, with arguments that can be pickled.

        If the caller is cancelled, `STOP` is set where the work runs: it looks at it often.

        Raises:
            TimeoutError: the process was ended meanwhile, for want of memory perhaps; the next one gets a new process.

        """
        async with self._free:
            if self._processes is None:
                self._processes = ProcessPoolExecutor(
                    1, mp_context=self._context, initializer=_begin, initargs=(self._stop,)
                )
            self._stop.value = 0
            future = asyncio.get_running_loop().run_in_executor(self._processes, work, *args)
            try:
                return await asyncio.shield(future)
            except BrokenProcessPool:
                self._processes = None
                raise TimeoutError("the process that did it was ended") from None
            except asyncio.CancelledError:
                self._stop.value = 1
                await asyncio.gather(future, return_exceptions=True)  # the next one must not be told to stop
                raise

    def close(self) -> None:
        """End the process, if there is one."""
        if self._processes is not None:
            self._stop.value = 1
            self._processes.shutdown(wait=False, cancel_futures=True)


def _begin(flag: c_byte) -> None:
    """Watch the parent: one that is killed can't end its children, and they would wait for work for ever."""
    STOP.flag = flag
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
