"""Reading topics outside of the consumer group: whole compacted topics, owned partitions, ranges of offsets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from streamhooks.errors import RegistryAway
from streamhooks.kafka.clients import client_config
from streamhooks.settings import Settings

log = logging.getLogger(__name__)

TP = tuple[str, int]

#: how long after the first one more records are waited for, in seconds: a loop that is woken for each has no time left
GATHERED = 0.01


class Record(NamedTuple):
    """A record as it lies in a topic; `timestamp` is epoch milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def source(self) -> str:
        """The coordinates as they are shown: `<topic>:<partition>:<offset>`."""
        return f"{self.topic}:{self.partition}:{self.offset}"


def coordinates(source: str) -> tuple[str, int, int]:
    """Topic, partition and offset of `<topic>:<partition>:<offset>`.

    Raises:
        ValueError: it is none.

    """
    topic, partition, offset = source.rsplit(":", 2)
    return topic, int(partition), int(offset)


def to_record(message: Message) -> Record:
    """A record of confluent-kafka as ours."""
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        tuple(message.headers() or ()),
    )


def new_consumer(settings: Settings, **config: object) -> Consumer:
    """A consumer that belongs to no group that others join, and commits nothing."""
    return Consumer(
        client_config(settings)
        | {
            "group.id": f"{settings.topic_prefix}reader",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": False,
            "fetch.wait.max.ms": 100,
            "queued.max.messages.kbytes": 16384,
        }
        | config
    )


class TopicReader:
    """Follows partitions from their start, in a thread; hands batches to the event loop.

    A partition is *ready* when everything was handed over that it held when it was assigned. The end may be a record
    that compaction removed, or a marker of a transaction: only Kafka's end-of-partition event tells.

    `prepare` is called in the thread with each value before it is handed over, again as long as it raises RegistryAway.
    """

    def __init__(
        self,
        settings: Settings,
        handle: Callable[[list[Record]], None],
        loop: asyncio.AbstractEventLoop,
        *,
        name: str,
        prepare: Callable[[bytes | None], None] | None = None,
    ) -> None:
        self._settings = settings
        self._handle = handle
        self._prepare = prepare
        self._loop = loop
        self._name = name
        # A partition that goes and comes back is another one: it is read from its start again.
        self._wanted: dict[TP, int] = {}
        self._assignments = 0
        self._changed = threading.Event()
        self._stopping = threading.Event()
        #: the offset that comes next, by partition; only what was handed over counts
        self.position: dict[TP, int] = {}
        self._ready: set[TP] = set()
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._free = threading.Semaphore(4)  # batches on their way to the loop: bounds memory
        self._thread = threading.Thread(target=self._run, name=f"reader-{name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    async def stop(self) -> None:
        """End the thread and wait for it."""
        self._stopping.set()
        self._changed.set()
        self._free.release()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, 5)

    def follow(self, partitions: Iterable[TP]) -> None:
        """Read these partitions, and no others, from now on; new ones from their start."""
        partitions = set(partitions)
        wanted = {tp: number for tp, number in self._wanted.items() if tp in partitions}
        for gone in self._wanted.keys() - wanted.keys():
            self._ready.discard(gone)
            self.position.pop(gone, None)
        for new in partitions - wanted.keys():
            self._assignments += 1
            wanted[new] = self._assignments
        self._wanted = wanted
        self._changed.set()

    def is_ready(self, partition: TP | None = None) -> bool:
        """Whether this partition, or each that is followed, was read to the end it had when it was assigned."""
        if partition is not None:
            return partition in self._ready
        return bool(self._wanted) and self._wanted.keys() <= self._ready

    async def wait_ready(self) -> None:
        """Wait until each partition that is followed is ready."""
        await self._wait_for(self.is_ready)

    async def wait_applied(self, topic: str, partition: int, offset: int) -> None:
        """Wait until the record at this offset was handed over."""
        await self._wait_for(lambda: self.position.get((topic, partition), 0) > offset)

    async def _wait_for(self, condition: Callable[[], bool]) -> None:
        if condition():
            return
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append((condition, waiter))
        try:
            await waiter
        finally:
            self._waiters = [w for w in self._waiters if w[1] is not waiter]

    # --- in the thread

    def _run(self) -> None:
        consumer = new_consumer(self._settings, **{"enable.partition.eof": True})
        assigned: dict[TP, int] = {}
        try:
            while not self._stopping.is_set():
                if self._changed.is_set():
                    self._changed.clear()
                    assigned = self._reassign(consumer, assigned)
                if assigned:
                    self._hand_over(_next(consumer), assigned)
                else:
                    self._changed.wait(1.0)
        except Exception:
            log.exception("the reader of %s stopped", self._name)
            raise
        finally:
            consumer.close()

    def _reassign(self, consumer: Consumer, assigned: dict[TP, int]) -> dict[TP, int]:
        wanted = self._wanted
        gone = [TopicPartition(*tp) for tp, number in assigned.items() if wanted.get(tp) != number]
        new = [TopicPartition(*tp, OFFSET_BEGINNING) for tp, number in wanted.items() if assigned.get(tp) != number]
        if gone:
            consumer.incremental_unassign(gone)
        if new:
            consumer.incremental_assign(new)
        return dict(wanted)

    def _hand_over(self, messages: list[Message], assigned: dict[TP, int]) -> None:
        records: list[Record] = []
        reached: dict[TP, int] = {}
        ended: set[TP] = set()
        for message in messages:
            error, tp = message.error(), (message.topic(), message.partition())
            if error is None:
                records.append(to_record(message))
                reached[tp] = message.offset() + 1
                self._prepare_value(message.value())
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                reached[tp] = message.offset()
                ended.add(tp)
            else:
                log.debug("reading %s: %s", self._name, error.str())
        if reached:
            self._free.acquire()
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._receive, records, reached, ended, assigned)

    def _prepare_value(self, value: bytes | None) -> None:
        while self._prepare is not None and not self._stopping.is_set():
            try:
                self._prepare(value)
            except RegistryAway as away:
                log.warning("the reader of %s waits: %s", self._name, away)
                self._stopping.wait(1.0)
            else:
                return

    # --- in the loop

    def _receive(
        self, records: list[Record], reached: Mapping[TP, int], ended: set[TP], assigned: Mapping[TP, int]
    ) -> None:
        self._free.release()
        # What was on its way when the assignment changed belongs to nobody.
        current = {tp for tp in reached if tp in self._wanted and self._wanted[tp] == assigned.get(tp)}
        records = [record for record in records if (record.topic, record.partition) in current]
        if records:
            self._handle(records)
        for tp in current:
            self.position[tp] = max(reached[tp], self.position.get(tp, 0))
        self._ready.update(ended & current)
        for condition, waiter in self._waiters:
            if not waiter.done() and condition():
                waiter.set_result(None)


def _next(consumer: Consumer) -> list[Message]:
    """What comes next: `consume` alone would wait for its full time whenever there is less than it may bring."""
    first = consumer.poll(0.1)
    return [] if first is None else [first, *consumer.consume(num_messages=2000, timeout=GATHERED)]


class Stop(Protocol):
    """What tells a thread, or a process, that nobody waits for it any more."""

    def is_set(self) -> bool:
        """Whether it shall end."""


def read_range(
    settings: Settings, topic: str, partition: int, start: int, end: int, *, timeout: float, stop: Stop | None = None
) -> list[Record]:
    """The records of [start, end) that Kafka still holds; blocks for at most `timeout` seconds.

    Raises:
        TimeoutError: Kafka did not hand over all of them in time, or `stop` was set.

    """
    return list(scan(settings, {(topic, partition): (start, end)}, timeout=timeout, stop=stop))


def scan(
    settings: Settings, ranges: Mapping[TP, tuple[int, int]], *, timeout: float, stop: Stop | None = None
) -> Iterator[Record]:
    """The records of these offsets, [start, end) of each partition, that Kafka still holds.

    Those of a partition come in their order, partitions as Kafka hands them over. Blocks for at most `timeout` seconds.

    Raises:
        TimeoutError: Kafka did not hand over all of them in time, or `stop` was set.

    """
    left = {tp: end for tp, (start, end) in ranges.items() if start < end}
    if not left:
        return
    following = {tp: ranges[tp][0] for tp in left}
    consumer = new_consumer(settings, **{"enable.partition.eof": True, "fetch.wait.max.ms": 10})
    deadline = time.monotonic() + timeout
    try:
        consumer.assign([TopicPartition(*tp, start) for tp, start in following.items()])
        while left and time.monotonic() < deadline and not (stop is not None and stop.is_set()):
            # It waits for as many as it is asked for: never for more than can come.
            wanted = min(2000, sum(end - following[tp] for tp, end in left.items()))
            for message in consumer.consume(num_messages=wanted, timeout=0.2):
                error, tp = message.error(), (message.topic(), message.partition())
                ended = error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001 - its public name
                if tp not in left or (error is not None and not ended):
                    continue
                # Beyond its end Kafka has us begin at the start: then nothing of what is wanted is there.
                ended = ended or message.offset() < following[tp]
                following[tp] = message.offset() + (not ended)
                if not ended and message.offset() < left[tp]:
                    yield to_record(message)
                if ended or following[tp] >= left[tp]:
                    del left[tp]
                    consumer.incremental_unassign([TopicPartition(*tp)])
        if left:
            names = ", ".join(f"{topic}:{number}" for topic, number in left)
            raise TimeoutError(f"{names} did not answer within {timeout} s")
    finally:
        consumer.close()
