"""A repeated log line is written now and then, with the number of those left out."""

from __future__ import annotations

import logging
from importlib import import_module

import pytest

from streamhooks.kafka.repeated_lines import INTERVAL, TELLS_ONCE, WARNING_OFTEN, RepeatedLines, limit_logs


class Log:
    """The lines that a handler with the filter writes; `now` is its clock."""

    def __init__(self) -> None:
        self.now = 5000.0
        self.lines: list[str] = []
        self._filter = RepeatedLines(lambda: self.now)

    def say(self, name: str, text: str, *args: object, level: int = logging.ERROR) -> None:
        record = logging.LogRecord(name, level, "f.py", 1, text, args, None)
        if self._filter.filter(record):
            self.lines.append(record.getMessage())


@pytest.fixture
def log() -> Log:
    return Log()


def test_one_line_of_a_kind_in_ten_seconds(log: Log) -> None:
    for tenth in range(301):
        log.now = 5000.0 + tenth / 10
        log.say("aiokafka", "Unable connect to node with id %s: %s", tenth % 3, "refused")
    left_out = "(99 more of these were left out)"
    assert log.lines == [
        "Unable connect to node with id 0: refused",
        *(f"Unable connect to node with id {100 * number % 3}: refused {left_out}" for number in (1, 2, 3)),
    ]


def test_a_logger_that_logs_once_per_topic_is_not_limited(log: Log) -> None:
    for topic in ("delayed", "dead-letters"):
        log.say("streamhooks.kafka.refusals", "the broker accepts records on %s again", topic, level=logging.WARNING)
        log.say("streamhooks.kafka.renewal", "no confirmations, and %s was recreated", topic)
    assert len(log.lines) == 3


def test_kinds_are_limited_separately(log: Log) -> None:
    for _ in range(3):
        log.say("aiokafka", "a %s", 1)
        log.say("aiokafka", "b %s", 1)
        log.say("aiokafka.conn", "a %s", 1)
        log.say("aiokafka", "a %s", 1, level=logging.WARNING)
    assert log.lines == ["a 1", "b 1", "a 1", "a 1"]


@pytest.mark.parametrize("text", ["drift of +{}.{}", "<Task at 0x7f{}a{}>", "node {} of {}"])
def test_numbers_in_a_finished_text_are_no_kinds(log: Log, text: str) -> None:
    for number in range(20):
        log.say("mode.services", text.format(number, number * 7))
    assert len(log.lines) == 1


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("aiokafka.cluster", logging.INFO),
        ("asyncio", logging.ERROR),
        ("faust.transport.consumer", logging.INFO),
        ("mode.timers", logging.INFO),
        ("streamhooks.faust_patches.group", logging.WARNING),
        ("streamhooks.kafka.topics", logging.WARNING),
        ("streamhooks.counting.recalls", logging.ERROR),
        ("streamhooks.worker.knowledge", logging.WARNING),
    ],
)
def test_loggers_that_talk_to_kafka_are_limited(log: Log, name: str, level: int) -> None:
    for _ in range(2):
        log.say(name, "away", level=level)
    assert log.lines == ["away"]


@pytest.mark.parametrize("name", [*WARNING_OFTEN, TELLS_ONCE])
def test_our_loggers_are_those_of_modules_that_log(name: str) -> None:
    module = import_module(name)
    assert hasattr(module, "log") or hasattr(module, "__path__")


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("aiokafkaesque", logging.ERROR),
        ("streamhooks.kafka.topics", logging.INFO),  # "created topic": one for each
        ("streamhooks.worker.moved_logs", logging.ERROR),  # one for each partition, and none may be missed
        ("streamhooks.tasks.endings", logging.WARNING),  # one for each delivery
        ("mode.redirect", logging.WARNING),
        ("a.task.of.the.user", logging.ERROR),
    ],
)
def test_other_lines_are_not(log: Log, name: str, level: int) -> None:
    for _ in range(2):
        log.say(name, "it", level=level)
    assert log.lines == ["it", "it"]


def test_the_number_of_kinds_is_bounded(log: Log) -> None:
    words = ["".join(chr(97 + int(digit)) for digit in str(number)) for number in range(5000)]
    for word in words:
        log.say("asyncio", word)
    assert len(log.lines) == 5000
    assert len(log._filter._kinds) <= 1000
    log.now += INTERVAL
    for _ in range(2):
        log.say("asyncio", "after that")
    assert log.lines[5000:] == ["after that"]


def test_a_handler_gets_it_once_and_before_others() -> None:
    handler = logging.NullHandler()
    handler.addFilter(logging.Filter())
    for _ in range(2):
        limit_logs([handler])
    assert [type(one) for one in handler.filters] == [RepeatedLines, logging.Filter]
