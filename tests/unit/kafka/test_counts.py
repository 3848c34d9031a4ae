"""Partitions added under a running worker: where they are welcome, and what to do about the others."""

from __future__ import annotations

import logging

import pytest

from streamhooks.kafka.counts import FREE, Watch
from streamhooks.kafka.topics import COPARTITIONED, NAMES

BEFORE = {name: 1 if name == "hooks" else 8 for name in NAMES.values()}


def watch(followed: list | None = None) -> Watch:
    followed = [] if followed is None else followed
    return Watch(BEFORE, dict, followed.append, "t.", interval=1.0)


@pytest.mark.parametrize("name", sorted(FREE))
def test_more_partitions_of_a_topic_that_may_have_any_number(name: str, caplog) -> None:
    followed: list = []
    one = watch(followed)
    one.learn(BEFORE | {name: 9})
    assert one.troubles == []
    assert followed == [{name: 9}]
    assert not [line for line in caplog.records if line.levelno >= logging.WARNING]


@pytest.mark.parametrize("name", sorted(set(NAMES.values()) - FREE))
def test_a_changed_count_where_keys_must_stay_says_once_what_to_do(name: str, caplog) -> None:
    followed: list = []
    one = watch(followed)
    for _ in range(3):
        one.learn(BEFORE | {name: 9})
    (line,) = one.troubles
    assert f"t.{name} has 9 partitions now, and had {BEFORE[name]}" in line
    assert "\n" not in line
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [line]
    assert followed == [{name: 9}]
    for mate in (mate for pair in COPARTITIONED if name in pair for mate in pair if mate != name):
        assert f"t.{mate}" in line  # they must be equal


def test_an_unknown_or_restored_count_is_no_trouble() -> None:
    one = watch()
    one.learn({})
    assert one.troubles == []
    one.learn(BEFORE | {"delayed": 9, "firings": 9})
    assert len(one.troubles) == 2
    one.learn({"delayed": 8})  # recreated as it was
    assert len(one.troubles) == 1
