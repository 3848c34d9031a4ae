"""What is computed when somebody reads the metrics."""

from __future__ import annotations

import asyncio
import threading

import pytest
from prometheus_client import REGISTRY

from streamhooks.delayed.pending import Pending
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.lag import Behind
from streamhooks.kafka.reader import Record
from streamhooks.records.call import DelayedCall
from streamhooks.records.hook import Hook
from streamhooks.records.hook_state import HookState
from streamhooks.worker.gauges import FRESH, REUSED, Gauges

NOW = 10_000.0


def shown(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"streamhooks_{name}", labels)


class World:
    def __init__(self) -> None:
        self.now = NOW
        self.hooks = HooksTable("hooks", "states")
        self.pending = Pending(lambda: self.now)
        self.behind: dict = {}
        self.asked = 0
        self.troubles: list[str] = []
        self.gauges = Gauges(
            self.hooks,
            self.pending,
            floors=dict,
            measure=self.measure,
            not_ready=lambda: self.troubles,
            clock=lambda: self.now,
            steady_clock=lambda: self.now,
        )

    def measure(self, _floors):
        self.asked += 1
        return self.behind

    def hook(self, number: int, status: str = "active", **found) -> None:
        hook_id = f"{number:032x}"
        one = Hook(hook_id, "1", "https://example.com/", ("event.created",), "x" * 16, status=status)
        records = [Record("hooks", 0, 0, 0, hook_id.encode(), one.to_json())]
        if found:
            records.append(Record("states", 0, 0, 0, hook_id.encode(), HookState(hook_id, **found).to_json()))
        assert self.hooks.apply(records) == []

    def call(self, name: str, hook: int | None, created: float, partition: int = 0) -> None:
        hook_id = None if hook is None else f"{hook:032x}"
        value = DelayedCall(name, "t", 2, 0, int(created * 1000), "retry", hook_id=hook_id).to_json()
        self.pending.apply(Record("delayed", partition, 0, 0, name.encode(), value))


async def test_the_worst_partition_is_the_lag_of_a_topic() -> None:
    world = World()
    world.behind = {("e", 0): Behind(3, NOW - 5), ("e", 1): Behind(4, NOW - 60), ("a", 0): Behind(0, None)}
    await world.gauges.refresh()
    assert (shown("lag_seconds", topic="e"), shown("lag_records", topic="e")) == (60, 7)
    assert (shown("lag_seconds", topic="a"), shown("lag_records", topic="a")) == (0, 0)
    world.behind, world.now = {("a", 0): Behind(0, None)}, NOW + 10
    await world.gauges.refresh()
    assert shown("lag_seconds", topic="e") is None


async def test_a_record_from_the_future_is_not_behind_by_less_than_nothing() -> None:
    world = World()
    world.behind = {("e", 0): Behind(1, NOW + 5)}
    await world.gauges.refresh()
    assert shown("lag_seconds", topic="e") == 0


async def test_many_who_ask_at_once_ask_kafka_once_and_what_was_told_ages() -> None:
    world = World()
    world.behind = {("e", 0): Behind(1, NOW - 5)}
    await asyncio.gather(*(world.gauges.refresh() for _ in range(5)))
    assert world.asked == 1
    world.now += FRESH / 2
    await world.gauges.refresh()
    assert (world.asked, shown("lag_seconds", topic="e")) == (1, 5 + FRESH / 2)
    world.now += FRESH
    await world.gauges.refresh()
    assert world.asked == 2


async def test_hooks_in_trouble_are_counted() -> None:
    world = World()
    world.hook(1)
    world.hook(2, "disabled", open_since=NOW, failing_since=NOW)
    world.hook(3, disabled_since=NOW, failing_since=NOW)
    world.hook(4, failing_since=NOW)
    world.hook(5, failing_since=NOW, open_since=NOW)
    world.hook(6, paused_until=NOW + 5)
    await world.gauges.refresh()
    assert [shown(name) for name in ("disabled_hooks", "failing_hooks", "open_breakers")] == [2, 2, 1]


async def test_the_oldest_undelivered_of_the_hooks_that_get_deliveries() -> None:
    world = World()
    await world.gauges.refresh()
    assert shown("oldest_undelivered_seconds") == 0
    world.hook(1)
    world.hook(2, "disabled")
    world.call("a task of a user", None, NOW - 900)
    world.call("of a disabled hook", 2, NOW - 800)
    world.call("of an unknown hook", 3, NOW - 700)
    world.call("a", 1, NOW - 30)
    world.call("b", 1, NOW - 60, partition=1)
    world.now += FRESH
    await world.gauges.refresh()
    assert shown("oldest_undelivered_seconds") == 60 + FRESH
    assert world.pending.oldest(f"{1:032x}") == (NOW - 60) * 1000
    assert world.pending.oldest(f"{9:032x}") is None


@pytest.mark.parametrize("troubles", [[], ["the hooks are being read"]])
async def test_readiness(troubles: list[str]) -> None:
    world = World()
    world.troubles = troubles
    await world.gauges.refresh()
    assert shown("ready") == (0 if troubles else 1)


async def test_the_longer_a_look_at_all_pending_calls_takes_the_longer_its_result_is_reused(monkeypatch) -> None:
    world = World()
    world.hook(1)
    world.call("a", 1, NOW - 30)
    looks = 0
    snapshot = world.pending.snapshot

    def slow():
        nonlocal looks
        looks += 1
        world.now += 0.5
        return snapshot()

    monkeypatch.setattr(world.pending, "snapshot", slow)
    assert await world.gauges.oldest_undelivered() == 30.5
    world.now += 0.5 * REUSED - 1
    assert await world.gauges.oldest_undelivered() == 0.5 * REUSED - 1 + 30.5
    assert looks == 1
    world.now += 1
    await world.gauges.oldest_undelivered()
    assert looks == 2


async def test_no_look_at_all_pending_calls_is_taken_in_the_loop(monkeypatch) -> None:
    world = World()
    world.hook(1)
    world.call("a", 1, NOW - 30)
    threads = set()
    is_active = world.hooks.is_active

    def noted(hook_id: str) -> bool:
        threads.add(threading.current_thread())
        return is_active(hook_id)

    monkeypatch.setattr(world.hooks, "is_active", noted)
    assert await world.gauges.oldest_undelivered() == 30
    assert threads
    assert threading.current_thread() not in threads
