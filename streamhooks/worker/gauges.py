"""Gauges that are computed when the metrics are read, so that they cost nothing per record or delivery."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping

from streamhooks.delayed.pending import Pending, oldest_by_hook
from streamhooks.hooks.table import HooksTable
from streamhooks.in_flight.tracker import TP
from streamhooks.kafka.lag import Behind
from streamhooks.metrics import (
    BREAKERS_OPEN,
    DISABLED_HOOKS,
    FAILING_HOOKS,
    LAG_RECORDS,
    LAG_SECONDS,
    OLDEST_UNDELIVERED,
    READY,
)
from streamhooks.times import steady

#: how long a result is reused, in seconds: simultaneous requests must not each ask Kafka
FRESH = 1.0
#: how many times as long as a look at all pending calls took its result is reused
REUSED = 50

Floors = Mapping[TP, int]


class Gauges:
    """Updates the gauges. One per worker.

    `floors` gives the owned partitions, each with the offset below which everything is settled. `measure` asks Kafka
    for their lag, and blocks. `not_ready` gives the reasons why the worker is not ready.
    """

    def __init__(
        self,
        hooks: HooksTable,
        pending: Pending,
        *,
        floors: Callable[[], Floors],
        measure: Callable[[Floors], dict[TP, Behind]],
        not_ready: Callable[[], list[str]],
        clock: Callable[[], float],
        steady_clock: Callable[[], float] = steady,
    ) -> None:
        self._steady = steady_clock
        self._hooks = hooks
        self._pending = pending
        self._floors = floors
        self._measure = measure
        #: why the worker is not ready; empty if it is
        self.not_ready = not_ready
        self._clock = clock
        self._looking = asyncio.Lock()
        self._lags: dict[TP, Behind] = {}
        self._lags_at = -FRESH
        self._oldest_at: int | None = None
        self._look_at_calls = -FRESH  # when the next look at all pending calls is due

    async def refresh(self) -> None:
        """Update all gauges; takes a few seconds at most, if Kafka does not answer."""
        async with self._looking:
            if self._is_old(self._lags_at):
                self._lags = await asyncio.to_thread(self._measure, self._floors())
                self._lags_at = self._steady()
        self._show_lags()
        tally = self._hooks.tally()
        DISABLED_HOOKS.set(tally.disabled)
        FAILING_HOOKS.set(tally.failing)
        BREAKERS_OPEN.set(tally.breakers_open)
        READY.set(not self.not_ready())
        OLDEST_UNDELIVERED.set(await self.oldest_undelivered() or 0)

    async def oldest_undelivered(self) -> float | None:
        """Return the age of the oldest pending delivery of an active hook, in seconds; None without any."""
        async with self._looking:
            if (began := self._steady()) >= self._look_at_calls:
                # There may be a million pending calls, and a look at them takes the loop's time from another thread.
                self._oldest_at = await asyncio.to_thread(self._oldest_call)
                ended = self._steady()
                self._look_at_calls = max(began + FRESH, ended + REUSED * (ended - began))
        return None if self._oldest_at is None else max(0.0, self._clock() - self._oldest_at / 1000)

    def _oldest_call(self) -> int | None:
        # The calls of a disabled hook wait for a person, so their age says nothing about the worker.
        oldest = oldest_by_hook(self._pending.snapshot())
        return min((at for hook_id, at in oldest.items() if self._hooks.is_active(hook_id)), default=None)

    def _is_old(self, looked_at: float) -> bool:
        return self._steady() - looked_at >= FRESH

    def _show_lags(self) -> None:
        now = self._clock()
        records: dict[str, int] = defaultdict(int)
        seconds: dict[str, float] = defaultdict(float)
        for (topic, _), behind in self._lags.items():
            records[topic] += behind.records
            seconds[topic] = max(seconds[topic], 0.0 if behind.since is None else now - behind.since)
        # Topics without a partition of ours are reported by other workers.
        LAG_RECORDS.clear()
        LAG_SECONDS.clear()
        for topic in records:
            LAG_RECORDS.labels(topic).set(records[topic])
            LAG_SECONDS.labels(topic).set(seconds[topic])
