"""Sends task calls, from a worker or any other program. A call is a record in `delayed`, due now or later.

Why there is one sender per process: docs/decisions/0015-process-wide-registry.md.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
import uuid
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Never

from streamhooks.errors import NotConfirmed
from streamhooks.kafka.publisher import Published
from streamhooks.masking import shown
from streamhooks.records.ids import derived_id
from streamhooks.tasks import context
from streamhooks.tasks.arguments import check_values
from streamhooks.tasks.call import Call
from streamhooks.tasks.habits import unknown_of_call
from streamhooks.tasks.process import PROCESS
from streamhooks.tasks.retry import RetryTaskError
from streamhooks.tasks.when import Seconds, due_at, expires_at

log = logging.getLogger(__name__)

bind = PROCESS.bind


class Handle:
    """A call that was sent. Await it, or call `result()`, to know that Kafka has confirmed it."""

    __slots__ = ("_future", "_process", "id")

    def __init__(self, call_id: str, future: Future[Published]) -> None:
        self.id = call_id
        self._future = future
        self._process = os.getpid()

    def __repr__(self) -> str:
        # asyncio.create_task, which takes coroutines only, shows it.
        return f"<{self.id}: await it, or use asyncio.ensure_future or .result(timeout)>"

    def __await__(self) -> Generator[Any, None, str]:
        # Cancelling the wait must not cancel the call, because the run waits for it, too.
        yield from asyncio.shield(asyncio.wrap_future(self.here())).__await__()
        return self.id

    def result(self, timeout: float | None = None) -> str:
        """Wait for at most `timeout` seconds, outside of an event loop; return the id of the call.

        Raises:
            TimeoutError: Kafka has not confirmed it yet.
            PublishError: it was not stored.

        """
        self.here().result(timeout)
        return self.id

    def here(self) -> Future[Published]:
        """Return the future of the confirmation; raise RuntimeError if another process made the call."""
        if self._process != os.getpid() and not self._future.done():
            raise RuntimeError("the call was made by another process, which alone is told whether it is stored")
        return self._future

    if not TYPE_CHECKING:  # a type checker finds what there is not by itself

        def __getattr__(self, name: str) -> Never:
            raise unknown_of_call(name)


def send(
    task: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    countdown: Seconds | None = None,
    eta: datetime | None = None,
    expires: Seconds | datetime | None = None,
) -> Handle:
    """Store a call that is due in `countdown` seconds or at `eta`, and does not run from `expires` on.

    Raises:
        TypeError, ValueError: the arguments are not JSON, or a time is none.
        PublishError: the buffer of calls is full.

    """
    check_values(task, args, kwargs)
    sender = PROCESS.sender
    running = context.running()
    now = int(time.time() * 1000)
    if running is None:
        call_id = f"call_{uuid.uuid4().hex}"
        source, traceparent, hops = None, None, 0
        partition = -1  # that of its key
    else:
        # A run that is repeated after a crash makes the same calls again. With the same ids they are no duplicates.
        parent = running.call
        call_id = derived_id(parent.id, parent.attempt, len(running.handles), task)
        source, traceparent, hops = parent.source, running.traceparent or parent.traceparent, parent.hops
        partition = parent.partition
    call = Call(
        call_id, task, partition, now, list(args), dict(kwargs), due=due_at(now, countdown, eta),
        expires=expires_at(now, expires), source=source, traceparent=traceparent, webhook_id=derived_id(call_id),
        hops=hops,
    )  # fmt: skip
    value = call.record(attempt=1, due=call.due, reason="countdown")
    try:
        future = sender.publish(sender.topic, value, key=call_id, partition=partition)
    except BufferError:
        if running is None:
            raise NotConfirmed("the buffer of records is full, and Kafka confirms none") from None
        # Kafka has been unavailable for long. The run will be repeated, and makes the same calls.
        raise RetryTaskError("the buffer of records is full", countdown=1.0) from None
    handle = Handle(call_id, future)
    if running is not None:
        running.handles.append(handle)
    else:
        PROCESS.unconfirmed.add(future)
    future.add_done_callback(partial(_log_failure, task, call_id))
    return handle


def _log_failure(task: str, call_id: str, future: Future[Published]) -> None:
    """Log a call that was not stored: a handle that nobody awaits would hide it."""
    error = None if future.cancelled() else future.exception()
    if error is not None:
        log.error("a call of %s was not stored: id=%s reason=%s", shown(task), call_id, shown(error))


def flush(timeout: float | None = None) -> None:
    """Wait, at most `timeout` seconds, until Kafka has confirmed all calls of this process; in a run, all of that run.

    Raises:
        TimeoutError: it has not confirmed all of them yet.
        PublishError: one that was made since the last `flush` was not stored.
        RuntimeError: the code runs in the event loop of a worker, where the handles must be awaited.

    """
    running = context.running()
    PROCESS.flush(timeout, None if running is None else [handle.here() for handle in running.handles])
