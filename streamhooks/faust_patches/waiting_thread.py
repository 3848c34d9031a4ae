"""The thread that waits for the messages of a client while they come seldom, and hands them to the event loop.

confluent-kafka serves one call of a client at a time, and who waits for its turn may wait as long as a thread polls
again and again. So nothing is asked of a client unless its thread rests or has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

from confluent_kafka import Message

#: the thread looks this often whether it should end, in seconds
STOP = 0.2
#: bytes of messages that are handed over at once, unless the first one is larger
AT_HAND = 65_536
#: after more messages at once it rests: they do not come seldom
FEW = 4


class Client(Protocol):
    """The part of a consumer that the thread needs."""

    def poll(self, timeout: float) -> Message | None:
        """Return the next message; None if none comes in time."""


Came = Callable[["WaitingThread", list[Message], bool], None]
"""Called in the loop with messages, and with whether the thread rests now."""


class WaitingThread:
    """Waits for messages, and hands them over.

    A thread that is told to wait for each message takes longer than the message. So it waits for the next one by
    itself. It rests after it has handed over many messages, or one while the previous ones were not taken, or if it
    `should_rest`: then nothing takes messages from the client but who was told that it rests, until `go_on` is called.
    """

    def __init__(self, client: Client, loop: asyncio.AbstractEventLoop, came: Came) -> None:
        self._client = client
        self._loop = loop
        self._came = came
        self._resumed: SimpleQueue[None] = SimpleQueue()
        self._is_ended = False
        #: whether it rests after it has handed over the next messages
        self.should_rest = False
        #: whether all that was handed over is taken; who takes it sets this
        self.is_taken = True
        #: why it has ended by itself; `came` is told
        self.failure: BaseException | None = None
        threading.Thread(target=self._run, name="fetching", daemon=True).start()

    def go_on(self) -> None:
        """Let it wait for messages again after it has rested."""
        self._resumed.put(None)

    def end(self) -> None:
        """Let it end soon; what it hands over from now on must not be taken."""
        self._is_ended = True
        self._resumed.put(None)

    def _run(self) -> None:
        try:
            self._wait()
        except BaseException as error:  # whatever it is, nobody else would learn of it
            if not self._is_ended:
                self.failure = error
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    self._loop.call_soon_threadsafe(self._came, self, [], True)

    def _wait(self) -> None:
        while not self._is_ended:
            first = self._client.poll(STOP)
            if first is None:
                continue
            is_behind, self.is_taken = not self.is_taken, False
            messages = [first] if is_behind else self._with_first(first)
            rests = is_behind or self.should_rest or len(messages) > FEW
            self._loop.call_soon_threadsafe(self._came, self, messages, rests)
            if rests:
                self._resumed.get()
                self.is_taken = True

    def _with_first(self, first: Message) -> list[Message]:
        messages, size = [first], len(first)
        while len(messages) <= FEW and size < AT_HAND and (message := self._client.poll(0)) is not None:
            messages.append(message)
            size += len(message)
        return messages
