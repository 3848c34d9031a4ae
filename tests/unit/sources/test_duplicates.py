from __future__ import annotations

from support.fakes import Clock

from streamhooks.sources import duplicates as doubles_module
from streamhooks.sources.duplicates import Doubles


def test_another_record_with_the_same_key_is_a_double_and_the_first_one_never_is():
    doubles = Doubles(60, Clock())
    assert not doubles.is_double("first", "events", "e1")
    assert doubles.is_double("second", "events", "e1")
    assert not doubles.is_double("first", "events", "e1")
    assert not doubles.is_double("second", "alerts", "e1")


def test_off_by_default():
    doubles = Doubles(0, Clock())
    assert not doubles.is_double("first", "e1")
    assert not doubles.is_double("second", "e1")


def test_the_window_ends():
    clock = Clock()
    doubles = Doubles(60, clock)
    doubles.is_double("first", "e1")
    clock.now = 61
    assert doubles.is_double("second", "e1")
    clock.now = 61 + 121
    assert not doubles.is_double("third", "e1")


def test_with_very_many_keys_the_oldest_are_forgotten(monkeypatch):
    monkeypatch.setattr(doubles_module, "MOST", 10)
    doubles = Doubles(3600, Clock())
    for number in range(100):
        assert not doubles.is_double(f"first {number}", "alerts", f"e{number}", "rule" * 1000)
        assert len(doubles._young) + len(doubles._old) <= 20
    for number in range(90, 100):
        assert doubles.is_double("second", "alerts", f"e{number}", "rule" * 1000)
