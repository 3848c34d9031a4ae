"""After a failure, marks use a new client: the previous one may never answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streamhooks.kafka import marks
from streamhooks.kafka.marks import Marks
from streamhooks.settings import Settings

EVENTS = ("events", 0)


class Logs:
    def ids(self, topics: list[str]) -> dict[str, str]:
        return dict.fromkeys(topics, "A")


class Client:
    def __init__(self, knows_brokers: bool) -> None:
        self._knows_brokers = knows_brokers
        self._marked: list[TopicPartition] = [TopicPartition(*EVENTS, 7, "")]
        self.closed = threading.Event()

    def committed(self, _tps: object, timeout: float) -> list[TopicPartition]:
        self._ask()
        return self._marked

    def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> None:
        assert not asynchronous
        self._ask()
        self._marked = offsets

    def _ask(self) -> None:
        if not self._knows_brokers:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    def close(self) -> None:
        self.closed.set()


@pytest.mark.parametrize("ask", [lambda one: one.read(EVENTS), lambda one: one.write(EVENTS, 9)])
def test_a_client_that_gets_no_answer_is_replaced(
    ask: Callable[[Marks], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Client] = []

    def make(_settings: object, **_: Any) -> Client:
        made.append(Client(knows_brokers=bool(made)))
        return made[-1]

    monkeypatch.setattr(marks, "new_consumer", make)
    one = Marks(Settings(brokers=("127.0.0.1:1",)), Logs(), "broken")  # type: ignore[arg-type]
    with pytest.raises(KafkaException):
        ask(one)
    assert made[0].closed.wait(5)
    ask(one)
    assert one.read(EVENTS) in (7, 9)
    assert len(made) == 2
    one.close()
    assert made[1].closed.wait(5)
