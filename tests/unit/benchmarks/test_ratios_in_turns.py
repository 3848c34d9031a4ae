from __future__ import annotations

import pytest

from benchmarks.draining import Drain
from benchmarks.holding import Held, held_rows
from benchmarks.options import Options
from benchmarks.statistics import Spread, ratios, spread
from benchmarks.turns import ROUNDS, drain_result, drain_rows, in_turns


def drain(rate: float, cpu: float = 100.0) -> Drain:
    return Drain(1000, rate, 0, {"sender": cpu, "broker": cpu / 2, "receiver": 10.0, "main": cpu - 10})


def nothing(_text: str) -> None:
    pass


def test_every_second_round_goes_backwards() -> None:
    measured: list[str] = []
    found = in_turns(["a", "b"], Options(), nothing, lambda name: measured.append(name) or len(measured))
    assert measured[:6] == ["a", "b", "b", "a", "a", "b"]
    assert len(found["a"]) == len(found["b"]) == ROUNDS >= 7
    assert found["a"][:3] == [1, 4, 5]


def test_a_quick_run_has_one_round() -> None:
    assert in_turns(["a", "b"], Options(quick=True), nothing, str.upper) == {"a": ["A"], "b": ["B"]}


def test_the_ratio_is_the_median_of_the_ratios_and_not_the_ratio_of_the_medians() -> None:
    # The machine became three times as slow: each pair says 1.5, the medians say 1.
    drains = {"naive": [drain(100), drain(100), drain(40)], "ours": [drain(150), drain(60), drain(60)]}
    assert ratios([150, 60, 60], [100, 100, 40]) == [1.5, 0.6, 1.5]
    row = {row["sender"]: row for row in drain_rows(drains, "naive")}["ours"]
    assert row["of naive"] == 1.5
    assert row["deliveries/s"] == 60
    assert row["quartiles"] == "1.05–1.50"


def test_what_is_not_a_pair_has_no_ratio() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0, 2.0], [1.0])


def test_quartiles_of_one_value_and_of_seven() -> None:
    assert spread([3.0]) == Spread(3.0, 3.0, 3.0)
    assert spread([7.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) == Spread(2.5, 4.0, 5.5)
    assert str(Spread(0.644, 0.7, 0.756)) == "0.64–0.76"


def test_cpu_is_compared_with_the_brokers() -> None:
    rows = drain_rows({"naive": [drain(1, 200)], "ours": [drain(1, 100)]}, "naive")
    assert rows[1]["CPU, of naive"] == 0.5
    assert rows[1]["CPU µs, sender and broker"] == 150
    assert rows[1]["CPU µs, main thread"] == 90


def test_the_result_keeps_each_round() -> None:
    drains = {"naive": [drain(1), drain(2)], "ours": [drain(3), drain(4)]}
    found = drain_result("deliver", "title", drains, "naive", ["a note"])
    assert found.rounds == drains
    assert found.notes[0] == "a note"
    assert "2 rounds in turns" in found.notes[-1]
    assert list(found.bars[0].spreads) == [Spread(1.25, 1.5, 1.75), Spread(3.25, 3.5, 3.75)]


def test_latencies_are_compared_in_each_round_as_well() -> None:
    def held(p50: float, p99: float) -> Held:
        return Held(100, {"p50": p50, "p99": p99, "p99.9": p99}, {"sender": 10.0, "broker": 20.0}, 0.5)

    found = {"naive": [held(10, 20), held(40, 80)], "ours": [held(5, 20), held(20, 80)]}
    row = held_rows(found, "naive", load="1,000/s")[1]
    assert row["load"] == "1,000/s"
    assert row["p50, of naive"] == 0.5
    assert row["p99, of naive"] == 1.0
    assert row["p99 of a round"] == "20–80"
