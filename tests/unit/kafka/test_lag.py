"""The lag, as far as Kafka answers and when it does not."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamhooks.kafka.lag import Behind, First, Lags

A, B = ("t.events", 0), ("t.events", 1)


@dataclass
class FakeLog:
    """Partitions with records (offset, time). The end may be after the last record: a transaction marker."""

    records: dict = field(default_factory=dict)
    markers: int = 0
    open_at: int | None = None
    """The offset of an open transaction: nothing can be read from there on."""
    away: bool = False
    unreadable: bool = False
    read: list = field(default_factory=list)

    def ends(self, tps):
        return {} if self.away else {tp: max(self.records.get(tp) or [-1]) + 1 + self.markers for tp in tps}

    def first(self, floors):
        self.read.append(dict(floors))
        if self.away or self.unreadable:
            return {}
        found = {}
        for tp, floor in floors.items():
            end = max(self.records.get(tp) or [-1]) + 1 + self.markers if self.open_at is None else self.open_at
            later = sorted(item for item in self.records.get(tp, {}).items() if floor <= item[0] < end)
            found[tp] = First(*later[0]) if later else First(end, None)
        return found


class World:
    def __init__(self, **records) -> None:
        self.now = 1000.0
        self.log = FakeLog({A: records.get("a", {}), B: records.get("b", {})})
        self.lags = Lags(self.log, lambda: self.now)

    def at(self, **floors) -> list:
        names = {"a": A, "b": B}
        measured = self.lags.measure({names[name]: floor for name, floor in floors.items()})
        return [measured[names[name]] for name in floors]


def test_nothing_is_behind_where_all_is_settled():
    assert World(a={0: 900.0}).at(a=1, b=0) == [Behind(0, None)] * 2


def test_the_oldest_record_that_is_not_settled_has_the_age():
    world = World(a={0: 900.0, 1: 910.0, 2: 920.0}, b={7: 800.0})
    assert world.at(a=1, b=7) == [Behind(2, 910.0), Behind(1, 800.0)]
    world.now += 50
    assert world.at(a=2, b=8) == [Behind(1, 920.0), Behind(0, None)]


def test_what_is_stuck_is_read_once():
    world = World(a={0: 900.0})
    for _ in range(3):
        assert world.at(a=0) == [Behind(1, 900.0)]
    assert world.log.read == [{A: 0}]
    world.log.records[A][1] = 905.0
    assert world.at(a=0) == [Behind(2, 900.0)]


def test_markers_of_transactions_are_nothing_to_wait_for():
    world = World(a={0: 900.0})
    world.log.markers = 1
    assert world.at(a=1) == [Behind(0, None)]


def test_records_after_an_open_transaction_are_behind_since_all_was_settled():
    world = World(a={0: 900.0})
    assert world.at(a=1) == [Behind(0, None)]
    world.log.records[A] |= {1: 1005.0, 2: 1006.0, 3: 1007.0}
    world.log.open_at, world.now = 1, 1030.0
    assert world.at(a=1) == [Behind(3, 1000.0)]
    world.now = 1060.0
    assert world.at(a=1) == [Behind(3, 1000.0)]
    # One record may be read, the others not yet.
    world.log.open_at = 2
    assert world.at(a=1) == [Behind(3, 1005.0)]
    assert world.at(a=2) == [Behind(2, 1005.0)]
    world.log.open_at = None
    assert world.at(a=4) == [Behind(0, None)]


def test_after_a_move_the_age_is_that_of_the_new_log():
    world = World(a={0: 900.0, 1: 901.0})
    assert world.at(a=0) == [Behind(2, 900.0)]
    world.log.records[A] = {0: 990.0}
    world.lags.begin_anew(A)
    assert world.at(a=0) == [Behind(1, 990.0)]


def test_what_retention_removed_is_not_counted():
    assert World(a={5: 900.0, 6: 901.0}).at(a=2) == [Behind(2, 900.0)]


def test_when_kafka_does_not_answer_the_lag_of_what_was_settled_grows_from_then():
    world = World(a={0: 900.0})
    assert world.at(a=1) == [Behind(0, None)]
    world.log.away, world.now = True, 1030.0
    assert world.at(a=1) == [Behind(0, 1000.0)]
    world.now = 1060.0
    assert world.at(a=1) == [Behind(0, 1000.0)]
    world.log.away = False
    assert world.at(a=1) == [Behind(0, None)]
    world.log.away, world.now = True, 1090.0
    assert world.at(a=1) == [Behind(0, 1060.0)]


def test_a_worker_that_never_had_an_answer_is_behind_since_it_asked():
    world = World()
    world.log.away = True
    assert world.at(a=1) == [Behind(0, 1000.0)]
    world.now += 10
    assert world.at(a=1) == [Behind(0, 1000.0)]


def test_when_kafka_does_not_answer_what_was_behind_stays_so():
    world = World(a={0: 900.0, 1: 950.0})
    assert world.at(a=0) == [Behind(2, 900.0)]
    world.log.away = True
    assert world.at(a=0) == [Behind(2, 900.0)]
    assert world.at(a=1) == [Behind(2, 900.0)]


def test_an_end_without_its_record_is_behind_since_it_was_settled():
    world = World(a={0: 900.0})
    assert world.at(a=1) == [Behind(0, None)]
    world.log.records[A][1], world.log.unreadable, world.now = 990.0, True, 1010.0
    assert world.at(a=1) == [Behind(1, 1000.0)]


def test_records_without_a_time_are_behind_since_it_was_settled():
    world = World(a={0: -0.001})
    assert world.at(a=0) == [Behind(1, 1000.0)]


def test_a_partition_that_went_and_came_back_is_another_one():
    world = World(a={0: 900.0})
    world.at(a=1)
    world.at(b=0)
    world.log.away, world.now = True, 1100.0
    assert world.at(a=1) == [Behind(0, 1100.0)]
