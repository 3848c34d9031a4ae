"""A producer of the load that stands still is replaced, and loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError

from chaos import load
from chaos.load import STUCK, Load, Written


class FakeProducer:
    """Holds what is written until it is purged; or, if it `works`, confirms it when it is flushed."""

    def __init__(self, works: bool) -> None:
        self._works = works
        self._waiting: list[tuple[bytes, Callable[[KafkaError | None, Any], None]]] = []
        self.written: list[bytes] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def produce(self, _topic: str, value: bytes, _key: str, on_delivery: Any, **_rest: object) -> None:
        self._waiting.append((value, on_delivery))

    def purge(self) -> None:
        self._end(lambda _place: KafkaError(KafkaError._PURGE_QUEUE))

    def flush(self, _seconds: float) -> int:
        if self._works:
            self.written += [value for value, _ in self._waiting]
            self._end(lambda _place: None)
        return len(self)

    def _end(self, error: Callable[[int], KafkaError | None]) -> None:
        waiting, self._waiting = self._waiting, []
        for place, (value, on_delivery) in enumerate(waiting):
            message = SimpleNamespace(
                partition=lambda: 0, offset=lambda place=place: place, value=lambda value=value: value
            )
            on_delivery(error(place), message)


def test_what_a_producer_holds_that_stands_still_is_written_by_another(monkeypatch: pytest.MonkeyPatch):
    made: list[FakeProducer] = []

    def make(_config: object) -> FakeProducer:
        # One for each topic, the first of which stands still.
        made.append(FakeProducer(works=len(made) > 0))
        return made[-1]

    monkeypatch.setattr(load, "Producer", make)
    one = Load("", "", seed=1, rate=1)
    topic = "events"
    for number in range(3):
        one._write(Written(topic, "1", {"number": number}))
    heard = one._heard[topic]
    one._reported[topic] = '{"eos": {"idemp_state": "Assigned"}, "brokers": {}}'
    one.replace_stuck(heard + STUCK)
    assert one.replaced == []
    one.replace_stuck(heard + STUCK + 1)
    assert one.replaced == [f"{topic} (Assigned, brokers none)"]
    assert len(made[0]) == 0
    one._thread.run = lambda: None  # type: ignore[method-assign]
    one.start()
    assert [record.value for record in one.stop()] == [b'{"number":0}', b'{"number":1}', b'{"number":2}']
    assert one.refused == []
