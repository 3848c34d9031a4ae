"""The publisher without a broker: what it hands over is purged, which ends it as a refusal of the broker would."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from streamhooks.errors import WriteRefused
from streamhooks.kafka.outbox import Outbox
from streamhooks.kafka.publisher import Published, Publisher
from streamhooks.settings import Settings


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    one = Publisher(Settings(brokers=("127.0.0.1:1",)))
    yield one
    one._producer.purge()
    one.close(1.0)


def ended(publisher: Publisher, future: Future[Published]) -> BaseException | None:
    publisher._producer.purge()
    return future.exception(timeout=5)


async def test_who_gives_up_waiting_does_not_stop_the_confirmations_of_others(publisher: Publisher) -> None:
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
    assert "a confirmation could not be told" in caplog.text


class Crowded:
    """A publisher whose buffer has no room for the first so many records."""

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
async def test_what_is_published_soon_waits_for_room_without_its_caller(times: int) -> None:
    outbox = Outbox(Crowded(times), asyncio.get_running_loop())  # type: ignore[arg-type]
    future = outbox.publish_soon("t", b"1", key="k", partition=1)
    assert (await asyncio.wait_for(asyncio.wrap_future(future), 5)).offset == 7


async def test_the_buffer_is_bounded_in_bytes(publisher: Publisher) -> None:
    for _ in range(25):
        publisher.publish("t", b"x" * 1_000_000)
    with pytest.raises(BufferError):
        publisher.publish("t", b"x" * 9_000_000)
