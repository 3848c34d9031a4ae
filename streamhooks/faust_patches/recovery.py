"""Table recovery that loses no record (#596) and survives a broker that is away.

Faust resumes the partitions and seeks, and only then calls `flow_control.resume()`, which clears queues that already
hold records. Those are never handed to an agent, and the commit goes past them.

When Kafka does not answer in time, Faust takes that for the end of the service: the recovery silently ends for good.
The same happens when what it awaits is cancelled. Then no table becomes ready, and nothing is counted. And a
rebalance at the wrong moment ends the worker, since a new partition has no offset to begin at.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.errors import KafkaError
from faust.tables.manager import TableManager as FaustTableManager
from faust.tables.recovery import Recovery as FaustRecovery
from faust.tables.recovery import ServiceStopped
from mode import Service

from streamhooks.in_flight.cancelling import is_being_cancelled
from streamhooks.masking import LONGEST_TEXT, shown

#: pause before another try, in seconds
PAUSE = 1.0


class Recovery(FaustRecovery):
    """Recovery that ends in the order that loses nothing: clear, seek, resume. One of a former generation ends nothing.

    `_revocations` is how many there had been when the partitions were assigned that are recovered.
    """

    _revocations = 0

    async def _wait(self, coro: Any, timeout: Any = None) -> None:
        try:
            await super()._wait(coro, timeout=timeout)
        except ServiceStopped:
            if self.should_stop:
                raise
            raise TimeoutError("Kafka does not answer in time") from None

    async def _seek_offsets(self, consumer: Any, tps: Any, offsets: Any, title: str) -> None:
        # A rebalance during the recovery adds partitions to this set. Nobody has asked yet where they begin, and they
        # are read by the recovery that comes after this one.
        for tp in tps:
            if offsets[tp] is None:
                offsets[tp] = -1
        await super()._seek_offsets(consumer, tps, offsets, title)

    async def _resume_streams(self, generation_id: int = 0) -> None:
        await self._finish(generation_id)

    async def on_rebalance(self, assigned: Any, revoked: Any, newly_assigned: Any, generation_id: int = 0) -> None:
        """Recover what was assigned; called in each rebalance."""
        self._revocations = self.app.revocations
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)

    def _is_over(self, generation_id: int) -> bool:
        """Tell whether the group has changed again, or is about to: then another recovery follows."""
        app = self.app
        if app.consumer_generation_id == generation_id and app.revocations == self._revocations:
            return False
        self.log.info("the group changed again during recovery")
        return True

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        """End the recovery; called when the tables match their changelogs."""
        if self._is_over(generation_id):
            return
        self._set_recovery_ended()
        for table in self.tables.values():
            await table.on_recovery_completed(self.actives_for_table[table], self.standbys_for_table[table])
        await self._finish(generation_id)

    async def _finish(self, generation_id: int) -> None:
        app, consumer = self.app, self.app.consumer
        await app.on_rebalance_complete.send()
        if self._is_over(generation_id):
            return
        assignment = consumer.assignment()
        app.flow_control.resume()  # clears the queues, so this comes before reading starts (#596)
        if assignment:
            await self._wait(consumer.perform_seek())
        # A worker that stood still learns only now that it has lost its partitions. What it would count from here on
        # is based on tables that lack what others wrote meanwhile.
        if self._is_over(generation_id):
            return
        consumer.resume_partitions({tp for tp in assignment if not self._is_changelog_tp(tp)})
        self.completed.set()
        consumer.resume_flow()
        await app._fetcher.maybe_start()
        if self._is_over(generation_id):
            return
        self.tables.on_actives_ready()
        self.tables.on_standbys_ready()
        app.on_rebalance_end()
        await app.parts.taken_over(assignment)
        if self._is_over(generation_id):
            app.gate.close("rebalance")  # the thread of the consumer closed it before we opened it
            return
        self.log.info("Worker ready")

    @Service.task
    async def _restart_recovery(self) -> None:
        while not self.should_stop:
            try:
                await FaustRecovery._restart_recovery.fun(self)
                reason = "it has ended by itself"
            except (TimeoutError, KafkaError) as error:
                reason = repr(error)
            except asyncio.CancelledError:
                if is_being_cancelled():
                    raise
                reason = "what it waited for was cancelled"
            if not self.should_stop:
                self.log.warning("recovery will be tried again: %s", shown(reason, LONGEST_TEXT))
                await self.sleep(PAUSE)
                self.signal_recovery_start.set()


class TableManager(FaustTableManager):
    """Faust's table manager with our recovery."""

    _recovery: Recovery | None = None

    @property
    def recovery(self) -> Recovery:
        """Return the service that reads the changelogs."""
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def on_start(self) -> None:
        """Register the tables at once. Faust waits a second for more of them; ours are there before the app starts."""
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()
