"""Refused records: each kind of refusal means one thing, and nothing counts as written that is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from itertools import pairwise

import pytest
from confluent_kafka import KafkaError

from streamhooks.errors import ProducerDead, PublishError, RecordTooLarge, WriteRefused
from streamhooks.in_flight.backoff import pause_after
from streamhooks.kafka import refusals
from streamhooks.kafka.outbox import TOLD_AT_ONCE, Outbox
from streamhooks.kafka.publisher import OnRefused, Published

#: what Kafka says of a record that it may take later
LATER = [
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError.INVALID_TIMESTAMP,
    KafkaError.INVALID_RECORD,
    KafkaError.POLICY_VIOLATION,
    KafkaError.NOT_ENOUGH_REPLICAS,
    KafkaError._MSG_TIMED_OUT,
]


class Broker:
    """A publisher whose records are accepted or refused by `verdict(topic, options)`."""

    def __init__(self, verdict: Callable[[str, dict], PublishError | None]) -> None:
        self.verdict = verdict
        self.tried: list[tuple[str, dict]] = []
        self.age = 0.0

    def publish(
        self, topic: str, _value: bytes | None, *, on_refused: OnRefused | None = None, **options: object
    ) -> Future[Published]:
        self.tried.append((topic, options))
        future: Future[Published] = Future()
        error = self.verdict(topic, options)
        if error is None:
            future.set_result(Published(topic, 0, len(self.tried)))
        elif isinstance(error, WriteRefused) and on_refused is not None:
            on_refused(future, error)
        else:
            future.set_exception(error)
        return future

    def oldest_unconfirmed(self) -> float:
        return self.age


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were asked for; none takes any time."""
    found: list[float] = []

    def pause(failures: int) -> float:
        found.append(pause_after(failures))
        return 0.0

    monkeypatch.setattr(refusals, "pause_after", pause)
    return found


def refusing(times: int, code: int = KafkaError.TOPIC_AUTHORIZATION_FAILED) -> Broker:
    """Refuse this many records."""
    broker = Broker(lambda *_: WriteRefused("not now", code) if len(broker.tried) <= times else None)
    return broker


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - no event reports it
            await asyncio.sleep(0)


def make(broker: Broker) -> Outbox:
    return Outbox(broker, asyncio.get_running_loop())  # type: ignore[arg-type]


@pytest.mark.parametrize("code", LATER)
@pytest.mark.parametrize("soon", [False, True])
async def test_a_refused_record_is_retried_until_it_is_accepted(code: int, soon: bool, pauses: list[float]) -> None:
    broker = Broker(lambda *_: WriteRefused("not now", code) if len(broker.tried) <= 9 else None)
    outbox = make(broker)
    waiting = asyncio.wrap_future(outbox.publish_soon("t", b"1")) if soon else outbox.publish("t", b"1")
    assert (await asyncio.wait_for(waiting, 5)).offset == 10
    assert pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert outbox.troubles == []


async def test_a_refusal_is_reported_while_it_lasts(pauses: list[float], caplog: pytest.LogCaptureFixture) -> None:
    is_refused = True
    broker = Broker(lambda topic, _: WriteRefused("no right") if is_refused and topic == "t" else None)
    outbox = make(broker)
    waiting = [asyncio.ensure_future(outbox.publish("t", b"1")) for _ in range(50)]
    await until(lambda: outbox.troubles != [])
    await outbox.publish("other", b"1")
    assert outbox.troubles == ["the broker refuses records on t: no right"]
    assert len([record for record in caplog.records if record.levelname == "CRITICAL"]) == 1
    is_refused = False
    await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert outbox.troubles == []
    assert "accepts records on t again" in caplog.text
    assert outbox.oldest_unconfirmed() == 0.0


async def test_one_waiting_record_at_a_time_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "pause_after", lambda _: 3600.0)
    broker = refusing(1)
    outbox = make(broker)
    first = asyncio.ensure_future(outbox.publish("t", b"1"))
    await until(lambda: outbox.troubles != [])
    others = [asyncio.ensure_future(outbox.publish("t", b"1")) for _ in range(100)]
    others += [asyncio.ensure_future(asyncio.wrap_future(outbox.publish_soon("t", b"1"))) for _ in range(100)]
    await asyncio.sleep(0.01)
    assert len(broker.tried) == 1
    place = ("t", -1)
    outbox._refusals._let_try(place, outbox._refusals._places[place])
    await asyncio.wait_for(asyncio.gather(first, *others), 5)
    assert len(broker.tried) == 202


async def test_a_record_that_alone_is_refused_does_not_hold_up_the_others(pauses: list[float]) -> None:
    broker = Broker(lambda _, options: WriteRefused("policy") if options.get("key") == "bad" else None)
    outbox = make(broker)
    bad = asyncio.ensure_future(outbox.publish("t", b"1", key="bad"))
    for number in range(300):
        await asyncio.wait_for(outbox.publish("t", b"1", key=str(number)), 5)
    # It waits by itself, longer each time, while all others are taken.
    while 60 not in pauses:
        await asyncio.wait_for(outbox.publish("t", b"1", key="good"), 5)
    assert not bad.done()
    assert outbox.troubles
    bad.cancel()
    await asyncio.wait([bad])
    assert outbox.troubles == []


async def test_a_refused_timestamp_is_replaced_by_the_present_one_at_once() -> None:
    broker = Broker(
        lambda _, options: WriteRefused("bad", KafkaError.INVALID_TIMESTAMP) if options["timestamp_ms"] else None
    )
    outbox = make(broker)
    await asyncio.wait_for(outbox.publish("firings", b"1", key="k", timestamp_ms=5), 0.9)
    assert [options["timestamp_ms"] for _, options in broker.tried] == [5, 0]
    assert outbox.troubles == []


async def test_a_record_in_a_batch_with_a_bad_one_is_retried_at_once() -> None:
    outbox = make(refusing(3, KafkaError._INVALID_DIFFERENT_RECORD))
    assert (await asyncio.wait_for(outbox.publish("t", b"1"), 0.9)).offset == 4


@pytest.mark.parametrize("error", [RecordTooLarge("too large"), ProducerDead("fenced")])
@pytest.mark.parametrize("soon", [False, True])
async def test_a_final_error_is_raised_at_once(error: PublishError, soon: bool) -> None:
    outbox = make(Broker(lambda *_: error))
    with pytest.raises(type(error)):
        await (asyncio.wrap_future(outbox.publish_soon("t", b"1")) if soon else outbox.publish("t", b"1"))


async def test_a_cancelled_record_is_not_retried(pauses: list[float]) -> None:
    broker = refusing(10**9)
    outbox = make(broker)
    futures = [outbox.publish_soon("t", b"1") for _ in range(3)]
    await until(lambda: len(broker.tried) >= 5)
    for future in futures:
        future.cancel()
    await until(lambda: outbox.troubles == [])
    tried = len(broker.tried)
    await asyncio.sleep(0.01)
    assert len(broker.tried) == tried


async def test_a_record_that_stays_unconfirmed_is_a_trouble() -> None:
    broker = refusing(0)
    outbox = make(broker)
    for age, told in ((9.9, []), (10.1, ["the broker has not confirmed records for 10 s"])):
        broker.age = age
        assert outbox.troubles == told
        assert outbox.oldest_unconfirmed() == age


async def test_a_topic_that_refuses_now_and_then_is_logged_once(
    pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    broker = Broker(lambda *_: WriteRefused("not now") if len(broker.tried) % 2 else None)
    outbox = make(broker)
    for _ in range(100):
        await asyncio.wait_for(outbox.publish("t", b"1"), 5)
    assert len(broker.tried) == 200
    assert [record.levelname for record in caplog.records] == ["CRITICAL", "WARNING"]


async def test_others_have_their_turns_while_many_confirmations_are_told() -> None:
    outbox = Outbox(Broker(lambda *_: None), asyncio.get_running_loop())
    many = 3 * TOLD_AT_ONCE + 1
    offered = [outbox.offer("t", b"") for _ in range(many)]
    seen = [0]
    async with asyncio.timeout(10):
        while seen[-1] < many:
            await asyncio.sleep(0)
            seen.append(sum(future.done() for future in offered))
    assert max(after - before for before, after in pairwise(seen)) == TOLD_AT_ONCE
