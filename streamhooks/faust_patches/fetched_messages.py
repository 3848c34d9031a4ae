"""The messages that a client of librdkafka has fetched, in order.

While they come one soon after the other, the event loop looks for the next ones, without a thread. Else a thread waits
for them. It goes on waiting by itself: to tell a thread to wait for each message costs more than the message. What it
may take before the loop takes it is bounded by permits, of which it spends one each time that it hands messages over.

confluent-kafka serves one call of a client at a time, and who waits for its turn may wait as long as a thread polls
again and again. So the loop asks nothing of a client while its thread has a permit, and the thread closes the client.
"""

from __future__ import annotations

import asyncio
import contextlib
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Protocol

from confluent_kafka import Message

from streamhooks.faust_patches.fetching import AT_ONCE
from streamhooks.kafka.known_brokers import KnownBrokers
from streamhooks.times import steady

#: how soon after the last messages the next ones must come for the loop to look for them, and how often, in seconds
SOON, LOOK = 0.006, 0.002
#: how long a poll of the thread takes at most, in seconds; it ends soon after
POLL = 0.2
#: so that the thread goes on with one while what it has handed over with the other is on its way
PERMITS = 2
#: if the thread finds more messages than this at once, they do not come seldom: it stops taking them
FEW = 4
#: bytes of messages that it hands over at once, unless the first one is larger
AT_HAND = 65_536


class Client(Protocol):
    """The part of a consumer that is used."""

    brokers: KnownBrokers

    def poll(self, timeout: float) -> Message | None:
        """Return the next message; None if none comes in time."""

    def consume(self, number: int, timeout: float) -> list[Message]:
        """Return up to so many messages."""

    def close(self) -> None:
        """End."""


class FetchedMessages:
    """The messages of one client, for one reader. When it has ended it gives none, even to who waits already."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._loop = asyncio.get_running_loop()
        self._permits: SimpleQueue[None] = SimpleQueue()
        self._permitted = 0
        self._came: list[Message] = []
        self._failure: BaseException | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._is_ended = False
        self._last = 0.0
        self._comes_soon = False
        self._thread = Thread(target=self._run, name="fetching", daemon=True)
        self._thread.start()

    async def some(self, timeout: float) -> list[Message]:
        """Return the next messages; wait for at most `timeout` seconds; may be cancelled."""
        found = self.at_hand()
        if not found:
            if not (self._comes_soon and steady() - self._last < SOON):
                self._permit()
            if self._permitted:
                await self._told(timeout)
            else:
                await asyncio.sleep(LOOK)
            found = self.at_hand()
        if found:
            now = steady()
            self._comes_soon, self._last = now - self._last < SOON, now
        return found

    def at_hand(self) -> list[Message]:
        """Return the next messages that are there, at most `AT_ONCE`; raise what the client has raised in the thread.

        What the thread is about to hand over is not among them, nor what comes after that.
        """
        if self._is_ended:
            return []
        if self._failure is not None:
            raise self._failure
        found, self._came = self._came, []
        if not self._permitted:
            found += self.client.consume(AT_ONCE - len(found), 0)
        return found

    def end(self) -> None:
        """Give no more messages, and close the client soon."""
        self._is_ended = True
        self._permits.put(None)
        self._tell()

    def join(self, timeout: float) -> None:
        """Wait until the client is closed, for at most `timeout` seconds. Blocks."""
        self._thread.join(timeout)

    def _permit(self) -> None:
        while self._permitted < PERMITS:
            self._permitted += 1
            self._permits.put(None)

    async def _told(self, timeout: float) -> None:
        self._waiting = self._loop.create_future()
        timer = self._loop.call_later(timeout, self._tell)
        try:
            await self._waiting
        finally:
            timer.cancel()

    def _tell(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _come(self, messages: list[Message], spent: int) -> None:
        self._came += messages
        self._permitted -= spent
        self._tell()

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        self._tell()

    # --- in the thread

    def _run(self) -> None:
        try:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._hand_over()
        finally:
            self.client.close()

    def _hand_over(self) -> None:
        try:
            while messages := self._awaited():
                spent = 1 + (self._give_back() if len(messages) > FEW else 0)
                self._loop.call_soon_threadsafe(self._come, messages, spent)
        except BaseException as error:  # whatever it is, nobody else would learn of it
            self._loop.call_soon_threadsafe(self._fail, error)

    def _awaited(self) -> list[Message]:
        """Wait for a permit, and for messages; return none at the end."""
        self._permits.get()
        while not self._is_ended:
            if (first := self.client.poll(POLL)) is not None:
                return self._with_first(first)
        return []

    def _with_first(self, first: Message) -> list[Message]:
        messages, size = [first], len(first)
        while len(messages) <= FEW and size < AT_HAND and (message := self.client.poll(0)) is not None:
            messages.append(message)
            size += len(message)
        return messages

    def _give_back(self) -> int:
        """Return how many other permits it had."""
        number = 0
        with contextlib.suppress(Empty):
            while True:
                self._permits.get_nowait()
                number += 1
        return number
