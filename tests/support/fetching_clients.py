"""A Kafka in memory, and clients that fetch from it as librdkafka and aiokafka do, one record at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection
from functools import partial
from queue import Empty
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from streamhooks.faust_patches import fetched_messages, librdkafka_fetching
from streamhooks.kafka.known_brokers import KnownBrokers

A, B = TP("events", 0), TP("events", 1)
#: a thread that must do something does it in this time, in seconds
SOON = 10.0

_PLAIN: dict[str, Any] = {"key": None, "value": b"v"}


class Broker:
    """The offsets of each partition; a transaction marker is an offset without a record.

    elections -- where each partition ended when the leader of the next epoch was elected; nothing was lost then.
    """

    def __init__(self) -> None:
        self.elections: list[dict[TP, int]] = []
        self.changed = threading.Condition()
        self.offsets: dict[TP, list[int]] = {A: [], B: []}
        self.ends = {A: 0, B: 0}

    def append(self, tp: TP, *, with_marker: bool = False) -> None:
        with self.changed:
            self.ends[tp] += with_marker
            self.offsets[tp].append(self.ends[tp])
            self.ends[tp] += 1
            self.changed.notify_all()

    def epoch_of(self, tp: TP, offset: int) -> int:
        return sum(starts[tp] <= offset for starts in self.elections)

    def end_of(self, tp: TP, epoch: int) -> int:
        return self.elections[epoch][tp] if epoch < len(self.elections) else self.ends[tp]

    def next_of(self, places: dict[TP, int]) -> tuple[TP, int] | None:
        """Return the next record for a client that is at these places, and move them behind it."""
        for tp, place in places.items():
            if (offset := next((one for one in self.offsets[tp] if one >= place), None)) is not None:
                places[tp] = offset + 1
                return tp, offset
        return None

    def has_next(self, places: dict[TP, int]) -> bool:
        return self.next_of(places.copy()) is not None


class Message:
    """A message of confluent-kafka."""

    def __init__(self, tp: TP, offset: int, epoch: int) -> None:
        fields = {"topic": tp.topic, "partition": tp.partition, "offset": offset, "timestamp": (1, 5)}
        for name, value in (fields | _PLAIN | {"leader_epoch": epoch, "error": None, "headers": None}).items():
            setattr(self, name, partial(_same, value))

    def __len__(self) -> int:
        return 1


def _same(given: object) -> object:
    return given


class ThreadedClient:
    """A client of librdkafka. With a gate, what a thread has polled it gets only when it may pass."""

    def __init__(self, broker: Broker, *, has_gate: bool = False) -> None:
        self.brokers = KnownBrokers()
        self.places: dict[TP, int] = {}
        self.epochs: dict[TP, int | None] = {}
        self.is_polled = self.is_closed = self.is_free = self.may_pass = False
        self.held: tuple[TP, int] | None = None
        self._broker = broker
        self._has_gate = has_gate

    def assign(self, places: Collection[Any]) -> None:
        self.places = {TP(one.topic, one.partition): one.offset for one in places}
        self.epochs = {TP(one.topic, one.partition): one.leader_epoch for one in places}

    def consume(self, number: int, timeout: float) -> list[Message]:
        assert not self.is_polled, "a client serves one call at a time: this one would wait for the thread's"
        found: list[Message] = []
        while len(found) < number and (one := self._broker.next_of(self.places)) is not None:
            found.append(self._message(*one))
        return found

    def poll(self, timeout: float) -> Message | None:
        if not timeout:
            return next(iter(self.consume(1, 0)), None)
        broker = self._broker
        with broker.changed:
            self.is_polled = True
            broker.changed.notify_all()
            broker.changed.wait_for(self._has_next, timeout)
            if self.held is not None and self._has_gate:
                broker.changed.notify_all()
                broker.changed.wait_for(lambda: self.may_pass or self.is_free)
            found, self.held, self.is_polled, self.may_pass = self.held, None, False, False
            return None if found is None else self._message(*found)

    def _message(self, tp: TP, offset: int) -> Message:
        return Message(tp, offset, self._broker.epoch_of(tp, offset))

    def _has_next(self) -> bool:
        self.held = self.held or self._broker.next_of(self.places)
        return self.held is not None or self.is_free

    def stands(self) -> bool:
        """Tell whether the thread waits in a poll."""
        return self.is_polled and (self.held is not None or not self._broker.has_next(self.places))

    def close(self) -> None:
        with self._broker.changed:
            self.is_closed = True
            self._broker.changed.notify_all()


class Permits:
    """A queue whose reader is known to wait."""

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self._count = 0
        self.are_awaited = False

    def put(self, _: None) -> None:
        with self._changed:
            self._count += 1
            self.are_awaited = False
            self._changed.notify_all()

    def get(self) -> None:
        with self._changed:
            self.are_awaited = not self._count
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._count)
            self._count -= 1

    def get_nowait(self) -> None:
        with self._changed:
            if not self._count:
                raise Empty
            self._count -= 1


class Threads:
    """The threads that poll the clients of librdkafka. A test waits for them, so that they do things at known steps."""

    def __init__(self, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
        self._broker = broker
        self._clients: list[ThreadedClient] = []
        self._permits: list[Permits] = []
        self._told = threading.Semaphore(0)
        loop = asyncio.get_running_loop()
        tell = loop.call_soon_threadsafe

        def telling(*arguments: Any, **named: Any) -> Any:
            handle = tell(*arguments, **named)
            self._told.release()
            return handle

        monkeypatch.setattr(loop, "call_soon_threadsafe", telling)
        monkeypatch.setattr(librdkafka_fetching, "WatchedConsumer", self._new_client)
        monkeypatch.setattr(fetched_messages, "SimpleQueue", self._new_permits)

    def _new_client(self, _config: object) -> ThreadedClient:
        self._clients.append(ThreadedClient(self._broker, has_gate=True))
        return self._clients[-1]

    def _new_permits(self) -> Permits:
        self._permits.append(Permits(self._broker.changed))
        return self._permits[-1]

    def wait(self) -> None:
        """Wait until each thread waits: for a permit, for a record, or for what it has polled to pass."""
        with self._broker.changed:
            assert self._broker.changed.wait_for(self._all_wait, SOON)

    def _all_wait(self) -> bool:
        both = zip(self._clients, self._permits, strict=True)
        return all(client.is_closed or client.stands() or permits.are_awaited for client, permits in both)

    def let_pass(self) -> None:
        """Let the threads hand over what they have polled."""
        while self._told.acquire(blocking=False):
            pass
        held = [client for client in self._clients if client.held is not None]
        with self._broker.changed:
            for client in held:
                client.may_pass = True
            self._broker.changed.notify_all()
        for _ in held:
            assert self._told.acquire(timeout=SOON)

    def free(self) -> None:
        """Hold up no thread any more."""
        with self._broker.changed:
            for client in self._clients:
                client.is_free = True
            self._broker.changed.notify_all()


class LoopClient:
    """A client of aiokafka: who waits gets what was fetched since, whatever was assigned when the wait began."""

    def __init__(self, broker: Broker) -> None:
        self.places: dict[TP, int] = {}
        self._fetcher = SimpleNamespace()
        self._broker = broker

    def assign(self, _tps: Collection[Any]) -> None:
        self.places = {}

    def seek(self, tp: Any, offset: int) -> None:
        self.places[TP(*tp)] = offset

    async def getmany(self, timeout_ms: int, max_records: int) -> dict[TP, list[Any]]:
        while (found := self._broker.next_of(self.places)) is None:  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0)
        tp, offset = found
        fields = _PLAIN | {"offset": offset, "timestamp": 5, "headers": ()}
        return {tp: [SimpleNamespace(topic=tp.topic, partition=tp.partition, **fields)]}

    async def stop(self) -> None: ...
