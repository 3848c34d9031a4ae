"""What fetches source records, held to one behaviour whoever does it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable

import pytest
from confluent_kafka import Producer
from confluent_kafka import TopicPartition as Partition
from confluent_kafka.admin import AdminClient
from faust.types import TP
from fetchers import new, nothing_comes, offsets, suspected, take
from support import create_topic, make_anew, produce

from streamhooks.dev.kafka import EmbeddedKafka
from streamhooks.faust_patches.fetching import AT_ONCE, Fetching, Seek
from streamhooks.kafka.logs import Logs
from streamhooks.kafka.reader import OneReader, Record, read_range, scan
from streamhooks.settings import Settings


@pytest.fixture
def topic(prefix: str, brokers: str) -> str:
    create_topic(brokers, f"{prefix}events", 3)
    return f"{prefix}events"


@pytest.fixture(params=["librdkafka", "aiokafka"])
async def fetching(request: pytest.FixtureRequest, brokers: str) -> AsyncIterator[Fetching]:
    one = new(request.param, brokers)
    yield one
    await one.stop()


@pytest.fixture
def write(brokers: str, topic: str) -> Callable[..., None]:
    def write(count: int, partition: int = 0, value: bytes = b"v", **config: object) -> None:
        settings = {name.replace("_", "."): one for name, one in config.items()}
        producer = Producer({"bootstrap.servers": brokers, **settings})
        for _ in range(count):
            producer.produce(topic, value, partition=partition)
        assert producer.flush(30) == 0

    return write


async def test_what_is_assigned_is_read_in_order_from_where_it_is_told(fetching, topic, write) -> None:
    for partition in range(3):
        write(1000, partition)
    await fetching.assign({TP(topic, 0): Seek(10, 0, 7), TP(topic, 1): Seek(990, 0, 8)})
    records = await take(fetching, 1000)
    assert offsets(records) == list(range(10, 1000))
    assert offsets(records, 1) == list(range(990, 1000))
    assert {(record.partition, record.assignment) for record in records} == {(0, 7), (1, 8)}
    await nothing_comes(fetching)
    write(5, 1)
    assert offsets(await take(fetching, 5), 1) == list(range(1000, 1005))


async def test_what_was_fetched_of_others_comes_after_a_move_though_it_is_removed(
    fetching, brokers, topic, write
) -> None:
    write(10, 0)
    write(2000, 1)
    await fetching.assign({TP(topic, 0): Seek(0, 0, 1), TP(topic, 1): Seek(0, 0, 2)})
    before = await take(fetching, 20)
    admin, tp = AdminClient({"bootstrap.servers": brokers}), Partition(topic, 1, 2000)
    await asyncio.to_thread(admin.delete_records([tp])[tp].result, 30)
    fetching.move({TP(topic, 0): Seek(0, 0, 3)})
    after = await take(fetching, 10)
    found = offsets(before, 1) + offsets(after, 1)
    assert len(found) > len(offsets(before, 1))
    assert found == list(range(len(found)))


async def test_what_was_fetched_before_a_move_does_not_come_after_it(fetching, topic, write) -> None:
    for partition in (0, 1):
        write(3000, partition)
    await fetching.assign({TP(topic, 0): Seek(0, 0, 1), TP(topic, 1): Seek(0, 0, 2)})
    before = await take(fetching, 1)
    fetching.move({TP(topic, 0): Seek(500, 0, 3)})
    after = await take(fetching, 2500 + 3000 - len(offsets(before, 1)))
    assert offsets(after) == list(range(500, 3000))
    assert {record.assignment for record in after if record.partition == 0} == {3}
    # The other one goes on as if nothing had been.
    assert offsets([*before, *after], 1) == list(range(3000))
    # While it is waited for, too.
    waiting = asyncio.ensure_future(fetching.getmany(timeout=5))
    await asyncio.sleep(0.2)
    fetching.move({TP(topic, 0): Seek(2990, 0, 4), TP(topic, 1): Seek(2990, 0, 5)})
    write(1)
    write(1, 1)
    again = await waiting
    again += await take(fetching, 22 - len(again))
    assert offsets(again) == list(range(2990, 3001))
    assert offsets(again, 1) == list(range(2990, 3001))
    assert {record.assignment for record in again} == {4, 5}


async def test_another_assignment_leaves_nothing_of_the_former(fetching, topic, write) -> None:
    for partition in range(3):
        write(100, partition)
    await fetching.assign({TP(topic, 0): Seek(0, 0, 1), TP(topic, 1): Seek(0, 0, 2)})
    await take(fetching, 1)
    await fetching.assign({TP(topic, 1): Seek(50, 0, 3), TP(topic, 2): Seek(0, 0, 4)})
    records = await take(fetching, 150)
    assert (offsets(records, 0), offsets(records, 1), offsets(records, 2)) == (
        [],
        list(range(50, 100)),
        list(range(100)),
    )
    await fetching.assign({})
    write(10, 1)
    await nothing_comes(fetching)
    await fetching.assign({TP(topic, 1): Seek(99, 0, 5)})
    assert offsets(await take(fetching, 11), 1) == list(range(99, 110))


async def test_nobody_asks_for_a_while_and_who_asks_is_cancelled(fetching, topic, write) -> None:
    await fetching.assign({TP(topic, 0): Seek(0, 0, 1)})
    await nothing_comes(fetching)
    records: list[Record] = []
    for number in range(20):
        asked = asyncio.ensure_future(fetching.getmany(timeout=1))
        await asyncio.sleep(0.01 * (number % 3))
        if number % 4 == 0:
            write(50)
        asked.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            records += await asked
    write(5000)
    await asyncio.sleep(1.0)
    records += await take(fetching, 250 + 5000 - len(records))
    assert offsets(records) == list(range(5250))


async def test_what_a_transaction_took_back_does_not_come(fetching, brokers, topic, write) -> None:
    await fetching.assign({TP(topic, 0): Seek(0, 0, 1)})
    producer = Producer({"bootstrap.servers": brokers, "transactional.id": topic})
    producer.init_transactions(30)
    for aborted in (True, False, True):
        producer.begin_transaction()
        for _ in range(3):
            producer.produce(topic, b"aborted" if aborted else b"committed", partition=0)
        producer.flush(30)
        await nothing_comes(fetching)
        (producer.abort_transaction if aborted else producer.commit_transaction)(30)
        write(1)
        records = await take(fetching, 1 if aborted else 4)
        assert [record.value for record in records] == [*([] if aborted else [b"committed"] * 3), b"v"]
    # Three markers lie between, or two: Kafka answers the end of a transaction before it has written its marker.
    assert records[-1].offset in (13, 14)


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
async def test_compressed_records(fetching, topic, write, compression: str) -> None:
    write(300, value=b"a text that compresses well " * 20, compression_type=compression, linger_ms=50)
    await fetching.assign({TP(topic, 0): Seek(150, 0, 1)})
    records = await take(fetching, 150)
    assert offsets(records) == list(range(150, 300))
    assert {record.value for record in records} == {b"a text that compresses well " * 20}


async def test_large_records(fetching, brokers, prefix) -> None:
    topic = f"{prefix}large"
    create_topic(brokers, topic, max_message_bytes=8_000_000)
    producer = Producer({"bootstrap.servers": brokers, "message.max.bytes": 8_000_000})
    sizes = [1, 6_000_000, 2, 3_000_000, 3_000_000, 3]
    for size in sizes:
        producer.produce(topic, os.urandom(size))
        producer.flush(30)
    await fetching.assign({TP(topic, 0): Seek(0, 0, 1)})
    assert [len(record.value or b"") for record in await take(fetching, len(sizes))] == sizes


async def test_what_a_record_carries(fetching, brokers, topic) -> None:
    await fetching.assign({TP(topic, 0): Seek(0, 0, 1)})
    hour_ago = int(time.time() * 1000) - 3_600_000  # one that is older than retention may be removed at any time
    produce(brokers, topic, None, None, partition=0, timestamp=hour_ago)
    produce(brokers, topic, b"k", b"v", partition=0, headers={"a": b"1", "b": b""})
    first, second = await take(fetching, 2)
    assert (first.key, first.value, first.headers, first.timestamp) == (None, None, (), hour_ago)
    assert (second.key, second.value, tuple(second.headers)) == (b"k", b"v", (("a", b"1"), ("b", b"")))
    assert second.timestamp > hour_ago


async def test_an_offset_that_is_not_there_is_told_and_nothing_else_is_read_in_its_place(
    fetching, brokers, topic, write
) -> None:
    write(100)
    write(100, 1)
    tp = Partition(topic, 0, 60)
    admin = AdminClient({"bootstrap.servers": brokers})  # it answers as long as it is there
    admin.delete_records([tp])[tp].result(30)
    await fetching.assign({TP(topic, 0): Seek(10, 0, 1)})
    assert await suspected(fetching) == {TP(topic, 0)}
    write(10)
    await nothing_comes(fetching)
    fetching.move({TP(topic, 0): Seek(60, 0, 2)})
    assert offsets(await take(fetching, 50)) == list(range(60, 110))
    fetching.move({TP(topic, 0): Seek(500, -1, 3)})
    assert await suspected(fetching) == {TP(topic, 0)}
    # It holds up no other partition.
    await fetching.assign({TP(topic, 0): Seek(500, -1, 4), TP(topic, 1): Seek(0, 0, 5)})
    assert offsets(await take(fetching, 100), 1) == list(range(100))


async def test_a_topic_that_was_made_anew_is_read_when_it_is_told_to(fetching, brokers, topic, write) -> None:
    write(100)
    await fetching.assign({TP(topic, 0): Seek(0, 0, 1)})
    await take(fetching, 100)
    await asyncio.to_thread(make_anew, brokers, topic)
    assert TP(topic, 0) in await suspected(fetching)
    write(AT_ONCE)
    fetching.move({TP(topic, 0): Seek(0, 0, 2)})
    records = await take(fetching, AT_ONCE)
    assert offsets(records) == list(range(AT_ONCE))
    assert {record.assignment for record in records} == {2}


@pytest.mark.parametrize("fetcher", ["librdkafka", "aiokafka"])
async def test_each_record_has_the_epoch_in_which_it_was_written(fetcher: str) -> None:
    with EmbeddedKafka.start() as kafka:
        create_topic(kafka.brokers, "t")
        found, led = [], []
        one, logs = new(fetcher, kafka.brokers), Logs(Settings(brokers=kafka.brokers))
        await one.assign({TP("t", 0): Seek(0, 0, 1)})
        for _ in range(3):
            await asyncio.to_thread(produce, kafka.brokers, "t", None, b"v")
            await asyncio.to_thread(produce, kafka.brokers, "t", None, b"v")
            found += [record.epoch for record in await take(one, 2)]
            led.append((await asyncio.to_thread(logs.ask, [("t", 0)]))["t", 0].epoch)
            # Each start of the only broker is an election.
            await asyncio.to_thread(kafka.kill)
            await asyncio.to_thread(kafka.restart)
        await one.stop()
    assert found[::2] == found[1::2] == led
    assert led[0] < led[1] < led[2]


def test_a_range_of_offsets_is_what_kafka_still_holds_of_it(brokers, topic, write) -> None:
    settings = Settings(brokers=brokers)
    write(100)
    tp = Partition(topic, 0, 60)
    admin = AdminClient({"bootstrap.servers": brokers})  # it answers as long as it is there
    admin.delete_records([tp])[tp].result(30)

    def found(start: int, end: int) -> list[int]:
        return [record.offset for record in read_range(settings, topic, 0, start, end, timeout=20)]

    assert found(70, 80) == list(range(70, 80))
    assert found(10, 70) == list(range(60, 70))
    assert found(10, 20) == []
    assert found(90, 500) == list(range(90, 100))
    assert found(400, 500) == []
    several = {(topic, 0): (0, 65), (topic, 1): (7, 9), (topic, 2): (0, 3)}
    write(3, 2)
    records = list(scan(settings, several, timeout=20))
    assert (offsets(records), offsets(records, 1), offsets(records, 2)) == (list(range(60, 65)), [], [0, 1, 2])


def test_single_records_are_read_by_clients_that_are_kept(brokers, topic, write) -> None:
    reader = OneReader(Settings(brokers=brokers))
    write(3, value=b"a")
    write(2, 1, value=b"b" * 900_000)
    written = [(0, 2, b"a"), (1, 1, b"b" * 900_000), (1, 0, b"b" * 900_000), (0, 0, b"a"), (2, 0, None), (1, 2, None)]
    for partition, offset, value in written * 2:
        found = reader.read(topic, partition, offset, timeout=10)
        assert (found and (found.partition, found.offset, found.value)) == (value and (partition, offset, value))
    assert len(reader._idle) == 1
    make_anew(brokers, topic)
    write(2, 1, value=b"c")
    with contextlib.suppress(TimeoutError):  # of a client that knows the former one
        reader.read(topic, 1, 0, timeout=3)
    found = reader.read(topic, 1, 0, timeout=10)
    assert found is not None
    assert found.value == b"c"
    with pytest.raises(TimeoutError):
        reader.read(f"{topic}-of-nobody", 0, 0, timeout=1)
    reader.close()
