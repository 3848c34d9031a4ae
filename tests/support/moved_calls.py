"""A call in `delayed`, its moves, and a Kafka that confirms when the test says so."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import orjson

from streamhooks.delayed.moving import Moving
from streamhooks.delayed.pending import Pending
from streamhooks.kafka.reader import Record
from streamhooks.kafka.topics import Topics
from streamhooks.records.call import DelayedCall, tombstone_headers
from streamhooks.tasks.outputs import Outputs
from streamhooks.tasks.runs import has_them

NOW = 1_000_000.0
KEY = "call_1"


def record(partition: int, attempt: int = 1, moved: int = 0, **fields: Any) -> Record:
    call = DelayedCall(KEY, "shop.t", attempt, 5, 0, "countdown", moved=moved, **fields)
    return Record("delayed", partition, 0, 0, KEY.encode(), call.to_json())


def tombstone(partition: int, attempt: int = 1, moved: int | None = None) -> Record:
    return Record("delayed", partition, 0, 0, KEY.encode(), None, tuple(tombstone_headers(attempt, moved)))


def marks(pending: Pending) -> dict[int, tuple[int, int]]:
    return {entry.partition: entry.mark for entry in pending.snapshot()}


def pending_value(one: Record) -> dict[str, Any]:
    return orjson.loads(one.value)


@dataclass
class Log:
    """What was written to Kafka; a write is confirmed when the test says so."""

    written: list[Record] = field(default_factory=list)
    waiting: list[asyncio.Event] = field(default_factory=list)
    holds: bool = False

    async def publish(self, topic: str, value: bytes | None, *, key: str, partition: int = -1, headers=None) -> None:
        self.written.append(Record(topic, partition, len(self.written), 0, key.encode(), value, tuple(headers or ())))
        if self.holds:
            self.waiting.append(asyncio.Event())
            await self.waiting[-1].wait()

    def of(self, topic: str) -> list[Record]:
        return [one for one in self.written if one.topic == topic]


def moving(log: Log, pending: Pending, read_arguments=has_them, clock=lambda: NOW) -> Moving:
    return Moving(pending, Outputs(log, Topics(""), clock), read_arguments, clock)


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)
