"""What sends the calls of this process: the worker's sender, or one that any other program gets with its first call.

librdkafka's threads do not survive a fork. So a forked child begins anew: it has no worker, no run and no sender, and
its parent sends the parent's calls. Why there is one per process: docs/decisions/0015-process-wide-registry.md.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, wait
from typing import Protocol

from streamhooks.errors import PublishError
from streamhooks.kafka.publisher import Published
from streamhooks.settings import load_settings
from streamhooks.tasks import context
from streamhooks.tasks.program import Program, in_event_loop

#: modules whose children end without `atexit`, and run the finalizers of these modules instead
_FORKERS = ("multiprocessing.util", "billiard.util")
#: below the finalizers of a program, which may make calls
_LAST = -100


class Sender(Protocol):
    """What stores a call; the worker binds its own, any other program gets one from its settings."""

    topic: str

    def publish(
        self, topic: str, value: bytes | None, *, key: str | None = None, partition: int = -1
    ) -> Future[Published]:
        """Hand a record over."""


class Unconfirmed:
    """The calls that Kafka has not confirmed yet, and whether one failed."""

    def __init__(self) -> None:
        self._futures: set[Future[Published]] = set()
        self._error: BaseException | None = None

    def add(self, future: Future[Published]) -> None:
        """Take in a call."""
        self._futures.add(future)
        future.add_done_callback(self._ended)

    def _ended(self, future: Future[Published]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            self._error = self._error or error
        self._futures.discard(future)

    def all(self) -> list[Future[Published]]:
        """Return the calls that are not confirmed."""
        return list(self._futures.copy())

    def take_error(self, ended: Iterable[Future[Published]]) -> BaseException | None:
        """Return the first error since this was asked last, of these futures, too, which have ended just now."""
        while not self._futures.isdisjoint(ended):
            time.sleep(0.001)  # who waits for a future is told before its callbacks are called
        error, self._error = self._error, None
        return error


class Process:
    """The sender of this process, and its calls: a call is made by a plain function, so there is one place to look."""

    def __init__(self) -> None:
        self._begin()
        self._has_exit = False
        if sys.platform != "win32":
            os.register_at_fork(
                before=lambda: self._lock.acquire(),
                after_in_parent=lambda: self._lock.release(),
                after_in_child=self._forked,
            )

    def _begin(self) -> None:
        self.unconfirmed = Unconfirmed()
        self._worker: Sender | None = None
        self._program: Program | None = None
        # No fork while a client is made: the child would inherit a lock of librdkafka that nobody opens.
        self._lock = threading.RLock()

    def _forked(self) -> None:
        # To free the parent's producer would hang (librdkafka#2374). The frame of its thread holds it for ever.
        self._begin()
        context.enter(None)  # else its calls would have the ids of those that the run makes itself

    def bind(self, sender: Sender | None) -> None:
        """Send every call of this process through `sender`; None: as any program does."""
        self._worker = sender

    @property
    def sender(self) -> Sender:
        """Return what sends the calls of this process."""
        return self._worker or self._program or self._make_program()

    def _make_program(self) -> Program:
        with self._lock:
            if self._program is None:
                self._program = Program(load_settings())
                self._close_at_exit()
            return self._program

    def _close_at_exit(self) -> None:
        if not self._has_exit:
            self._has_exit = True  # forked children inherit it
            atexit.register(self.close)
        for forker in _FORKERS:
            if (module := sys.modules.get(forker)) is not None:
                module.Finalize(None, self.close, exitpriority=_LAST)

    def flush(self, timeout: float | None, futures: Iterable[Future[Published]] | None = None) -> None:
        """Wait until these calls are confirmed, by default all that were made outside of a run."""
        waiting = self.unconfirmed.all() if futures is None else list(futures)
        if self._worker is not None and in_event_loop() and not all(future.done() for future in waiting):
            raise RuntimeError("in an event loop of a worker, await the handles of the calls")
        done, late = wait(waiting, timeout)
        if late:
            raise TimeoutError(f"Kafka has not confirmed {len(late)} calls yet")
        errors = [future.exception() for future in done] if futures is not None else [self.unconfirmed.take_error(done)]
        for error in errors:
            if error is not None:
                raise PublishError(str(error)) if not isinstance(error, PublishError) else error

    def close(self) -> None:
        """Wait until each call is confirmed or has failed, which is logged."""
        program, self._program = self._program, None
        if program is not None:
            program.close()


PROCESS = Process()
