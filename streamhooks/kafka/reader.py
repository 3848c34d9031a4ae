"""Records of a topic, and ranges of offsets read outside the consumer group."""

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
"""Offsets [start, end) per partition."""

#: errors of a consumer without an automatic reset when the log does not have its next offset
NOT_THERE = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._LOG_TRUNCATION})  # noqa: SLF001 - their public names

#: bytes that a client fetches ahead of its reader
AHEAD = 4_194_304
#: approximate bytes that `read_some` reads
SOME = 2_000_000
#: timeout of `read_one`, in seconds
ONE_WITHIN = 10.0


class Record(NamedTuple):
    """A record of a topic; `timestamp` is in epoch milliseconds.

    `epoch` is that of the leader that wrote it, -1 if unknown. `assignment` is the number of the assignment under
    which it was fetched: its topic may have been recreated since.
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
        """Return the bytes of key, value and headers."""
        size = len(self.key or b"") + len(self.value or b"")
        return size + sum(len(name) + len(value or b"") for name, value in self.headers) if self.headers else size

    @property
    def source(self) -> str:
        """Return the coordinates as text: `<topic>:<partition>:<offset>`."""
        return f"{self.topic}:{self.partition}:{self.offset}"


Batch = deque[Record]
"""Fetched records, in order per partition; whoever takes them up takes them out."""

#: after so many records, or deliveries of one record, in a row, other tasks get a turn
TURN = 50


def coordinates(source: str) -> tuple[str, int, int]:
    """Parse coordinates: return topic, partition and offset of `<topic>:<partition>:<offset>`.

    Raises:
        ValueError: the text has another form.

    """
    topic, partition, offset = source.rsplit(":", 2)
    return topic, int(partition), int(offset)


def to_record(message: Message, assignment: int = 0) -> Record:
    """Return a record of confluent-kafka as a Record."""
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
    """Return a consumer that joins no group, commits nothing, and never resets its offset by itself."""
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
    """Tells a thread or a process that nobody waits for its result."""

    def is_set(self) -> bool:
        """Tell whether the work should stop."""


def read_range(
    settings: Settings, topic: str, partition: int, start: int, end: int, *, timeout: float, stop: Stop | None = None
) -> list[Record]:
    """Return the records of [start, end) that Kafka still holds; block for at most `timeout` seconds.

    Raises:
        TimeoutError: Kafka did not hand over all of them in time, or `stop` was set.

    """
    return list(scan(settings, {(topic, partition): (start, end)}, timeout=timeout, stop=stop))


def read_one(settings: Settings, tp: TP, offset: int, *, stop: Stop | None = None) -> Record | None:
    """Return the record at an offset, None if Kafka does not hold it; block, and raise, as `read_range` does."""
    found = read_range(settings, *tp, offset, offset + 1, timeout=ONE_WITHIN, stop=stop)
    return found[0] if found else None


def read_some(
    settings: Settings, topic: str, partition: int, start: int, end: int, *, timeout: float, stop: Stop | None = None
) -> list[Record]:
    """Return what `read_range` does, or its first `SOME` bytes; `reached` tells where to continue.

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
    """Return the offset at which to continue after `read_some` up to `end` has returned these records."""
    return end if sum(record.size for record in records) < SOME else records[-1].offset + 1


def scan(settings: Settings, ranges: Ranges, *, timeout: float, stop: Stop | None = None) -> Iterator[Record]:
    """Give the records in these ranges that Kafka still holds.

    The records of a partition come in order, partitions in any order. Blocks for at most `timeout` seconds.

    Raises:
        TimeoutError: Kafka did not hand over all of them in time, or no client could be made, or `stop` was set.

    """
    if not any(start < end for start, end in ranges.values()):
        return
    # The client stops fetching ahead once this many records are queued.
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
    """Give a `scan` for many small ranges in turn, all by one client. A scan may be abandoned.

    Raises:
        TimeoutError: no client can be made.

    """
    consumer = _scanning(settings, **{"queued.min.messages": 1000})
    try:
        yield lambda ranges: _scan(consumer, ranges, timeout, stop)
    finally:
        consumer.close()


class OneReader:
    """Reads single records by clients that it keeps, since making a client takes much longer. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._idle: deque[Consumer] = deque()

    def read(
        self, topic: str, partition: int, offset: int, *, timeout: float, stop: Stop | None = None
    ) -> Record | None:
        """Return the record, or None if it is not there; block for at most `timeout` seconds.

        Raises:
            TimeoutError: Kafka does not answer, or `stop` was set.

        """
        try:
            consumer = self._idle.pop()
        except IndexError:
            # Only the record's batch is fetched.
            consumer = _scanning(self._settings, **{"queued.min.messages": 1} | fetch_config(1024, AHEAD))
        try:
            found = list(_scan(consumer, {(topic, partition): (offset, offset + 1)}, timeout, stop))
        except BaseException:
            consumer.close()  # it may know a previous topic of that name
            raise
        self._idle.append(consumer)
        return found[0] if found else None

    def close(self) -> None:
        """Close the idle clients."""
        while self._idle:
            self._idle.pop().close()


def _scanning(settings: Settings, **config: object) -> Consumer:
    try:
        return new_consumer(settings, **{"enable.partition.eof": True, "fetch.wait.max.ms": 10, **config})
    except KafkaException as failure:  # for example too many open files
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
                # Skip what retention removed.
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
    """Return the records already fetched. Waiting for a number of records would fetch them all, however large."""
    first = consumer.poll(0.2)
    return [] if first is None else [first, *consumer.consume(num_messages=2000, timeout=0)]


def read_from_first(consumer: Consumer, tp: TP, offset: int) -> int | None:
    """Read a partition, whose log no longer has this offset, from its first offset.

    Returns: the first offset; None if the log ends before the given offset, and nothing is read. If no broker answers,
    the partition is read from the given offset, and the error comes again.
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
