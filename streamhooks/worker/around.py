"""What a worker does around its two apps: when they begin and end, and when partitions come and go."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging

from faust.types import TP

from streamhooks.faust_patches.app import App
from streamhooks.faust_patches.parts import Parts
from streamhooks.kafka.logs import Log, Reading
from streamhooks.worker.system import System

log = logging.getLogger(__name__)


class _Around(Parts):
    """What both apps have in common."""

    def __init__(self, app: App, system: System) -> None:
        self._app = app
        self.system = system

    def lost(self, why: str) -> None:
        """End the worker: its group will not have it back."""
        self.system.supervisor.fail_soon("a group", RuntimeError(why))

    def _open(self) -> None:
        """Let start what waits for the partitions."""
        self._app.gate.open("rebalance")
        self._app.gate.open("start")


class AroundDelivering(_Around):
    """Around the app that delivers; it begins and ends the whole worker."""

    async def begin(self) -> None:
        """Start all parts, then the counting app."""
        await self.system.supervisor.start()
        gc.collect()
        gc.freeze()  # what is here now stays: no later collection has to look at it
        self._app.begin_counting()

    async def end(self) -> None:
        """Confirm what was written, and end all parts."""
        await self.system.supervisor.stop()

    def start_of(self, tp: TP, read: Reading | None, found: Log, kept: int | None) -> int:
        """Return where to start on a source partition."""
        return self.system.known.moved.start_of(tp, read, found, kept)

    def moved(self, tp: TP, start: int) -> None:
        """Measure how far behind we are from here on."""
        self.system.lags.begin_anew(tp)

    async def drain(self, grace: float) -> None:
        """Let what is in flight end, for at most `grace` seconds, and let go of the rest."""
        system, tracker = self.system, self._app.tracker
        system.outward.firings.flush()
        await system.running.runs.idle(grace)
        system.outward.firings.flush()
        if not await tracker.drain(min(grace, 0.5)):
            log.info("let go of %d records in flight", tracker.in_flight)
        system.running.runs.cancel()
        if self._app.gate.holds_lease:
            await system.running.takeovers.leave()

    async def taken_over(self, tps: set[TP]) -> None:
        """Read the pending calls of the partitions that came, and let deliveries start."""
        known = self.system.known
        delayed = known.topics.delayed
        known.delayed_reader.follow((tp.topic, tp.partition) for tp in tps if tp.topic == delayed)
        self.system.running.takeovers.take_over(tp.partition for tp in tps if tp.topic == delayed)
        self._open()

    async def released(self, tps: set[TP]) -> None:
        """Forget what was known of these partitions."""
        known, running = self.system.known, self.system.running
        known.delayed_reader.follow(())
        running.catch_up.let_go()
        running.upkeep.restraints.release()
        running.scheduler.release(tp.partition for tp in tps if tp.topic == known.topics.delayed)


class AroundCounting(_Around):
    """Around the app that counts."""

    def start_of(self, tp: TP, read: Reading | None, found: Log, kept: int | None) -> int:
        """Return where to start on a partition of `firings`."""
        return self.system.known.moved.start_of_firings(tp, read, found, kept)

    def positioned(self, starts: dict[TP, int]) -> None:
        """Count from there."""
        self.system.counting.take_over(starts)

    def moved(self, tp: TP, start: int) -> None:
        """Count what comes from here on: the log of `firings` is not as it was left."""
        self.system.lags.begin_anew(tp)
        self.system.counting.begin_anew(tp, start)

    async def drain(self, grace: float) -> None:
        """Write what was counted."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(grace, 1.0)):
                await self.system.counting.flush()

    async def taken_over(self, tps: set[TP]) -> None:
        """Forget the hooks of partitions that went, and let counting start."""
        system = self.system
        mine = {(tp.topic, tp.partition) for tp in tps if tp.topic == system.known.topics.firings}
        system.counting.release(mine, system.ownership.partition_of)
        self._open()
