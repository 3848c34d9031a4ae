"""Records as they lie in a topic, and ranges of offsets that are read outside of the consumer group."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streamhooks.kafka.clients import FETCH, client_config, fetch_config
from streamhooks.settings import Settings
from streamhooks.times import steady

TP = tuple[str, int]
Ranges = Mapping[TP, tuple[int, int]]
"""Offsets, [start, end) of each partition."""

#: what a consumer that chooses no offset tells when the log does not have the one that it reads
NOT_THERE = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._LOG_TRUNCATION})  # noqa: SLF001 - their public names

#: what a client fetches ahead of who reads, in bytes
AHEAD = 4_194_304
#: what `read_some` reads, in bytes, about
SOME = 2_000_000


class Record(NamedTuple):
    """A record as it lies in a topic; `timestamp` is epoch milliseconds.

    `epoch` is that of the leader that wrote it, -1 if that is not known; `assignment` the number of the assignment
    under which it was fetched: its partition may have been made anew since.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    epoch: int = -1
    assignment: int = 0

    @property
    def size(self) -> int:
        """The bytes of key, value and headers."""
        size = len(self.key or b"") + len(self.value or b"")
        return size + sum(len(name) + len(value or b"") for name, value in self.headers) if self.headers else size

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


def to_record(message: Message, assignment: int = 0) -> Record:
    """A record of confluent-kafka as ours."""
    epoch = message.leader_epoch()
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        tuple(message.headers() or ()),
        -1 if epoch is None else epoch,
        assignment,
    )


def new_consumer(settings: Settings, **config: object) -> Consumer:
    """A consumer that belongs to no group that others join, commits nothing, and chooses no offset."""
    return Consumer(
        client_config(settings)
        | {
            "group.id": f"{settings.topic_prefix}reader",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": False,
            "fetch.wait.max.ms": 100,
        }
        | fetch_config(FETCH, AHEAD)
        | config
    )


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


def read_one(settings: Settings, tp: TP, offset: int, *, timeout: float, stop: Stop | None = None) -> Record | None:
    """Return the record at an offset, None if Kafka does not hold it; block, and raise, as `read_range` does."""
    found = read_range(settings, *tp, offset, offset + 1, timeout=timeout, stop=stop)
    return found[0] if found else None


def read_some(
    settings: Settings, topic: str, partition: int, start: int, end: int, *, timeout: float, stop: Stop | None = None
) -> list[Record]:
    """What `read_range` returns, or the first `SOME` bytes of it: `reached` tells where to go on.

    Raises:
        TimeoutError: Kafka did not hand over all of them in time, or `stop` was set.

    """
    records, size = list[Record](), 0
    for record in scan(settings, {(topic, partition): (start, end)}, timeout=timeout, stop=stop):
        records.append(record)
        size += record.size
        if size >= SOME:
            break
    return records


def reached(records: list[Record], end: int) -> int:
    """Where a reading of what lies below `end` goes on that has brought these records."""
    return end if sum(record.size for record in records) < SOME else records[-1].offset + 1


def scan(settings: Settings, ranges: Ranges, *, timeout: float, stop: Stop | None = None) -> Iterator[Record]:
    """The records of these offsets, [start, end) of each partition, that Kafka still holds.

    Those of a partition come in their order, partitions as Kafka hands them over. Blocks for at most `timeout` seconds.

    Raises:
        TimeoutError: Kafka did not hand over all of them in time, or no client could be made, or `stop` was set.

    """
    if not any(start < end for start, end in ranges.values()):
        return
    # It fetches no more when as many lie there as are wanted.
    number = sum(max(0, end - start) for start, end in ranges.values())
    consumer = _scanning(settings, **{"queued.min.messages": min(number, 100_000)})
    try:
        yield from _scan(consumer, ranges, timeout, stop)
    finally:
        consumer.close()


@contextmanager
def scanning(
    settings: Settings, *, timeout: float, stop: Stop | None = None
) -> Iterator[Callable[[Ranges], Iterator[Record]]]:
    """Give a `scan` for many small ranges, one after the other: all by one client. One need not be read to its end.

    Raises:
        TimeoutError: no client can be made.

    """
    consumer = _scanning(settings, **{"queued.min.messages": 1000})
    try:
        yield lambda ranges: _scan(consumer, ranges, timeout, stop)
    finally:
        consumer.close()


class OneReader:
    """Reads single records, by clients that it keeps: to make one takes much longer than to read. For many threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._idle: deque[Consumer] = deque()

    def read(
        self, topic: str, partition: int, offset: int, *, timeout: float, stop: Stop | None = None
    ) -> Record | None:
        """The record, None if it is not there; blocks for at most `timeout` seconds.

        Raises:
            TimeoutError: Kafka does not answer, or `stop` was set.

        """
        try:
            consumer = self._idle.pop()
        except IndexError:
            # It fetches the record's batch alone.
            consumer = _scanning(self._settings, **{"queued.min.messages": 1} | fetch_config(1024, AHEAD))
        try:
            found = list(_scan(consumer, {(topic, partition): (offset, offset + 1)}, timeout, stop))
        except BaseException:
            consumer.close()  # it may know another topic of that name
            raise
        self._idle.append(consumer)
        return found[0] if found else None

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().close()


def _scanning(settings: Settings, **config: object) -> Consumer:
    try:
        return new_consumer(settings, **{"enable.partition.eof": True, "fetch.wait.max.ms": 10, **config})
    except KafkaException as failure:  # such as: no more files may be opened
        raise TimeoutError(f"no client can be made: {failure.args[0].str()}") from None


def _scan(consumer: Consumer, ranges: Ranges, timeout: float, stop: Stop | None) -> Iterator[Record]:
    left = {tp: end for tp, (start, end) in ranges.items() if start < end}
    following = {tp: ranges[tp][0] for tp in left}
    deadline = steady() + timeout
    consumer.assign([TopicPartition(*tp, start) for tp, start in following.items()])
    while left and steady() < deadline and not (stop is not None and stop.is_set()):
        for message in _next(consumer):
            error, tp = message.error(), (message.topic(), message.partition())
            if tp not in left:
                continue
            if error is None:
                following[tp] = message.offset() + 1
                if message.offset() < left[tp]:
                    yield to_record(message)
            elif error.code() in NOT_THERE:
                # What retention removed is left out.
                first = read_from_first(consumer, tp, following[tp])
                following[tp] = left[tp] if first is None else first
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                following[tp] = left[tp]
            if following[tp] >= left[tp]:
                del left[tp]
                consumer.incremental_unassign([TopicPartition(*tp)])
    if left:
        names = ", ".join(f"{topic}:{number}" for topic, number in left)
        raise TimeoutError(f"{names} did not answer within {timeout} s")


def _next(consumer: Consumer) -> list[Message]:
    """What comes next, as far as it lies there: who waits for so many gets them, however large they are."""
    first = consumer.poll(0.2)
    return [] if first is None else [first, *consumer.consume(num_messages=2000, timeout=0)]


def read_from_first(consumer: Consumer, tp: TP, offset: int) -> int | None:
    """Read a partition whose log does not have this offset any more from its first one.

    Returns: from where it is read; None, if the log ends before the offset, and nothing is read. Where nobody answers
    it is read from there, and the same is told again.
    """
    try:
        first, _ = consumer.get_watermark_offsets(TopicPartition(*tp), timeout=2.0)
    except KafkaException:
        first = offset
    if first < offset:
        return None
    consumer.incremental_unassign([TopicPartition(*tp)])
    consumer.incremental_assign([TopicPartition(*tp, first)])
    return int(first)
