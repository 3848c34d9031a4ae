"""The thread of a `TopicReader`: it reads the partitions that are wanted, each from its start, and tells the loop."""

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
from streamhooks.kafka.logs import Logs
from streamhooks.kafka.reader import NOT_THERE, TP, Record, new_consumer, to_record
from streamhooks.kafka.reader_health import ReaderHealth
from streamhooks.kafka.standstill import Standstill
from streamhooks.settings import Settings
from streamhooks.times import steady

log = logging.getLogger(__name__)

#: how long after the first one more records are waited for, in seconds: a loop that is woken for each has no time left
GATHERED = 0.01
#: a record of more bytes is handed over alone: many of them at once take much memory
ALONE = 262_144
MADE_ANEW = "the topic was made anew"
#: how often is looked whether the topics are those that are read, in seconds
LOOK = 5.0
#: how long is waited for a client to close, in seconds
CLOSED = 2.0


class Told(NamedTuple):
    """What is called in the loop. A partition has a number for each assignment."""

    receive: Callable[[list[Record], Mapping[TP, int], set[TP], Mapping[TP, int]], None]
    """Records, the next offset of each partition, those that were read to the end, and the numbers of all."""
    begin_anew: Callable[[TP, int, str], None]
    """A partition of that number has another log than the one that was read, and why."""
    on_anew: Callable[[TP, str], None]
    """A partition has had another log before it was read again, and why."""


class ReadingThread:
    """Reads until it is stopped, also after an error: from where it had come to."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        loop: asyncio.AbstractEventLoop,
        told: Told,
        *,
        logs: Logs,
        ends: Callable[[Iterable[TP]], Mapping[TP, int]],
        prepare: Callable[[bytes | None], None] | None,
        health: ReaderHealth,
    ) -> None:
        self._settings = settings
        self._name = name
        self._loop = loop
        self._told = told
        self._logs = logs
        self._ends = ends
        self._prepare = prepare
        self._health = health
        self._ids: dict[int, str] = {}  # of the topic, by the number of the assignment
        self._id_of: dict[str, str] = {}  # by topic, the last one that was known
        self._is_stale = False
        self._stopping = threading.Event()
        self._free = threading.Semaphore(4)  # batches on their way to the loop: bounds memory
        self._thread = threading.Thread(target=self._run, name=f"reader-{name}", daemon=True)
        #: the partitions to read, each with the number of its assignment; always replaced as a whole
        self.wanted: dict[TP, int] = {}
        #: set when other ones are wanted
        self.changed = threading.Event()
        #: the next offset, by the number of the assignment
        self.reached: dict[int, int] = {}

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
        """Read these partitions, and no others, from now on."""
        self.wanted = wanted
        self.changed.set()

    def received(self) -> None:
        """Take note that a batch has come to the loop."""
        self._free.release()

    @property
    def is_dead(self) -> bool:
        """Whether it has ended although nobody stopped it."""
        return self._thread.ident is not None and not self._thread.is_alive() and not self._stopping.is_set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._read()
            except BaseException as error:  # whatever it is: nobody else would read on
                pause = self._health.failed(error, self.wanted)
                self.changed.set()
                self._stopping.wait(pause)

    def _read(self) -> None:
        """Read until it shall stop, from where it had come to."""
        consumer = self._new_consumer()
        assigned: dict[TP, int] = {}
        looked, standstill = steady(), Standstill(self._ends)
        try:
            while not self._stopping.is_set():
                if self.changed.is_set():
                    self.changed.clear()
                    wanted = self.wanted
                    if wanted.items() - assigned.items():
                        self._look(wanted)  # before it is read, so that what comes later is another log
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
            starts = [TopicPartition(*tp, self.reached.get(number, OFFSET_BEGINNING)) for tp, number in new]
            consumer.incremental_assign(starts)
        self.reached = {number: self.reached[number] for number in wanted.values() if number in self.reached}

    def _look(self, assigned: Mapping[TP, int]) -> None:
        """See whether the topics are those that are read."""
        found = self._logs.ids({topic for topic, _ in assigned}) if assigned else {}
        ids = {number: self._ids.get(number) or found.get(tp[0], "") for tp, number in assigned.items()}
        for tp, number in assigned.items():
            if found.get(tp[0], ids[number]) != ids[number]:
                self._anew(tp, number, MADE_ANEW)
            elif number not in self._ids and ids[number] and ids[number] != self._id_of.get(tp[0], ids[number]):
                # While nobody followed it.
                self._in_loop(self._told.on_anew, tp, MADE_ANEW)
        self._ids = ids
        # A client that knows the former topic goes on asking with its epochs, which the new one has not had.
        self._is_stale |= any(found.get(topic, known) != known for topic, known in self._id_of.items())
        self._id_of |= {topic: topic_id for topic, topic_id in found.items() if topic_id}

    def _anew(self, tp: TP, number: int, why: str) -> None:
        self._in_loop(self._told.begin_anew, tp, number, why)

    def _in_loop(self, call: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(call, *arguments)

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
            elif error.code() in NOT_THERE and tp in assigned:
                self._look(assigned)  # which knows more of it, if the topic was made anew
                self._anew(tp, assigned[tp], f"its log is not as it was read: {error.str()}")
            elif error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                raise KafkaException(error)  # it comes once: whether it is over, a new client finds out
            else:
                log.debug("reading %s: %s", self._name, error.str())
        self.reached |= {assigned[tp]: offset for tp, offset in reached.items() if tp in assigned}
        if reached:
            self._free.acquire()
            self._in_loop(self._told.receive, records, reached, ended, assigned)

    def _prepare_value(self, value: bytes | None) -> None:
        while self._prepare is not None and not self._stopping.is_set():
            try:
                self._prepare(value)
            except RegistryAway as away:
                log.warning("the reader of %s waits: %s", self._name, away)
                self._stopping.wait(1.0)
            else:
                return


def _next(consumer: Consumer) -> list[Message]:
    """What comes next: `consume` alone would wait for its full time whenever there is less than it may bring."""
    first = consumer.poll(0.1)
    if first is None:
        return []
    if len(first) > ALONE:
        return [first]
    return [first, *consumer.consume(num_messages=2000, timeout=GATHERED)]
