from __future__ import annotations

from streamhooks.sources import duplicates as duplicates_module
from streamhooks.sources.duplicates import Duplicates


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_another_record_with_the_same_key_is_a_duplicate_and_the_first_one_never_is():
    duplicates = Duplicates(60, Clock())
    assert not duplicates.is_duplicate("first", "events", "e1")
    assert duplicates.is_duplicate("second", "events", "e1")
    assert not duplicates.is_duplicate("first", "events", "e1")
    assert not duplicates.is_duplicate("second", "alerts", "e1")


def test_off_by_default():
    duplicates = Duplicates(0, Clock())
    assert not duplicates.is_duplicate("first", "e1")
    assert not duplicates.is_duplicate("second", "e1")


def test_the_window_ends():
    clock = Clock()
    duplicates = Duplicates(60, clock)
    duplicates.is_duplicate("first", "e1")
    clock.now = 61
    assert duplicates.is_duplicate("second", "e1")
    clock.now = 61 + 121
    assert not duplicates.is_duplicate("third", "e1")


def test_with_very_many_keys_the_oldest_are_forgotten(monkeypatch):
    monkeypatch.setattr(duplicates_module, "MOST", 10)
    duplicates = Duplicates(3600, Clock())
    for number in range(100):
        assert not duplicates.is_duplicate(f"first {number}", "alerts", f"e{number}", "rule" * 1000)
        assert len(duplicates._young) + len(duplicates._old) <= 20
    for number in range(90, 100):
        assert duplicates.is_duplicate("second", "alerts", f"e{number}", "rule" * 1000)
