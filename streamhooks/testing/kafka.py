"""What stands for Kafka: a list of records, and what stores the calls that are made."""

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

#: bytes of a record that a Kafka takes, unless it was told otherwise
LARGEST = 1_000_000

TOPICS = Topics("")


class Kafka:
    """The records that were written, in one partition of each topic; an offset counts those of all topics."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._read = 0
        self._lock = threading.Lock()

    def publish(
        self, topic: str, value: bytes | None, *, key: str | None = None, headers: Headers | None = None, **_: Any
    ) -> Future[Published]:
        """Take a record, as `kafka.publisher` does; from any thread."""
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
        """Read on."""
        while self._read < len(self._records):
            self._read += 1
            yield self._records[self._read - 1]

    async def read_one(self, _topic: str, _partition: int, offset: int) -> Record:
        """Read a record again."""
        return self._records[offset]

    def value_of(self, entry: Entry) -> bytes | None:
        """Return the whole of a pending call."""
        return entry.value if entry.offset is None else self._records[entry.offset].value


@dataclass(slots=True)
class Sender:
    """Stores the calls that are made; `now` gives epoch milliseconds, `made` is told of each call."""

    kafka: Kafka
    now: Callable[[], int]
    made: Callable[[DelayedCall], None]
    topic: str = TOPICS.delayed

    def publish(
        self, topic: str, value: bytes | None, *, key: str | None = None, partition: int = -1
    ) -> Future[Published]:
        """Store a call: what was made by the time of day is due by our clock."""
        call = decode(DelayedCall, value)
        now = self.now()
        expires = None if call.expires is None else max(0, now + call.expires - call.created)
        call = replace(call, created=now, due=now + call.due - call.created, expires=expires)
        self.made(call)
        return self.kafka.publish(topic, call.to_json(), key=key)
