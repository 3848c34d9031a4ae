"""A replacement of Kafka for tests: a list of records, and a sender of calls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from streamhooks.delayed.entries import Entry
from streamhooks.errors import RecordTooLarge
from streamhooks.kafka.publisher import Headers, Published
from streamhooks.kafka.reader import Record
from streamhooks.kafka.topics import Topics
from streamhooks.records.call import DelayedCall
from streamhooks.records.formats import decode

#: the size limit of a record, in bytes: about Kafka's default
LARGEST = 1_000_000

TOPICS = Topics("")


class Kafka:
    """The written records. Each topic has one partition, and offsets count the records of all topics."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._read = 0
        self._lock = threading.Lock()

    def publish(
        self, topic: str, value: bytes | None, *, key: str | None = None, headers: Headers | None = None, **_: Any
    ) -> Future[Published]:
        """Add a record, as `kafka.publisher` does; callable from any thread."""
        future: Future[Published] = Future()
        if len(value or b"") > LARGEST:
            future.set_exception(RecordTooLarge(f"a record of more than {LARGEST} bytes"))
            return future
        with self._lock:
            offset = len(self._records)
            self._records.append(Record(topic, 0, offset, 0, (key or "").encode(), value, tuple(headers or ())))
        future.set_result(Published(topic, 0, offset))
        return future

    def unread(self) -> Iterator[Record]:
        """Yield the records that were not read before."""
        while self._read < len(self._records):
            self._read += 1
            yield self._records[self._read - 1]

    async def read_one(self, _topic: str, _partition: int, offset: int) -> Record:
        """Return the record at an offset."""
        return self._records[offset]

    def value_of(self, entry: Entry) -> bytes | None:
        """Return the complete value of a pending call, including large arguments."""
        return entry.value if entry.offset is None else self._records[entry.offset].value


@dataclass(slots=True)
class Sender:
    """Stores calls; `now` gives epoch milliseconds, `made` is called with each call."""

    kafka: Kafka
    now: Callable[[], int]
    made: Callable[[DelayedCall], None]
    topic: str = TOPICS.delayed

    def publish(
        self, topic: str, value: bytes | None, *, key: str | None = None, partition: int = -1
    ) -> Future[Published]:
        """Store a call, with its times converted from the time of day to the clock of the test."""
        call = decode(DelayedCall, value)
        now = self.now()
        expires = None if call.expires is None else max(0, now + call.expires - call.created)
        call = replace(call, created=now, due=now + call.due - call.created, expires=expires)
        self.made(call)
        return self.kafka.publish(topic, call.to_json(), key=key)
