"""A reader that fails, in its thread or in the loop, is restarted, and reports the failure until it is healthy."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest
from confluent_kafka import KafkaError

from streamhooks.kafka import reader_health, reading_thread, standstill, topic_reader
from streamhooks.kafka.reader import TP, Record
from streamhooks.kafka.topic_reader import Table, TopicReader

HOOKS = ("hooks", 0)


class Message:
    def __init__(self, tp: TP, offset: int, error: KafkaError | None = None) -> None:
        self._tp, self._offset, self._error = tp, offset, error

    def error(self) -> KafkaError | None:
        return self._error

    def topic(self) -> str:
        return self._tp[0]

    def partition(self) -> int:
        return self._tp[1]

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return 1, 5

    def key(self) -> bytes:
        return b"k"

    value = key

    def __len__(self) -> int:
        return 1

    def headers(self) -> None:
        return None

    def leader_epoch(self) -> int:
        return 4


class Kafka:
    """Partitions with a few records each, which every consumer reads."""

    def __init__(self, ends: dict[TP, int]) -> None:
        self.ends = ends
        self.fails = 0
        """How many of the next reads raise."""
        self.is_silent = False
        """Whether the consumers that there are get nothing more."""
        self.silences = 0
        """How many reads got nothing for that."""
        self.consumers = 0
        self.starts: list[tuple[int, int, int | None]] = []
        """Partition, offset and epoch of each assignment."""

    def consumer(self, *_: object, **__: object) -> Kafka._Consumer:
        self.consumers += 1
        return Kafka._Consumer(self)

    class _Consumer:
        def __init__(self, kafka: Kafka) -> None:
            self.kafka = kafka
            kafka.is_silent = False
            self.at: dict[TP, int] = {}
            self.reported: set[TP] = set()

        def list_topics(self, _topic: str, timeout: float) -> None:
            assert timeout < 5

        def incremental_assign(self, found: list) -> None:
            for one in found:
                self.kafka.starts.append((one.topic, one.offset, one.leader_epoch))
                self.at[one.topic, one.partition] = max(one.offset, 0)
                self.reported.discard((one.topic, one.partition))

        def incremental_unassign(self, found: list) -> None:
            for one in found:
                self.at.pop((one.topic, one.partition), None)

        def poll(self, _timeout: float) -> Message | None:
            if self.kafka.is_silent:
                self.kafka.silences += 1
                return None
            for tp, at in self.at.items():
                if at < self.kafka.ends[tp]:
                    if self.kafka.fails:
                        self.kafka.fails -= 1
                        raise RuntimeError("Too many open files")
                    self.at[tp] = at + 1
                    return Message(tp, at)
                if tp not in self.reported:
                    self.reported.add(tp)
                    return Message(tp, at, KafkaError(KafkaError._PARTITION_EOF))
            return None

        def consume(self, **_: object) -> list[Message]:
            return []

        def close(self) -> None:
            pass


class Logs:
    def ids(self, topics: set[str]) -> dict[str, str]:
        return dict.fromkeys(topics, "A")


class World(Table):
    def __init__(self, kafka: Kafka) -> None:
        self.kafka = kafka
        self.handed: list[tuple[TP, int]] = []
        self.defects = 0
        self.reader = TopicReader(
            None,  # type: ignore[arg-type]
            self,
            name="hooks",
            logs=Logs(),  # type: ignore[arg-type]
            ends=lambda _tps: kafka.ends,
            on_broken=lambda _record, _reason: None,
            on_reread=lambda _tp, _why: None,
        )

    def apply(self, records: list[Record]) -> list[tuple[Record, str]]:
        if self.defects:
            self.defects -= 1
            raise ValueError("a defect of ours")
        self.handed += [((record.topic, record.partition), record.offset) for record in records]
        return []


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    kafka = Kafka({HOOKS: 3, ("hook-states", 0): 2})
    monkeypatch.setattr(reading_thread, "new_consumer", kafka.consumer)
    monkeypatch.setattr(reader_health, "pause_after", lambda _: 0.0)
    one = World(kafka)
    one.reader.follow(kafka.ends)
    yield one
    await one.reader.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - no event reports it
            await asyncio.sleep(0.001)


ALL = sorted([(HOOKS, 0), (HOOKS, 1), (HOOKS, 2), (("hook-states", 0), 0), (("hook-states", 0), 1)])


@pytest.mark.parametrize("times", [1, 5])
async def test_a_thread_that_fails_goes_on_where_it_was(
    world: World, times: int, caplog: pytest.LogCaptureFixture
) -> None:
    world.reader.start()
    await asyncio.wait_for(world.reader.wait_ready(), 10)
    world.kafka.fails = times
    world.kafka.ends[HOOKS] = 5
    await until(lambda: world.reader.position[HOOKS] == 5)
    assert sorted(world.handed) == sorted([*ALL, (HOOKS, 3), (HOOKS, 4)])
    await until(lambda: world.reader.trouble is None)
    assert world.kafka.consumers == 1 + times
    assert caplog.text.count("the reader of hooks has failed, it will be restarted: RuntimeError: Too many") == times


async def test_a_new_client_checks_the_log_by_the_epoch_of_the_last_record(world: World) -> None:
    world.kafka.ends["empty", 0] = 0
    world.reader.follow(world.kafka.ends)
    world.reader.start()
    await asyncio.wait_for(world.reader.wait_ready(), 10)
    world.kafka.starts.clear()
    world.kafka.fails = 1
    world.kafka.ends[HOOKS] = 5
    await until(lambda: world.reader.position[HOOKS] == 5)
    assert sorted(world.kafka.starts) == [("empty", 0, None), ("hook-states", 2, 4), ("hooks", 3, 4)]


async def test_what_comes_after_the_last_record_may_be_of_a_later_epoch(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def consume(self: Kafka._Consumer, **_: object) -> list[Message]:
        # The markers of a transaction, or records that compaction has removed.
        at_end = self.at.get(HOOKS) == 3
        return [Message(HOOKS, 5, KafkaError(KafkaError._PARTITION_EOF))] if at_end else []

    monkeypatch.setattr(Kafka._Consumer, "consume", consume)
    world.reader.start()
    await until(lambda: world.reader.position.get(HOOKS) == 5)
    world.kafka.starts.clear()
    world.kafka.fails = 1
    world.kafka.ends["hook-states", 0] = 3
    await until(lambda: world.reader.position.get(("hook-states", 0)) == 3)
    assert ("hooks", 5, None) in world.kafka.starts


async def test_a_failure_is_reported_while_it_lasts(world: World) -> None:
    world.kafka.fails = 10**9
    world.reader.start()
    await until(lambda: world.reader.trouble is not None)
    assert not world.reader.is_ready()
    # The other partition is read, and that does not make it well.
    world.kafka.ends[HOOKS] = world.kafka.ends["hook-states", 0] = 0
    world.kafka.fails = 0
    await asyncio.wait_for(world.reader.wait_ready(), 10)
    await until(lambda: world.reader.trouble is None)


@pytest.mark.parametrize("defects", [1, 4])
async def test_records_that_were_not_applied_are_read_again(world: World, defects: int) -> None:
    world.defects = defects
    world.reader.start()
    await asyncio.wait_for(world.reader.wait_ready(), 10)
    assert sorted(world.handed) == ALL
    assert world.reader.trouble is None


async def test_a_client_that_gets_nothing_more_is_replaced(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(standstill, "LOOK", 0.0)
    monkeypatch.setattr(standstill, "LONGEST", 0.3)
    world.reader.start()
    await asyncio.wait_for(world.reader.wait_ready(), 10)
    world.kafka.is_silent = True
    await until(lambda: world.kafka.silences > 0)  # a read that had begun may get what comes now
    world.kafka.ends[HOOKS] = 5
    await until(lambda: world.reader.position[HOOKS] == 5)
    assert sorted(world.handed) == sorted([*ALL, (HOOKS, 3), (HOOKS, 4)])
    await until(lambda: world.reader.trouble is None)
    assert "hooks:0 stands still at offset 3, and ends at 5" in caplog.text


async def test_a_thread_that_has_ended_is_reported(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.reader._thread._thread, "_target", lambda: None)
    assert world.reader.trouble is None  # it was not started
    world.reader.start()
    await until(lambda: world.reader.trouble == "the reader of hooks has ended")


async def test_a_long_log_leaves_turns_to_the_rest_of_the_loop(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def consume(self: Kafka._Consumer, num_messages: int, **_: object) -> list[Message]:
        at = self.at.get(HOOKS, 0)
        end = self.at[HOOKS] = min(at + num_messages, self.kafka.ends[HOOKS])
        return [Message(HOOKS, offset) for offset in range(at, end)]

    monkeypatch.setattr(Kafka._Consumer, "consume", consume)
    world.kafka.ends[HOOKS] = 10_000
    turns, applied = 0, Counter[int]()

    def apply(records: list[Record]) -> list[tuple[Record, str]]:
        applied[turns] += len(records)
        return World.apply(world, records)

    monkeypatch.setattr(world, "apply", apply)
    world.reader.start()
    async with asyncio.timeout(10):
        while not world.reader.is_ready():
            turns += 1
            await asyncio.sleep(0)
    assert sorted(world.handed)[-10_000:] == [(HOOKS, offset) for offset in range(10_000)]
    assert max(applied.values()) <= 600


async def test_python_looks_no_more_at_what_was_made_of_the_records_from_the_start(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    monkeypatch.setattr(topic_reader, "STAY", 2)
    monkeypatch.setattr(topic_reader.gc, "freeze", lambda: told.append(len(world.handed)))
    world.reader.start()
    await asyncio.wait_for(world.reader.wait_ready(), 10)
    assert told == [2, 4]
    world.kafka.ends[HOOKS] = 13
    await until(lambda: world.reader.position[HOOKS] == 13)
    assert told == [2, 4]
