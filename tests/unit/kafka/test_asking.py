"""After a missing answer a new client asks: one that has lost all brokers never gets an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicCollection

from streamhooks.kafka import asking
from streamhooks.kafka.counts import KafkaCounts
from streamhooks.kafka.logs import Logs
from streamhooks.settings import Settings

SETTINGS = Settings(brokers=("127.0.0.1:1",))


class Admin:
    def __init__(self, knows_brokers: bool) -> None:
        self._knows_brokers = knows_brokers

    def describe_topics(self, topics: TopicCollection, request_timeout: float) -> dict[str, Future[object]]:
        return {topic: self._answer(request_timeout) for topic in topics.topic_names}

    def _answer(self, _timeout: float) -> Future[object]:
        future: Future[object] = Future()
        if self._knows_brokers:
            future.set_result(SimpleNamespace(partitions=[None], topic_id="A"))
        else:
            future.set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
        return future


@pytest.mark.parametrize("asker", [lambda: KafkaCounts(SETTINGS).ask, lambda: partial(Logs(SETTINGS).ids, ["hooks"])])
def test_it_does(asker: Callable[[], Callable[[], Mapping[str, object]]], monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Admin] = []

    def make(_settings: object) -> Admin:
        made.append(Admin(knows_brokers=bool(made)))
        return made[-1]

    monkeypatch.setattr(asking, "admin_client", make)
    ask = asker()
    assert ask() == {}
    assert "hooks" in ask()
    ask()
    assert len(made) == 2
