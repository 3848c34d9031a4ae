"""Sends task calls, from a worker or any other program. A call is a record in `delayed`, due now or later.

Why there is one sender per process: docs/decisions/0015-process-wide-registry.md.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import time
import uuid
from collections.abc import Callable, Generator
from concurrent.futures import Future
from functools import cache, partial
from typing import Any, Protocol

from streamhooks.kafka.partitions import partition_of
from streamhooks.kafka.publisher import Published, Publisher
from streamhooks.kafka.topics import Topics, admin_client
from streamhooks.masking import shown
from streamhooks.records.ids import derived_id
from streamhooks.settings import load_settings
from streamhooks.tasks import context
from streamhooks.tasks.call import Call
from streamhooks.tasks.retry import RetryTaskError

log = logging.getLogger(__name__)

#: how long a program waits at its end for the broker to confirm its calls, in seconds
FLUSH_AT_EXIT = 30.0


class Sender(Protocol):
    """Stores calls. A worker binds its own sender; any other program gets one from its settings."""

    topic: str
    partitions: int

    def publish(
        self, topic: str, value: bytes | None, *, key: str | None = None, partition: int = -1
    ) -> Future[Published]:
        """Publish a record; return a future of the confirmation."""


class Handle:
    """A call that was sent. Await it, or call `result()`, to know that the broker has confirmed it."""

    __slots__ = ("_future", "id")

    def __init__(self, call_id: str, future: Future[Published]) -> None:
        self.id = call_id
        self._future = future

    def __await__(self) -> Generator[Any, None, str]:
        # Cancelling the wait must not cancel the call, because the run waits for it, too.
        yield from asyncio.shield(asyncio.wrap_future(self._future)).__await__()
        return self.id

    def result(self, timeout: float | None = None) -> str:
        """Wait for at most `timeout` seconds, outside of an event loop; return the id of the call.

        Raises:
            TimeoutError: the broker has not confirmed it yet.

        """
        self._future.result(timeout)
        return self.id


class _Process:
    """The sender of this process. Calls are made by plain functions, so there is one per process."""

    def __init__(self) -> None:
        self._worker: Sender | None = None

    def bind(self, sender: Sender | None) -> None:
        """Send all calls of this process through `sender`; None restores the sender from the settings."""
        self._worker = sender

    @property
    def sender(self) -> Sender:
        return self._worker or _own_sender()


_PROCESS = _Process()
bind = _PROCESS.bind


def send(task: str, args: list[Any], kwargs: dict[str, Any], countdown: float) -> Handle:
    """Store a call that is due in `countdown` seconds."""
    sender = _PROCESS.sender
    running = context.running()
    now = int(time.time() * 1000)
    if running is None:
        call_id = f"call_{uuid.uuid4().hex}"
        source, traceparent, hops = None, None, 0
        partition = partition_of(call_id, sender.partitions)
    else:
        # A run that is repeated after a crash makes the same calls again. With the same ids they are no duplicates.
        parent = running.call
        call_id = derived_id(parent.id, parent.attempt, len(running.handles), task)
        source, traceparent, hops = parent.source, running.traceparent or parent.traceparent, parent.hops
        partition = parent.partition
    call = Call(
        call_id, task, partition, now, args, kwargs, due=now + int(countdown * 1000),
        source=source, traceparent=traceparent, webhook_id=derived_id(call_id), hops=hops,
    )  # fmt: skip
    value = call.record(attempt=1, due=call.due, reason="countdown")
    try:
        future = sender.publish(sender.topic, value, key=call_id, partition=partition)
    except BufferError:
        if running is None:
            raise
        # Kafka has been unavailable for long. The run will be repeated, and makes the same calls.
        raise RetryTaskError("the buffer of records is full", countdown=1.0) from None
    future.add_done_callback(partial(_log_failure, task, call_id))
    handle = Handle(call_id, future)
    if running is not None:
        running.handles.append(handle)
    return handle


def _log_failure(task: str, call_id: str, future: Future[Published]) -> None:
    """Log a call that the broker refused: a handle that nobody awaits would hide it."""
    error = None if future.cancelled() else future.exception()
    if error is not None:
        log.error("a call of %s was not taken and is lost: id=%s reason=%s", shown(task), call_id, shown(error))


class _OwnSender:
    def __init__(self) -> None:
        settings = load_settings()
        self.topic = Topics(settings.topic_prefix).delayed
        found = admin_client(settings).list_topics(self.topic, timeout=10).topics[self.topic]
        if not found.partitions:
            raise LookupError(f"the topic {self.topic} does not exist: has a worker been started on this Kafka?")
        self.partitions = len(found.partitions)
        self._publisher = Publisher(settings)
        self.publish = _patient(self._publisher.publish)
        atexit.register(self._publisher.close, FLUSH_AT_EXIT)


def _patient(publish: Callable[..., Future[Published]]) -> Callable[..., Future[Published]]:
    """Wait for room in the buffer: a program may make calls faster than Kafka accepts them."""

    def patient(*args: Any, **options: Any) -> Future[Published]:
        while True:
            try:
                return publish(*args, **options)
            except BufferError:
                time.sleep(0.01)

    return patient


@cache
def _own_sender() -> Sender:
    return _OwnSender()
