"""What stores the calls of a program that is no worker: a producer, made with the first call of a process.

Nothing here waits for Kafka before a call returns, so a call may be made in an event loop. A call that is not confirmed
in time fails.
"""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from typing import Any

from streamhooks.errors import NotConfirmed
from streamhooks.kafka.publisher import Published, Publisher
from streamhooks.kafka.topics import Topics
from streamhooks.settings import Settings
from streamhooks.times import steady

#: how long a call in an event loop waits for room in the buffer, in seconds: meanwhile, the loop stands
IN_A_LOOP = 1.0
#: how long a topic that Kafka does not name may be one that was created just now, in milliseconds
NEW_TOPIC = 5000


class Program:
    """Stores calls. `settings.call_timeout` says how long Kafka may take to confirm one."""

    def __init__(self, settings: Settings) -> None:
        self.topic = Topics(settings.topic_prefix).delayed
        self.timeout = settings.call_timeout
        self._settings = settings
        self._lock = threading.Lock()
        self._publisher = self._make_publisher()

    def _make_publisher(self) -> Publisher:
        timeout = int(self.timeout * 1000)
        options = {
            "message.timeout.ms": timeout,
            "topic.metadata.propagation.max.ms": min(timeout, NEW_TOPIC),
            # A broker would make it with its own defaults, but `delayed` must be compacted.
            "allow.auto.create.topics": False,
            "linger.ms": 5,
        }
        return Publisher(self._settings, options=options)

    def publish(
        self, topic: str, value: bytes | None, *, key: str | None = None, partition: int = -1
    ) -> Future[Published]:
        """Hand a record over; if the buffer is full, wait for room.

        Raises:
            NotConfirmed: there is no room in time.

        """
        deadline = None
        while True:
            try:
                return self._living().publish(topic, value, key=key, partition=partition)
            except BufferError:
                deadline = deadline or steady() + (min(self.timeout, IN_A_LOOP) if in_event_loop() else self.timeout)
                if steady() > deadline:
                    raise NotConfirmed("the buffer of calls is full, and Kafka confirms none") from None
            time.sleep(0.01)

    def _living(self) -> Publisher:
        """Return the publisher; another one if it can't write any more, since this process can't be restarted."""
        with self._lock:
            if self._publisher.is_dead:
                closing: dict[str, Any] = {"target": self._publisher.close, "args": (self.timeout,), "daemon": True}
                threading.Thread(name="closing", **closing).start()
                self._publisher = self._make_publisher()
            return self._publisher

    def close(self) -> None:
        """Wait until each call is confirmed or has failed."""
        self._publisher.close(self.timeout + 1)


def in_event_loop() -> bool:
    """Tell whether this code runs in an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
