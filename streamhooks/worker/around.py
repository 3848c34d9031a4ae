"""What a worker does when its two apps start and stop, and when partitions are assigned and revoked."""

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
    """The common part for both apps."""

    def __init__(self, app: App, system: System) -> None:
        self._app = app
        self.system = system

    def lost(self, why: str) -> None:
        """End the worker: its group does not let it rejoin."""
        self.system.supervisor.fail_soon("a group", RuntimeError(why))

    def may_commit(self, tp: TP) -> bool:
        """Let nothing be committed of a partition whose moved log, or lost records, are not in `notices` yet."""
        return self.system.known.moved.is_reported(tp)

    def _open(self) -> None:
        """Start everything that waits for the partitions."""
        self._app.gate.open("rebalance")
        self._app.gate.open("start")


class AroundDelivering(_Around):
    """Callbacks of the delivering app, which starts and stops the whole worker."""

    async def begin(self) -> None:
        """Start all parts, then the counting app."""
        await self.system.supervisor.start()
        gc.collect()
        gc.freeze()  # these objects stay, so later collections can ignore them
        self._app.begin_counting()

    async def end(self) -> None:
        """Stop all parts, and wait until written records are confirmed."""
        await self.system.supervisor.stop()

    def start_of(self, tp: TP, read: Reading | None, found: Log, kept: int | None) -> int:
        """Return the offset at which to start on a source partition."""
        return self.system.known.moved.start_of(tp, read, found, kept)

    def moved(self, tp: TP, start: int) -> None:
        """Measure the lag from this offset on."""
        self.system.lags.begin_anew(tp)

    async def drain(self, grace: float) -> None:
        """Wait for records in flight, for at most `grace` seconds, and abandon the rest."""
        system, tracker = self.system, self._app.tracker
        system.outward.firings.flush()
        await system.running.runs.idle(grace)
        system.outward.firings.flush()
        if not await tracker.drain(min(grace, 0.5)):
            log.info("%d records in flight did not end in time: they will be processed again", tracker.in_flight)
        system.running.runs.cancel()
        if self._app.gate.holds_lease:
            await system.running.takeovers.leave()

    async def taken_over(self, tps: set[TP]) -> None:
        """Read the pending calls of the assigned partitions, and let deliveries start."""
        known = self.system.known
        delayed = known.topics.delayed
        known.delayed_reader.follow((tp.topic, tp.partition) for tp in tps if tp.topic == delayed)
        self.system.running.takeovers.take_over(tp.partition for tp in tps if tp.topic == delayed)
        self._open()

    async def released(self, tps: set[TP]) -> None:
        """Forget the state of these partitions."""
        known, running = self.system.known, self.system.running
        known.delayed_reader.follow(())
        running.catch_up.let_go()
        running.upkeep.restraints.release()
        running.scheduler.release(tp.partition for tp in tps if tp.topic == known.topics.delayed)


class AroundCounting(_Around):
    """Callbacks of the counting app."""

    def start_of(self, tp: TP, read: Reading | None, found: Log, kept: int | None) -> int:
        """Return the offset at which to start on a partition of `firings`."""
        return self.system.known.moved.start_of_firings(tp, read, found, kept)

    def positioned(self, starts: dict[TP, int]) -> None:
        """Count from these offsets on."""
        self.system.counting.take_over(starts)

    def moved(self, tp: TP, start: int) -> None:
        """Count from this offset on: the log of `firings` was recreated or truncated."""
        self.system.lags.begin_anew(tp)
        self.system.counting.begin_anew(tp, start)

    async def released(self, tps: set[TP]) -> None:
        """Write no more counts of these partitions."""
        self.system.counting.let_go()

    async def drain(self, grace: float) -> None:
        """Write the counts."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(grace, 1.0)):
                await self.system.counting.flush()

    async def taken_over(self, tps: set[TP]) -> None:
        """Forget the hooks of revoked partitions, and let counting start."""
        system = self.system
        mine = {(tp.topic, tp.partition) for tp in tps if tp.topic == system.known.topics.firings}
        system.counting.release(mine, system.ownership.partition_of)
        self._open()
