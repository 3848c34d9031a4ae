"""The offsets that are read for the records between two moments, when timestamps do not ascend."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamhooks.kafka import between as module
from streamhooks.kafka.between import certain_ranges, ranges_between
from streamhooks.kafka.reader import Record
from streamhooks.times import Between

TP = ("t.events", 0)
AHEAD = 9_000


@dataclass
class Log:
    """A partition that begins at `first`, with the timestamps of its records, and Kafka's index over them."""

    times: list[int]
    first: int = 0

    @property
    def end(self) -> int:
        return self.first + len(self.times)

    def partitions(self, topic):
        return [0]

    def ends(self, tps):
        assert tps, "librdkafka refuses to be asked for nothing"
        return dict.fromkeys(tps, (self.first, self.end))

    def at(self, tps, milliseconds):
        found = (self.first + number for number, time in enumerate(self.times) if time >= milliseconds)
        return dict.fromkeys(tps, next(found, self.end))

    def scan(self, _settings, ranges, *, timeout, stop):
        for (topic, partition), (start, end) in ranges.items():
            for offset in range(max(start, self.first), min(end, self.end)):
                yield Record(topic, partition, offset, self.times[offset - self.first], None, b"")


def found(monkeypatch, log: Log, between: Between) -> tuple[int, int]:
    monkeypatch.setattr(module, "Offsets", lambda _settings: log)
    monkeypatch.setattr(module, "scan", log.scan)
    return ranges_between(None, ["t.events"], between)[TP]


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (None, None, (10, 16)),
        (200, None, (11, 16)),
        # What lies behind the record from the future is as old as it says.
        (None, 300, (10, 15)),
        (200, 300, (11, 15)),
        (None, 500, (10, 16)),
        (AHEAD + 1, None, (16, 16)),
        (None, 50, (10, 10)),
        (310, 320, (12, 12)),
    ],
)
def test_a_record_from_the_future_and_one_that_came_late(monkeypatch, since, until, expected) -> None:
    log = Log([100, 200, AHEAD, 300, 250, 400], first=10)
    assert found(monkeypatch, log, Between(since, until)) == expected


@given(
    st.lists(st.integers(0, 20), max_size=12),
    st.integers(0, 5),
    st.none() | st.integers(0, 21),
    st.none() | st.integers(0, 21),
)
def test_every_matching_record_is_in_the_range(times, first, since, until) -> None:
    log, between = Log(times, first), Between(since, until)
    with pytest.MonkeyPatch.context() as patch:
        start, end = found(patch, log, between)
    meant = [first + number for number, time in enumerate(times) if between.holds(time)]
    assert all(start <= offset < end for offset in meant)
    assert first <= start <= end <= log.end
    if meant and until is not None:
        assert all(not between.holds(times[offset - first]) for offset in range(meant[-1] + 1, end))


def test_ranges_that_the_index_knows_need_no_reading() -> None:
    assert certain_ranges(Log([100, 200, 300]), [TP], Between(100, None)) == ({TP: (0, 3)}, {})
    assert certain_ranges(Log([100, 200, 300]), [TP], Between(100, 301)) == ({TP: (0, 3)}, {})
    assert certain_ranges(Log([100, 200, 300]), [TP], Between(100, 200)) == ({TP: (0, 1)}, {TP: (1, 3)})


def test_no_topic_has_no_records() -> None:
    # A hook that subscribed to nothing.
    assert certain_ranges(Log([]), [], Between(100, None)) == ({}, {})


def test_moments_are_whole_milliseconds_and_the_beginning_of_time_is_no_bound() -> None:
    shown = [1_795_740_000.122 + number / 1000 for number in range(100)]
    bounds = [Between.moments(moment, moment) for moment in shown]
    assert all(one.since == one.until for one in bounds)
    assert {later.since - previous.since for previous, later in pairwise(bounds)} == {1}
    assert Between.moments(0.0, None).holds(-1)
    assert not Between.moments(0.001, None).holds(0)
