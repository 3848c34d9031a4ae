from __future__ import annotations

from concurrent.futures import Future

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import NewTopic

from streamhooks.errors import Refusal
from streamhooks.kafka import topics
from streamhooks.settings import Settings

FENCED = KafkaError(
    KafkaError.INVALID_REPLICATION_FACTOR,
    "Unable to replicate the partition 1 time(s): All brokers are currently fenced, or have all their log directories "
    "cordoned.",
)
TOO_FEW = KafkaError(
    KafkaError.INVALID_REPLICATION_FACTOR,
    "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only 1 "
    "broker(s) are registered.",
)
FORBIDDEN = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "Authorization failed.")
THERE = KafkaError(KafkaError.TOPIC_ALREADY_EXISTS)
NO_CONTROLLER = KafkaError(KafkaError._TIMED_OUT, "Failed while waiting for controller: Local: Timed out")
MOVED = KafkaError(KafkaError.NOT_CONTROLLER)


class Admin:
    """Answers each try to create a topic with its next answer."""

    def __init__(self, **answers: list[KafkaError | None]) -> None:
        self.answers = answers

    def create_topics(self, wanted: list[NewTopic], **_: object) -> dict[str, Future[None]]:
        made: dict[str, Future[None]] = {}
        for topic in wanted:
            made[topic.topic] = Future()
            error = self.answers[topic.topic].pop(0)
            if error is None:
                made[topic.topic].set_result(None)
            else:
                made[topic.topic].set_exception(KafkaException(error))
        return made


def make(admin: Admin, monkeypatch: pytest.MonkeyPatch, wait: float = 60.0) -> None:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(topics.time, "sleep", sleep)
    monkeypatch.setattr(topics, "steady", lambda: now)
    topics._create(admin, [NewTopic(name, 1, 1) for name in admin.answers], Settings(), wait)


def test_brokers_that_were_just_started_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    admin = Admin(a=[FENCED, FENCED, None], b=[None], c=[THERE], d=[FENCED, THERE], e=[NO_CONTROLLER, MOVED, None])
    make(admin, monkeypatch)
    assert admin.answers == {"a": [], "b": [], "c": [], "d": [], "e": []}


@pytest.mark.parametrize(
    ("answers", "said"),
    [([TOO_FEW], "only 1 broker"), ([FENCED] * 100, "fenced"), ([NO_CONTROLLER] * 100, "controller")],
)
def test_an_error_that_does_not_pass_ends_the_start(monkeypatch: pytest.MonkeyPatch, answers: list, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        make(Admin(a=answers), monkeypatch)


def test_all_forbidden_topics_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    admin = Admin(a=[FORBIDDEN], b=[None], c=[FORBIDDEN], d=[THERE], e=[FENCED, FORBIDDEN])
    with pytest.raises(Refusal, match=r"not allowed to create the topics a, c, e: .*`streamhooks topics commands`"):
        make(admin, monkeypatch)
    assert admin.answers["b"] == []
