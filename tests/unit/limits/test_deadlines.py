from __future__ import annotations

from streamhooks.limits.deadlines import MANY, Deadlines


def test_what_is_past_is_forgotten_when_there_are_many() -> None:
    deadlines: Deadlines[int] = Deadlines()
    for number in range(10 * MANY):
        deadlines.put(number, number + 10.0, float(number))
        assert len(deadlines) <= MANY
    assert deadlines[10 * MANY - 1] == 10 * MANY + 9


def test_what_holds_is_kept_and_not_looked_at_for_each_new_one(monkeypatch) -> None:
    looks = []
    monkeypatch.setattr(Deadlines, "forget_past", lambda _self, now: looks.append(now))
    deadlines: Deadlines[int] = Deadlines()
    for number in range(10 * MANY):
        deadlines.put(number, 1e9, 0.0)
    assert len(deadlines) == 10 * MANY
    assert len(looks) == 4  # at 1, 2, 4 and 8 times as many
