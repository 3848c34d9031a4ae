from __future__ import annotations

from aiokafka.structs import TopicPartition
from faust.types import TP

from streamhooks.mended.lanes import Pressure


def test_faust_is_told_of_pressure_in_its_own_terms() -> None:
    told: list[object] = []
    pressure = Pressure(told.append, told.append)
    fetched = TopicPartition("events", 3)
    for call in pressure.of(fetched).values():
        call()
    assert told == [TP("events", 3)] * 2
    assert all(isinstance(tp, TP) for tp in told)
    # Faust knows a callback that it waits to call by its identity.
    assert pressure.of(fetched)["on_pressure_drop"] is pressure.of(TP("events", 3))["on_pressure_drop"]
