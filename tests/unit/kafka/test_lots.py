"""Records that are written together: each is told once how it ended, whatever the broker says of the others."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable

import pytest
from confluent_kafka import KafkaError, KafkaException, Message

from streamhooks.errors import ProducerDead, RecordTooLarge, WriteRefused
from streamhooks.kafka import refusals
from streamhooks.kafka.lots import Lot, Plain
from streamhooks.kafka.outbox import Outbox
from streamhooks.kafka.publisher import Publisher

Verdict = Callable[[bytes], KafkaError | None]


class Broker:
    """Answers for what was produced, in a thread, when the test says so; `room` records fit into the buffer."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Message, Callable[[KafkaError | None, Message], None]]] = []
        self.produced: Counter[bytes] = Counter()
        self.room = 1000
        self.at_once: dict[bytes, KafkaError] = {}

    def produce(self, topic, value=None, key=None, partition=-1, on_delivery=None, timestamp=0, **_):
        if len(self.waiting) >= self.room:
            raise BufferError("Local: Queue full")
        if (error := self.at_once.pop(value, None)) is not None:
            raise KafkaException(error)
        self.produced[value] += 1
        key = key.encode() if isinstance(key, str) else key
        message = Message(topic=topic, partition=partition, value=value, key=key, timestamp=(1, timestamp), offset=1)
        self.waiting.append((message, on_delivery))

    async def answer(self, verdict: Verdict = lambda _value: None) -> None:
        waiting, self.waiting = self.waiting, []

        def answer() -> None:
            for message, then in waiting:
                then(verdict(message.value()), message)

        await asyncio.to_thread(answer)
        await asyncio.sleep(0)

    async def answer_until(self, condition: Callable[[], bool], verdict: Verdict = lambda _value: None) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await self.answer(verdict)


class Told:
    def __init__(self) -> None:
        self.ended: Counter[int] = Counter()
        self.calls = 0
        self.errors: dict[int, Exception] = {}

    def confirmed(self, positions: Iterable[int]) -> None:
        self.calls += 1
        self.ended.update(positions)

    def failed(self, position: int, error: Exception) -> None:
        self.ended[position] += 1
        self.errors[position] = error


@pytest.fixture
async def broker(publisher: Publisher) -> AsyncIterator[Broker]:
    broker = Broker()
    publisher._producer.produce = broker.produce
    yield broker
    assert publisher.oldest_unconfirmed() == 0.0


@pytest.fixture
async def outbox(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> Outbox:
    monkeypatch.setattr(refusals, "pause_after", lambda _: 0.0)
    return Outbox(publisher, asyncio.get_running_loop())


def lot(told: Told, values: int = 5) -> Lot:
    return Lot("t", 3, [Plain(b"k", b"%d" % number, 7) for number in range(values)], told)


def each_once(values: int = 5) -> dict[int, int]:
    return dict.fromkeys(range(values), 1)


async def test_all_are_told_in_one_call_when_the_last_one_is_confirmed(broker: Broker, outbox: Outbox) -> None:
    told = Told()
    outbox.send(lot(told))
    first, *others = broker.waiting
    broker.waiting = others
    await broker.answer()
    assert told.calls == 0
    assert outbox.oldest_unconfirmed() > 0
    broker.waiting = [first]
    await broker.answer()
    assert (told.ended, told.calls) == (each_once(), 1)


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_refused_record_is_retried_until_it_is_accepted_and_the_others_do_not_wait(
    broker: Broker, outbox: Outbox, at_once: bool
) -> None:
    told, error = Told(), KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    if at_once:
        broker.at_once[b"2"] = error
    outbox.send(lot(told))
    await broker.answer(lambda value: error if value == b"2" and not at_once else None)
    assert told.ended == {0: 1, 1: 1, 3: 1, 4: 1}
    await broker.answer_until(lambda: broker.produced[b"2"] >= 3, lambda _value: error)
    assert told.ended[2] == 0
    assert outbox.troubles
    await broker.answer_until(lambda: told.ended[2] > 0)
    assert (told.ended, told.errors, outbox.troubles) == (each_once(), {}, [])


async def test_a_lot_for_a_place_that_refuses_records_waits_its_turn(broker: Broker, outbox: Outbox) -> None:
    first, second, error = Told(), Told(), KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    outbox.send(lot(first, 1))
    await broker.answer(lambda _value: error)
    outbox.send(lot(second))
    await broker.answer_until(lambda: len(second.ended) == 5)
    assert (first.ended, second.ended) == (each_once(1), each_once())


async def test_equal_records_are_told_apart(broker: Broker, outbox: Outbox) -> None:
    told, refusals_left = Told(), [KafkaError(KafkaError.INVALID_RECORD)] * 2
    outbox.send(Lot("t", 3, [Plain(b"k", b"same", 0)] * 4, told))
    await broker.answer(lambda _value: refusals_left.pop() if refusals_left else None)
    await broker.answer_until(lambda: len(told.ended) == 4)
    assert told.ended == each_once(4)


async def test_what_no_broker_will_take_fails_and_nothing_else(
    broker: Broker, outbox: Outbox, publisher: Publisher
) -> None:
    told, error = Told(), KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
    publisher._one_by_one = publisher._producer  # to which a record goes whose batch is too large
    outbox.send(lot(told))
    await broker.answer_until(lambda: len(told.ended) == 5, lambda value: error if value == b"4" else None)
    assert told.ended == each_once()
    assert [(at, type(failed)) for at, failed in told.errors.items()] == [(4, RecordTooLarge)]
    publisher._one_by_one = None


async def test_a_full_buffer_is_waited_for(broker: Broker, outbox: Outbox) -> None:
    first, second = Told(), Told()
    broker.room = 2
    outbox.send(lot(first))
    outbox.send(lot(second))
    await broker.answer_until(lambda: len(first.ended) + len(second.ended) == 10)
    assert (first.ended, second.ended, first.calls) == (each_once(), each_once(), 1)
    assert set(broker.produced.values()) == {2}


async def test_a_dead_producer_confirms_nothing(
    broker: Broker, outbox: Outbox, publisher: Publisher, fatal: list[str]
) -> None:
    before, after = Told(), Told()
    outbox.send(lot(before))
    await broker.answer(lambda _value: KafkaError(KafkaError._FATAL, "fenced", fatal=True))
    outbox.send(lot(after))
    await asyncio.sleep(0)
    for told in (before, after):
        assert {type(error) for error in told.errors.values()} == {ProducerDead}
        assert told.ended == each_once()
    assert fatal


async def test_a_dropped_lot_is_not_retried(broker: Broker, outbox: Outbox) -> None:
    refused, waiting, answered = Told(), Told(), Told()
    lots = [lot(refused), lot(answered), lot(waiting)]
    outbox.send(lots[0])
    await broker.answer(lambda _value: KafkaError(KafkaError._PURGE_QUEUE))
    outbox.send(lots[1])
    broker.room = len(broker.waiting) + 2
    outbox.send(lots[2])
    await asyncio.sleep(0)
    for one in lots:
        one.drop()
    await asyncio.sleep(0)
    broker.room = 1000
    produced = broker.produced.total()
    await broker.answer()
    await asyncio.sleep(0.05)
    await broker.answer()
    assert broker.produced.total() == produced
    assert not refused.ended
    assert not waiting.ended
    assert not answered.ended


async def test_with_a_real_producer_what_is_purged_is_written_again(publisher: Publisher, outbox: Outbox) -> None:
    told = Told()
    one = lot(told)
    outbox.send(one)
    publisher._producer.purge()
    async with asyncio.timeout(10):
        while len(one.tasks) < 5:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    one.drop()
    assert isinstance(publisher._error_of(KafkaError(KafkaError._PURGE_QUEUE)), WriteRefused)
