"""Long work in a child process, so that it does not hold up deliveries."""

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
    """Tells the work of this process to stop, because nobody waits for its result."""

    def __init__(self) -> None:
        # Shared memory without a lock: a process that is killed would never release it.
        self.flag: c_byte | None = None

    def is_set(self) -> bool:
        return self.flag is not None and bool(self.flag.value)


STOP = _Stop()


class ChildProcess:
    """Run one function at a time in a child process, which is started on first use and ends with this process."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._processes: ProcessPoolExecutor | None = None
        self._stop: c_byte = self._context.RawValue(c_byte, 0)
        self._free = asyncio.Lock()

    async def run(self, work: Callable[..., R], *args: Any) -> R:
        """Return or raise what `work(*args)` does; `work` is a function of a module, and its arguments can be pickled.

        If the caller is cancelled, `STOP` is set in the child process, and the work must check it often.

        Raises:
            TimeoutError: the process was killed, perhaps for lack of memory; the next call starts a new one.

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
                raise TimeoutError("the process that did the work was killed") from None
            except asyncio.CancelledError:
                self._stop.value = 1
                await asyncio.gather(future, return_exceptions=True)  # the flag must not stop the next work
                raise

    def close(self) -> None:
        """End the child process, if there is one."""
        if self._processes is not None:
            self._stop.value = 1
            self._processes.shutdown(wait=False, cancel_futures=True)


def _begin(flag: c_byte) -> None:
    """Watch the parent: if it is killed, it can't end its children, and they would wait for work forever."""
    STOP.flag = flag
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
