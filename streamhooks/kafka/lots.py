"""Records that are written together: one callback for all of them, which costs nothing per record.

A record on its own has a future, and a callback that knows it. Attempts and cells come by the thousand, and hardly one
of them is ever refused. So the records of one partition form a lot. The producer's thread counts their confirmations,
and wakes the event loop once, after the last one. Only a record that is refused becomes one on its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Protocol

from confluent_kafka import KafkaError, Message
from msgspec import Struct

from streamhooks.errors import PublishError


class Plain(Struct, frozen=True, gc=False):
    """A record without headers."""

    key: bytes
    value: bytes
    timestamp_ms: int = 0
    """Epoch milliseconds; 0 for the time of writing."""


class Sink(Protocol):
    """Is told, in the event loop, what became of the records of a lot, by their positions in it."""

    def confirmed(self, positions: Sequence[int]) -> None:
        """Take the records that the broker has confirmed."""

    def failed(self, position: int, error: Exception) -> None:
        """Take a record that will not be written."""


class Lot:
    """Records for one partition of a topic. Written once, by `Outbox.send`."""

    __slots__ = (
        "_arrivals",
        "_awaited",
        "_error_of",
        "_refused",
        "_told",
        "handed",
        "is_dropped",
        "number",
        "partition",
        "records",
        "sink",
        "tasks",
        "topic",
    )

    def __init__(self, topic: str, partition: int, records: Sequence[Plain], sink: Sink) -> None:
        self.topic = topic
        self.partition = partition
        self.records = records
        self.sink = sink
        #: how many were handed to the producer, or refused by it at once
        self.handed = 0
        #: identifies it among the writes of the publisher; -1 before it is handed over
        self.number = -1
        self.is_dropped = False
        #: what retries its refused records
        self.tasks: set[asyncio.Task[None]] = set()
        # Counted from two threads, and `next` can't be interrupted.
        self._arrivals = count(1)
        self._awaited = -1
        self._refused: list[tuple[PublishError, bytes | None, bytes | None]] = []
        self._error_of: Callable[[KafkaError], PublishError]
        self._told: Callable[[Lot], None]

    def begin(self, number: int, error_of: Callable[[KafkaError], PublishError], told: Callable[[Lot], None]) -> None:
        """Call `told`, from any thread, when the broker has answered for all records that were handed over."""
        self.number, self._error_of, self._told = number, error_of, told

    def rest(self) -> Iterator[Plain]:
        """Give the records that are still to be handed over."""
        while self.handed < len(self.records):
            yield self.records[self.handed]
            self.handed += 1

    def refuse(self, record: Plain, error: PublishError) -> None:
        """Note that the producer has not taken a record."""
        self._refused.append((error, record.key, record.value))
        self._arrive()

    def close(self) -> None:
        """Note that no more records are handed over."""
        self._awaited = self.handed + 1  # the closing is an arrival as well
        self._arrive()

    def delivered(self, error: KafkaError | None, message: Message) -> None:
        """Take what the broker says of a record; called in the producer's thread."""
        if error is not None:
            self._refused.append((self._error_of(error), message.key(), message.value()))
        self._arrive()

    def _arrive(self) -> None:
        if next(self._arrivals) == self._awaited:
            self._told(self)

    def refused(self) -> dict[int, PublishError]:
        """Return the refused records by position, each with the reason."""
        if not self._refused:
            return {}
        positions: dict[tuple[bytes | None, bytes | None], list[int]] = {}
        for position in reversed(range(self.handed)):
            record = self.records[position]
            positions.setdefault((record.key, record.value), []).append(position)
        return {positions[key, value].pop(): error for error, key, value in self._refused}

    def drop(self) -> None:
        """Retry no record of it any more, and tell nothing about them."""
        self.is_dropped = True
        for task in self.tasks:
            task.cancel()
