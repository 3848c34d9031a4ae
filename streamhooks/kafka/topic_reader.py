"""Topics that are read whole, and partitions that are read from their start, outside of the consumer group."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Mapping

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


class TopicReader:
    """Follows partitions from their start, in a thread; hands batches to the event loop.

    A partition is *ready* when everything was handed over that it held when it was assigned. The end may be a record
    that compaction removed, or a marker of a transaction: only Kafka's end-of-partition event tells.

    A partition whose log is not as it was left (it was made anew, or lost what had been read) is read from its start
    once more. What it does not hold any more is handed over as a tombstone of each such key when it is ready again.

    `ends` tells where partitions end: one that is not read on although it has more is read by a new client.
    `prepare` is called in the thread with each value before it is handed over, again as long as it raises RegistryAway;
    `keys_of` gives the keys that were handed over and hold, `on_anew` is called with each partition that is read once
    more, and why; both in the loop.
    """

    def __init__(
        self,
        settings: Settings,
        handle: Callable[[list[Record]], None],
        loop: asyncio.AbstractEventLoop,
        *,
        name: str,
        logs: Logs,
        ends: Callable[[Iterable[TP]], Mapping[TP, int]],
        prepare: Callable[[bytes | None], None] | None = None,
        keys_of: Callable[[TP], Iterable[bytes]] = lambda _tp: (),
        on_anew: Callable[[TP, str], None] = lambda _tp, _why: None,
    ) -> None:
        self._settings = settings
        self._handle = handle
        self._prepare = prepare
        self._keys_of = keys_of
        self._on_anew = on_anew
        self._loop = loop
        self._name = name
        self._logs = logs
        self._ends = ends
        self._ids: dict[int, str] = {}  # of the topic, by the number of the assignment
        self._id_of: dict[str, str] = {}  # by topic, the last one that was known
        self._is_stale = False
        self._reached: dict[int, int] = {}  # the next offset, by the number of the assignment
        self._former: dict[TP, set[bytes]] = {}  # keys that held before, and did not come again
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
        self._health = ReaderHealth(name)
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
            self._former.pop(gone, None)
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

    @property
    def trouble(self) -> str | None:
        """Why it does not read now; None if it does."""
        is_dead = self._thread.ident is not None and not self._thread.is_alive() and not self._stopping.is_set()
        return f"the reader of {self._name} has ended" if is_dead else self._health.trouble

    async def wait_ready(self) -> None:
        """Wait until each partition that is followed is ready."""
        await self._wait_for(self.is_ready)

    async def wait_applied(self, topic: str, partition: int, offset: int) -> None:
        """Wait until the record at this offset was handed over."""
        tp = (topic, partition)
        number = self._wanted.get(tp)
        # When the partition is read once more, the record was handed over, or is gone with its log.
        await self._wait_for(lambda: self.position.get(tp, 0) > offset or self._wanted.get(tp) != number)

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
        while not self._stopping.is_set():
            try:
                self._read()
            except BaseException as error:  # whatever it is: nobody else would read on
                pause = self._health.failed(error, self._wanted)
                self._changed.set()
                self._stopping.wait(pause)

    def _read(self) -> None:
        """Read until it shall stop, from where it had come to."""
        consumer = self._new_consumer()
        assigned: dict[TP, int] = {}
        looked, standstill = steady(), Standstill(self._ends)
        try:
            while not self._stopping.is_set():
                if self._changed.is_set():
                    self._changed.clear()
                    wanted = self._wanted
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
                standstill.look({tp: self._reached.get(number, 0) for tp, number in assigned.items()})
                if assigned:
                    self._hand_over(_next(consumer), assigned)
                else:
                    self._changed.wait(1.0)
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
            starts = [TopicPartition(*tp, self._reached.get(number, OFFSET_BEGINNING)) for tp, number in new]
            consumer.incremental_assign(starts)
        self._reached = {number: self._reached[number] for number in wanted.values() if number in self._reached}

    def _look(self, assigned: Mapping[TP, int]) -> None:
        """See whether the topics are those that are read."""
        found = self._logs.ids({topic for topic, _ in assigned}) if assigned else {}
        ids = {number: self._ids.get(number) or found.get(tp[0], "") for tp, number in assigned.items()}
        for tp, number in assigned.items():
            if found.get(tp[0], ids[number]) != ids[number]:
                self._anew(tp, number, MADE_ANEW)
            elif number not in self._ids and ids[number] and ids[number] != self._id_of.get(tp[0], ids[number]):
                # While nobody followed it.
                self._in_loop(self._on_anew, tp, MADE_ANEW)
        self._ids = ids
        # A client that knows the former topic goes on asking with its epochs, which the new one has not had.
        self._is_stale |= any(found.get(topic, known) != known for topic, known in self._id_of.items())
        self._id_of |= {topic: topic_id for topic, topic_id in found.items() if topic_id}

    def _anew(self, tp: TP, number: int, why: str) -> None:
        self._in_loop(self._begin_anew, tp, number, why)

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
        self._reached |= {assigned[tp]: offset for tp, offset in reached.items() if tp in assigned}
        if reached:
            self._free.acquire()
            self._in_loop(self._receive, records, reached, ended, assigned)

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

    def _begin_anew(self, tp: TP, number: int, why: str) -> None:
        if self._wanted.get(tp) != number:
            return
        self._on_anew(tp, why)
        self._assignments += 1
        self._wanted = {**self._wanted, tp: self._assignments}
        self._ready.discard(tp)
        self.position.pop(tp, None)
        self._former[tp] = set(self._keys_of(tp))
        self._changed.set()
        self._wake()

    def _receive(
        self, records: list[Record], reached: Mapping[TP, int], ended: set[TP], assigned: Mapping[TP, int]
    ) -> None:
        self._free.release()
        # What was on its way when the assignment changed belongs to nobody.
        current = {tp for tp in reached if tp in self._wanted and self._wanted[tp] == assigned.get(tp)}
        records = [record for record in records if (record.topic, record.partition) in current]
        if self._former:
            records += self._gone(records, ended & current)
        if records:
            try:
                self._handle(records)
            except Exception as error:  # whatever it is: what was not taken in must come again
                self._read_again(current, self._health.failed(error, self._wanted))
                return
        self._health.came(current, self._wanted)
        for tp in current:
            self.position[tp] = max(reached[tp], self.position.get(tp, 0))
        self._ready.update(ended & current)
        self._wake()

    def _read_again(self, partitions: set[TP], pause: float) -> None:
        """Read these partitions on from what was taken in last; what is on its way counts no more."""
        for tp in partitions:
            self._assignments += 1
            self._wanted = {**self._wanted, tp: self._assignments}
            self._ready.discard(tp)
            if tp in self.position:
                self._reached[self._assignments] = self.position[tp]
        self._loop.call_later(pause, self._changed.set)
        self._wake()

    def _gone(self, records: list[Record], ended: set[TP]) -> list[Record]:
        """Tombstones of what a log that is read once more does not hold."""
        for record in records:
            if record.key is not None and (former := self._former.get((record.topic, record.partition))):
                former.discard(record.key)
        return [Record(*tp, -1, 0, key, None) for tp in ended for key in self._former.pop(tp, ())]

    def _wake(self) -> None:
        for condition, waiter in self._waiters:
            if not waiter.done() and condition():
                waiter.set_result(None)


def _next(consumer: Consumer) -> list[Message]:
    """What comes next: `consume` alone would wait for its full time whenever there is less than it may bring."""
    first = consumer.poll(0.1)
    if first is None:
        return []
    if len(first) > ALONE:
        return [first]
    return [first, *consumer.consume(num_messages=2000, timeout=GATHERED)]
