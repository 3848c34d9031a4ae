"""The thread of a `TopicReader`. It reads partitions from their start, and calls back in the loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streamhooks.errors import RegistryAway
from streamhooks.kafka.clients import close_aside
from streamhooks.kafka.logs import RECREATED, Logs
from streamhooks.kafka.reader import NOT_THERE, TP, Record, new_consumer, to_record
from streamhooks.kafka.reader_health import ReaderHealth
from streamhooks.kafka.standstill import Standstill
from streamhooks.settings import Settings
from streamhooks.times import steady

log = logging.getLogger(__name__)

#: how long to wait for more records after the first one, in seconds: waking the loop for each one would keep it busy
GATHERED = 0.01
#: records of a batch, and batches on their way to the loop: it takes up to 30 µs for a record, in which nothing else
#: goes on
AT_ONCE, AHEAD = 100, 2
#: records with more bytes are handed over one by one: a batch of them would take much memory
ALONE = 262_144
#: how long Kafka may take to tell the leaders of partitions, in seconds
LEADERS = 2.0
#: interval of checking whether a topic was recreated, in seconds
LOOK = 5.0
#: how long to wait for a client to close, in seconds
CLOSED = 2.0


class Callbacks(NamedTuple):
    """Functions that are called in the loop. Each assignment of a partition has a number."""

    receive: Callable[[list[Record], Mapping[TP, int], set[TP], Mapping[TP, int]], None]
    """Called with records, the next offset of each partition, the partitions read to their end, and all numbers."""
    begin_anew: Callable[[TP, int, str], None]
    """Called when the log of the assignment with this number was recreated or truncated, with the reason."""
    on_reread: Callable[[TP, str], None]
    """Called when a partition was recreated while it was not assigned, with the reason."""


class ReadingThread:
    """Reads until it is stopped. After an error it continues at the offset that it had reached."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        loop: asyncio.AbstractEventLoop,
        callbacks: Callbacks,
        *,
        logs: Logs,
        ends: Callable[[Iterable[TP]], Mapping[TP, int]],
        prepare: Callable[[bytes | None], None] | None,
        health: ReaderHealth,
    ) -> None:
        self._settings = settings
        self._name = name
        self._loop = loop
        self._callbacks = callbacks
        self._logs = logs
        self._ends = ends
        self._prepare = prepare
        self._health = health
        self._ids: dict[int, str] = {}  # topic ids by the number of the assignment
        self._id_of: dict[str, str] = {}  # the last known topic id, by topic
        self._is_stale = False
        self._stopping = threading.Event()
        self._free = threading.Semaphore(AHEAD)
        self._thread = threading.Thread(target=self._run, name=f"reader-{name}", daemon=True)
        #: the partitions to read, each with the number of its assignment; always replaced as a whole
        self.wanted: dict[TP, int] = {}
        #: set when `wanted` has changed
        self.changed = threading.Event()
        #: the next offset, by the number of the assignment
        self.reached: dict[int, int] = {}
        self._last: dict[int, tuple[int, int]] = {}  # the offset after the last record, and its epoch

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    async def stop(self) -> None:
        """End the thread and wait for it."""
        self._stopping.set()
        self.changed.set()
        self._free.release()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, 5)

    def want(self, wanted: dict[TP, int]) -> None:
        """From now on, read only these partitions, given with the numbers of their assignments."""
        self.wanted = wanted
        self.changed.set()

    def received(self) -> None:
        """Note that a batch has reached the loop, so that another one may be read."""
        self._free.release()

    @property
    def is_dead(self) -> bool:
        """Tell whether it has ended although nobody stopped it."""
        return self._thread.ident is not None and not self._thread.is_alive() and not self._stopping.is_set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._read()
            except BaseException as error:  # whatever it is, reading must continue
                pause = self._health.failed(error, self.wanted)
                self.changed.set()
                self._stopping.wait(pause)

    def _read(self) -> None:
        """Read from the reached offsets until stopped."""
        consumer = self._new_consumer()
        assigned: dict[TP, int] = {}
        looked, standstill = steady(), Standstill(self._ends)
        try:
            while not self._stopping.is_set():
                if self.changed.is_set():
                    self.changed.clear()
                    wanted = self.wanted
                    if wanted.items() - assigned.items():
                        self._look(wanted)  # before reading, so that a later change is noticed
                    if self._is_stale:
                        close_aside(consumer, CLOSED)
                        consumer, assigned, self._is_stale = self._new_consumer(), {}, False
                    self._reassign(consumer, assigned, wanted)
                    assigned = dict(wanted)
                if steady() - looked > LOOK:
                    self._look(assigned)
                    looked = steady()
                standstill.look({tp: self.reached.get(number, 0) for tp, number in assigned.items()})
                if assigned:
                    self._hand_over(_next(consumer), assigned)
                else:
                    self.changed.wait(1.0)
        finally:
            close_aside(consumer, CLOSED)

    def _new_consumer(self) -> Consumer:
        return new_consumer(self._settings, **{"enable.partition.eof": True})

    def _reassign(self, consumer: Consumer, assigned: Mapping[TP, int], wanted: Mapping[TP, int]) -> None:
        gone = [TopicPartition(*tp) for tp, number in assigned.items() if wanted.get(tp) != number]
        new = [(tp, number) for tp, number in wanted.items() if assigned.get(tp) != number]
        if gone:
            consumer.incremental_unassign(gone)
        if new:
            for topic in {topic for (topic, _), _ in new}:
                # A client that knows no leader yet looks for the beginning half a second later.
                with contextlib.suppress(KafkaException):
                    consumer.list_topics(topic, timeout=LEADERS)
            consumer.incremental_assign([self._start(tp, number) for tp, number in new])
        self.reached = {number: self.reached[number] for number in wanted.values() if number in self.reached}
        self._last = {number: self._last[number] for number in wanted.values() if number in self._last}

    def _start(self, tp: TP, number: int) -> TopicPartition:
        """Return where to read a partition. By the epoch, the client checks that its log has lost nothing."""
        offset = self.reached.get(number, OFFSET_BEGINNING)
        after, epoch = self._last.get(number, (offset, -1))
        # What is between the last record and the end may be of a later epoch.
        return TopicPartition(*tp, offset, leader_epoch=epoch if after == offset else -1)

    def _look(self, assigned: Mapping[TP, int]) -> None:
        """Check whether topics were recreated."""
        found = self._logs.ids({topic for topic, _ in assigned}) if assigned else {}
        ids = {number: self._ids.get(number) or found.get(tp[0], "") for tp, number in assigned.items()}
        for tp, number in assigned.items():
            if found.get(tp[0], ids[number]) != ids[number]:
                self._reread(tp, number, RECREATED)
            elif number not in self._ids and ids[number] and ids[number] != self._id_of.get(tp[0], ids[number]):
                # It was recreated while it was not assigned.
                self._in_loop(self._callbacks.on_reread, tp, RECREATED)
        self._ids = ids
        # A client that knows the previous topic would keep using its epochs, which the new one has not reached.
        self._is_stale |= any(found.get(topic, known) != known for topic, known in self._id_of.items())
        self._id_of |= {topic: topic_id for topic, topic_id in found.items() if topic_id}

    def _reread(self, tp: TP, number: int, why: str) -> None:
        self._in_loop(self._callbacks.begin_anew, tp, number, why)

    def _in_loop(self, call: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(call, *arguments)

    def _hand_over(self, messages: list[Message], assigned: dict[TP, int]) -> None:
        records: list[Record] = []
        reached: dict[TP, int] = {}
        last: dict[TP, tuple[int, int]] = {}
        ended: set[TP] = set()
        for message in messages:
            error, tp = message.error(), (message.topic(), message.partition())
            if error is None:
                records.append(record := to_record(message))
                reached[tp] = record.offset + 1
                last[tp] = record.offset + 1, record.epoch
                self._prepare_value(message.value())
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                reached[tp] = message.offset()
                ended.add(tp)
            elif error.code() in NOT_THERE and tp in assigned:
                self._look(assigned)  # it knows the reason if the topic was recreated
                self._reread(tp, assigned[tp], f"its log was recreated or truncated: {error.str()}")
            elif error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                raise KafkaException(error)  # it is reported only once: a new client must find out whether it persists
            else:
                log.debug("reading %s: %s", self._name, error.str())
        self.reached |= {assigned[tp]: offset for tp, offset in reached.items() if tp in assigned}
        self._last |= {assigned[tp]: found for tp, found in last.items() if tp in assigned}
        if reached:
            self._free.acquire()
            self._in_loop(self._callbacks.receive, records, reached, ended, assigned)

    def _prepare_value(self, value: bytes | None) -> None:
        while self._prepare is not None and not self._stopping.is_set():
            try:
                self._prepare(value)
            except RegistryAway as away:
                log.warning("the reader of %s can't continue yet, will be tried again: %s", self._name, away)
                self._stopping.wait(1.0)
            else:
                return


def _next(consumer: Consumer) -> list[Message]:
    """Return the next messages. `consume` alone would wait its full timeout for fewer messages than requested."""
    first = consumer.poll(0.1)
    if first is None:
        return []
    if len(first) > ALONE:
        return [first]
    return [first, *consumer.consume(num_messages=AT_ONCE, timeout=GATHERED)]
