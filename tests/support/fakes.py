"""What stands for a clock, for what is written, for an owner and for the hooks table, in tests of many parts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streamhooks.kafka.lots import Lot
from streamhooks.kafka.publisher import Published
from streamhooks.records.hook import Hook
from support.examples import HOOK


@dataclass
class Clock:
    """Shows `now`, in seconds, until a test sets it."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


class Written(NamedTuple):
    """A record that was written."""

    topic: str
    key: str | None
    value: Any
    partition: int
    timestamp_ms: int


@dataclass
class Outbox:
    """Confirms what is written, but for what `refusal` gives an error."""

    refusal: Callable[[Written], Exception | None] = lambda _written: None
    written: list[Written] = field(default_factory=list)

    async def publish(
        self, topic: str, value: bytes | None, *, key: str | None = None, partition: int = -1,
        timestamp_ms: int = 0, **_headers: Any,
    ) -> Published:  # fmt: skip
        one = Written(topic, key, value, partition, timestamp_ms)
        if (error := self.refusal(one)) is not None:
            raise error
        self.written.append(one)
        return Published(topic, max(partition, 0), len(self.written) - 1)

    def send(self, lot: Lot) -> None:
        for position, record in enumerate(lot.records):
            one = Written(lot.topic, record.key.decode(), record.value, lot.partition, record.timestamp_ms)
            if (error := self.refusal(one)) is not None:
                lot.sink.failed(position, error)
            else:
                self.written.append(one)
                lot.sink.confirmed((position,))


@dataclass
class Outputs:
    stored: list = field(default_factory=list)
    settled: list = field(default_factory=list)
    dead: list = field(default_factory=list)
    ended: list = field(default_factory=list)
    ran: list = field(default_factory=list)

    async def store(self, call, *, attempt, due, reason, last=None):
        self.stored.append((call, attempt, due, reason, last))

    async def settle(self, call):
        self.settled.append(call)

    async def give_up(self, call, reason, last):
        self.dead.append((call, reason, last))

    async def end_letter(self, call, state, reason=None, last=None, *, ran=True):
        assert call not in self.settled  # else a kill in between would leave it sent for ever
        self.ended.append((call.letter, call.redriven, state, reason))
        self.ran.append(ran)


@dataclass
class Firings:
    attempts: list = field(default_factory=list)

    def add(self, hook_id, attempt, done):
        self.attempts.append(attempt)
        done()


@dataclass
class Owner:
    holds: int = 1
    is_void: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def hold(self):
        self.holds += 1

    def release(self):
        self.holds -= 1
        if not self.holds:
            self.ended.set()

    def give_back(self):
        self.ended.set()

    def running(self, _call):
        return nullcontext()


class Hooks:
    def __init__(self, hook: Hook = HOOK) -> None:
        self.hook = hook
        self.active = True

    def get(self, hook_id):
        return self.hook if hook_id == self.hook.id else None

    def state(self, hook_id):
        return None

    lasting = state

    def is_active(self, hook_id):
        return self.active and hook_id == self.hook.id
