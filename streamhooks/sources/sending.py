"""Writing the messages that callers of the API send: confirmed by Kafka within a time, or told what became of each.

A message whose confirmation does not come in time can't be taken back: Kafka may get it later. While there are such
messages no further ones are written, so that a caller who tries again makes one duplicate, not many.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Protocol

from streamhooks.errors import Busy, NotConfirmed, ProducerDead, PublishError, RecordTooLarge
from streamhooks.kafka.publisher import Headers, Published

#: bytes of all calls that are being answered; the producer's buffer, which other writes share, has twice as many
ROOM: Final = 16_000_000


class ToSend(NamedTuple):
    """A message to be written, checked before; `id` is the producer's, if any."""

    key: str
    value: bytes
    id: str | None


class NotWritten(NamedTuple):
    """Why a message is not known to be written."""

    reason: str
    is_unknown: bool = False
    """Whether it may be written all the same."""
    is_final: bool = False
    """Whether Kafka will never take it."""


Outcome = Published | NotWritten


class Unconfirmed(PublishError):
    """Kafka has not confirmed messages of earlier calls yet, so none of this one was written."""


class Outbox(Protocol):
    """Writes to Kafka."""

    def offer(self, topic: str, value: bytes | None, **options: Any) -> asyncio.Future[Published]:
        """Publish once; raise BufferError if there is no room."""


class MessageSender:
    """Writes messages to the topic `topic`. One per worker."""

    def __init__(self, outbox: Outbox, topic: str) -> None:
        self._outbox = outbox
        self._topic = topic
        self._room = ROOM
        self._late = 0

    @contextmanager
    def room(self, size: int) -> Iterator[None]:
        """Take room for a call of `size` bytes, for as long as the context lasts.

        Raises:
            Busy: other calls have taken it.

        """
        if size > self._room:
            raise Busy("messages", "too many messages are being sent: try again later")
        self._room -= size
        try:
            yield
        finally:
            self._room += size

    async def send(self, messages: Sequence[ToSend], headers: Headers, within: float) -> list[Outcome]:
        """Write messages in their order; return what became of each after at most `within` seconds.

        Raises:
            Unconfirmed: none is written, since messages of earlier calls are not confirmed.

        """
        if self._late:
            raise Unconfirmed("Kafka has not confirmed earlier messages yet")
        waiting = list(self._offer(messages, headers))
        if waiting:
            await asyncio.wait(waiting, timeout=within)
        full = NotWritten("too many records wait for Kafka")
        return [*map(self._outcome, waiting), *[full] * (len(messages) - len(waiting))]

    def _offer(self, messages: Sequence[ToSend], headers: Headers) -> Iterator[asyncio.Future[Published]]:
        """Hand over messages, in their order, until the buffer is full."""
        for message in messages:
            try:
                yield self._outbox.offer(self._topic, message.value, key=message.key, headers=headers)
            except BufferError:
                return

    def _outcome(self, future: asyncio.Future[Published]) -> Outcome:
        if not future.done():
            self._late += 1
            future.add_done_callback(self._came)
            return NotWritten("Kafka has not confirmed it in time", is_unknown=True)
        error = future.exception()
        if error is None:
            return future.result()
        if not isinstance(error, PublishError):
            raise error
        return NotWritten(
            str(error),
            is_unknown=isinstance(error, NotConfirmed | ProducerDead),
            is_final=isinstance(error, RecordTooLarge),
        )

    def _came(self, future: asyncio.Future[Published]) -> None:
        self._late -= 1
        if not future.cancelled():
            future.exception()  # else asyncio logs that nobody asked for it
