"""The publisher without a broker: its records are purged, which ends them as a refusal would."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest
from confluent_kafka import KafkaError, Message

from streamhooks.errors import ProducerDead, PublishError, RecordTooLarge, WriteRefused
from streamhooks.kafka.outbox import Outbox
from streamhooks.kafka.publisher import Published, Publisher, _Handed


def ended(publisher: Publisher, future: Future[Published]) -> BaseException | None:
    publisher._producer.purge()
    return future.exception(timeout=5)


async def test_a_cancelled_future_does_not_stop_other_confirmations(publisher: Publisher) -> None:
    impatient = publisher.publish("t", b"1")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.wrap_future(impatient), 0.01)
    publisher._producer.purge()
    patient = publisher.publish("t", b"2")
    assert isinstance(await asyncio.to_thread(ended, publisher, patient), WriteRefused)


async def test_a_callback_that_raises_does_not_either(publisher: Publisher, caplog: pytest.LogCaptureFixture) -> None:
    def fails(_error: object, _message: object) -> None:
        raise RuntimeError("the loop is closed")

    publisher._producer.produce("t", b"1", on_delivery=fails)
    publisher._producer.purge()
    patient = publisher.publish("t", b"2")
    assert isinstance(await asyncio.to_thread(ended, publisher, patient), WriteRefused)
    assert "the callback of a confirmation failed" in caplog.text


async def test_a_fatal_error_ends_the_producer_once(publisher: Publisher, fatal: list[str]) -> None:
    publisher._noticed(KafkaError(KafkaError._ALL_BROKERS_DOWN, "away"))
    assert fatal == []
    for _ in range(2):
        publisher._noticed(KafkaError(KafkaError._FATAL, "fenced", fatal=True))
    assert fatal == ["fenced"]
    assert isinstance(publisher.publish("t", b"1").exception(0), ProducerDead)
    assert publisher.oldest_unconfirmed() == 0.0


async def test_wrong_arguments_leave_nothing_to_wait_for(publisher: Publisher) -> None:
    with pytest.raises(TypeError):
        publisher.publish("t", b"1", partition="first")  # type: ignore[arg-type]
    assert publisher.oldest_unconfirmed() == 0.0


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError.MSG_SIZE_TOO_LARGE, RecordTooLarge),
        (KafkaError.RECORD_LIST_TOO_LARGE, RecordTooLarge),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, WriteRefused),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, WriteRefused),
        (KafkaError.POLICY_VIOLATION, WriteRefused),
        (KafkaError._FATAL, ProducerDead),
    ],
)
async def test_each_error_means_one_thing(publisher: Publisher, code: int, kind: type[PublishError]) -> None:
    error = publisher._error_of(KafkaError(code))
    assert type(error) is kind


async def test_a_record_of_a_batch_that_is_too_large_is_sent_alone(publisher: Publisher) -> None:
    handed, too_large = _Handed(1, Future(), None), KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
    publisher._delivered(handed, too_large, Message(topic="t", partition=0, value=b"1", key=b"k", timestamp=(1, 5)))
    assert not handed.future.done()
    assert publisher._one_by_one is not None
    assert len(publisher._one_by_one) > 0  # it counts unreported records, too
    publisher._one_by_one.purge()
    assert isinstance(await asyncio.to_thread(handed.future.exception, 5), WriteRefused)
    # Alone it is the record itself that is too large.
    alone = _Handed(2, Future(), None, is_alone=True)
    publisher._delivered(alone, too_large, Message(topic="t"))
    assert isinstance(alone.future.exception(0), RecordTooLarge)


class Crowded:
    """A publisher whose buffer has no room for the first `times` records."""

    def __init__(self, times: int) -> None:
        self.times = times

    def publish(self, topic: str, _value: bytes | None, **_: object) -> Future[Published]:
        self.times -= 1
        if self.times >= 0:
            raise BufferError("Local: Queue full")
        future: Future[Published] = Future()
        future.set_result(Published(topic, 0, 7))
        return future


@pytest.mark.parametrize("times", [0, 3])
async def test_publish_soon_waits_for_room_without_its_caller(times: int) -> None:
    outbox = Outbox(Crowded(times), asyncio.get_running_loop())  # type: ignore[arg-type]
    future = outbox.publish_soon("t", b"1", key="k", partition=1)
    assert (await asyncio.wait_for(asyncio.wrap_future(future), 5)).offset == 7


async def test_the_buffer_is_bounded_in_bytes(publisher: Publisher) -> None:
    handed: list[Future[Published]] = []
    with pytest.raises(BufferError):
        handed.extend(publisher.publish("t", b"x" * 1_000_000) for _ in range(100))
    assert 25 <= len(handed) <= 33
