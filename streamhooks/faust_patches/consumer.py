"""A consumer that commits only settled offsets, notices skipped records, and survives a broker that is away.

It differs from Faust 0.15.3:

- Offsets to commit come from our tracker. Faust's go past records in flight (#606), and are forgotten at a rebalance
  before they are committed (#502).
- A failed commit is retried. Faust crashes the worker.
- Waiting for records in flight, at a rebalance and at the end, has a time limit. Faust's `wait_empty` has none.
- We decide where to read (`positions.py`), not `auto.offset.reset`: records that retention removed unread, or a log
  that was replaced, must be reported.
- An error in place of the committed offsets is not taken for none (`committed.py`). aiokafka ignores it.
- Handing over a record needs no tasks. Faust makes two per record, half of the CPU that it takes. The topics of our
  agents are fetched separately, by clients without a group (`fetching.py`), and their records go unchanged, in
  batches, into the agents' queues (`lanes.py`). Faust's own client fetches only changelogs (`group.py`).
- If the broker is away at the first connection, we wait for it (`patience.py`). Faust crashes. A connection that
  uvloop has closed counts as closed (`connections.py`). aiokafka silently stops, or ends the worker.
- Faust's complaints about partitions that its own client does not fetch are not logged: lag and health cover them.
- Partitions of *owned* topics are assigned, but not fetched: we only need to know their owner.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from functools import cached_property, partial
from typing import Any, NoReturn

from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import Service

from streamhooks.errors import Refusal
from streamhooks.faust_patches.fetching import AT_ONCE, Fetching
from streamhooks.faust_patches.group import ConsumerThread, GroupBrokers, RebalanceListener
from streamhooks.faust_patches.lanes import Lane
from streamhooks.faust_patches.patience import patient
from streamhooks.faust_patches.positions import Positions
from streamhooks.kafka.reader import Record
from streamhooks.times import steady

#: pause before fetching more for an agent that is behind, in seconds
BEHIND = 0.01
#: pause before looking again for partitions to read, in seconds, if nothing tells that there are some
IDLE = 1.0


def end_refused(refusal: Refusal) -> NoReturn:
    """End the process with the refusal's message.

    No record has been taken up, so nothing has to end in order, and a traceback would bury the message.
    """
    print(f"streamhooks: {refusal}", file=sys.stderr, flush=True)  # noqa: T201
    os._exit(1)


class Producer(driver.Producer):
    """Faust's own producer. We write through `kafka.publisher`, but Faust needs this one to start."""

    def _new_producer(self, transactional_id: str | None = None) -> Any:
        producer = super()._new_producer(transactional_id)
        producer.client.bootstrap = patient(producer.client.bootstrap, lambda: self.app.should_stop)
        return producer


class Consumer(driver.Consumer):
    """The consumer of one app; `app` is a `streamhooks.faust_patches.app.App`."""

    RebalanceListener = RebalanceListener
    _thread: ConsumerThread

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @cached_property
    def _fetching(self) -> dict[str, Fetching]:
        """Return the client per topic; all agents are known when this is first used."""
        return {topic: self.app.new_fetching(lambda: self.app.should_stop) for topic in self.app.plain_topics}

    @cached_property
    def _resumed(self) -> asyncio.Event:
        """Set when there may be partitions to read that were not there before."""
        return asyncio.Event()

    @cached_property
    def _lanes(self) -> dict[str, Lane]:
        return {topic: Lane() for topic in self._fetching}

    @cached_property
    def positions(self) -> Positions:
        """Return what decides where partitions are read."""
        app = self.app
        return Positions(
            GroupBrokers(self._thread, app.logs),
            self._fetching,
            app.tracker,
            lambda *found: app.parts.start_of(*found),
            on_hole=app.note_natural_hole,
            on_moved=self._moved,
        )

    def _moved(self, tp: TP, start: int) -> None:
        self.app.forget_natural_holes(tp)
        self.app.parts.moved(tp, start)

    @Service.task
    async def _watch_positions(self) -> None:
        try:
            await self.positions.run()
        except Refusal as refusal:
            end_refused(refusal)

    async def on_stop(self) -> None:
        """Commit what is settled, and stop fetching."""
        await super().on_stop()
        await asyncio.gather(*(fetching.stop() for fetching in self._fetching.values()))

    @Service.task
    async def _commit_livelock_detector(self) -> None:
        """Do nothing: Faust would log that its client fetches no partition, and wake the loop for each of them."""

    def verify_recovery_event_path(self, now: float, tp: TP) -> None:
        """Do nothing: Faust would log that a changelog was never fetched, just after it was assigned."""

    @property
    def seconds_since_heartbeat(self) -> float:
        """Return the seconds since the group last heard from us; after the session timeout partitions may be lost."""
        return steady() - self._thread.last_heartbeat

    # --- committing

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit what is settled; return False if there was nothing new or the commit failed."""
        tracker = self.app.tracker
        may_commit = self.app.parts.may_commit
        committable = ((TP(*tp), settled) for tp, settled in tracker.committable())
        found = {tp: (settled, tracker.number(tp)) for tp, settled in committable if may_commit(tp)}
        for tp in self._thread.gone(found):
            del found[tp]
        readings = {tp: self.positions.reading(tp, settled) for tp, (settled, _) in found.items()}
        if not readings or not self.app.may_commit or not await self._commit(readings):
            return False
        for tp, (settled, number) in found.items():
            tracker.committed(tp, settled, number)
        return True

    async def wait_empty(self) -> None:
        """Give records in flight the grace time, commit what is settled, and leave the rest."""
        await self.app.let_go()
        await self.maybe_wait_for_commit_to_finish()  # a commit under way has only what was settled when it began
        await self.commit()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commit, then forget the partitions: records still in flight belong to the next owner."""
        await super().on_partitions_revoked(revoked)
        self.positions.forget(revoked)
        self.app.tracker.revoke(list(revoked))
        await self.app.parts.released(revoked)

    # --- where to read

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Resume fetching, but never of topics that are only owned."""
        super().resume_partitions({tp for tp in tps if tp.topic not in self.app.owned_topics})
        self._resumed.set()

    async def _wait_resumed(self) -> None:
        self._resumed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE):
                await self._resumed.wait()

    async def perform_seek(self) -> None:
        """Seek to the committed offset of each partition; retry until that succeeds or the assignment is outdated."""
        generation = self.app.consumer_generation_id
        while not self.should_stop and generation == self.app.consumer_generation_id:
            try:
                await self._seek_to_settled()
            except (KafkaError, TimeoutError) as error:
                self.log.warning("the committed offsets can't be read, will be tried again: %r", error)
                await self.sleep(0.5)
            except Refusal as refusal:
                end_refused(refusal)
            else:
                return

    async def _seek_to_settled(self) -> None:
        skipped = self.app.owned_topics | set(self.app.tables.changelog_topics)
        starts = await self.positions.take_over([tp for tp in self.assignment() if tp.topic not in skipped])
        for tp in starts:
            self.app.forget_natural_holes(tp)
        self.app.parts.positioned(starts)

    # --- handing over

    def _get_active_partitions(self) -> set[TP]:
        # Asked for at each fetch. Faust's own looks at the type of each partition then.
        active: set[TP] | None = self._active_partitions
        return super()._get_active_partitions() if active is None else active

    async def _drain_messages(self, fetcher: Service) -> None:
        # One loop per topic: a fetch costs more the more partitions it names, even of idle topics. And a topic whose
        # records wait for room holds up no other.
        drains = [self._drain(fetcher, partial(self._drain_topic, topic)) for topic in self._fetching]
        if self.app.tables.changelog_topics:
            drains.append(self._drain(fetcher, self._drain_changelogs))
        running = [asyncio.ensure_future(drain) for drain in drains]
        try:
            await asyncio.gather(*running)
        except (asyncio.CancelledError, *self.consumer_stopped_errors):
            if not self.app.should_stop:
                raise
        finally:
            for drain in running:
                drain.cancel()

    async def _drain(self, fetcher: Service, drain_once: Callable[[], Awaitable[None]]) -> None:
        while not (self.should_stop or fetcher.should_stop):
            if not self.flow_active:
                await self.wait(self.can_resume_flow)
            await drain_once()

    async def _drain_topic(self, topic: str) -> None:
        tp = next((tp for tp in self._get_active_partitions() if tp.topic == topic), None)
        if tp is None:
            await self._wait_resumed()
            return
        lane = self._lanes[topic]
        if self._is_behind(tp, lane):
            with self._thread.polled():
                await asyncio.sleep(BEHIND)  # polled, so that taking up records costs nothing extra
            return
        lane.held = lane.held or await self._fetched(topic)
        # What came during a rebalance waits for its end. If it was fetched for the assignment that has ended, it is not
        # noted then, and read again. But a fetch that began before the rebalance may get the first records of the next
        # assignment: its client reads on behind them, so nobody would read them again.
        if not self.flow_active:
            return
        records, lane.held = lane.held, []
        if noted := [record for record in records if self.positions.note(record)]:
            for queue in self._queues(noted[0][:2]):
                queue.put_nowait(lane.add(noted))

    async def _fetched(self, topic: str) -> list[Record]:
        fetching = self._fetching[topic]
        with self._thread.polled():
            records = await fetching.getmany(timeout=1.0)
        if suspects := fetching.suspects():
            self.positions.suspect(suspects)
        return records

    def _queues(self, tp: tuple[str, int]) -> list[Any]:
        """Return the queues of the agents of a partition's topic: one, if it has been assigned."""
        return [channel.queue for channel in self.app.topics._tp_index[tp]]

    def _is_behind(self, tp: TP, lane: Lane) -> bool:
        """Tell whether enough waits for the topic's agent: `ahead` bytes, or too many records for one more batch."""
        count, size = lane.waiting()
        return size >= self.app.ahead or any(count + AT_ONCE > queue.maxsize for queue in self._queues(tp))

    def stop_flow(self) -> None:
        """Hand nothing over during a rebalance, and take back what agents have not taken yet."""
        super().stop_flow()
        for lane in self._lanes.values():
            lane.take_back()

    async def _drain_changelogs(self) -> None:
        changelogs = self.app.tables.changelog_topics
        active = {tp for tp in self._get_active_partitions() if tp.topic in changelogs}
        if not active:
            await self._wait_resumed()
            return
        generation = self.app.consumer_generation_id
        records = await self._getmany(active, timeout=1.0)
        for number, (tp, record) in enumerate(self.scheduler.iterate(records), 1):
            if number % 100 == 0:
                await asyncio.sleep(0)
            if not self.flow_active or generation != self.app.consumer_generation_id:
                return
            await self._hand_over(tp, record)

    async def _hand_over(self, tp: TP, record: Any) -> None:
        topics = self.app.topics
        message = self._to_message(tp, record)
        handler = topics._tp_to_callback.get(tp)
        if handler is not None and not any(channel.queue.full() for channel in topics._tp_index[tp]):
            await handler(message)
        else:
            await self.wait_first(self.callback(message), self.suspend_flow.wait())


class Transport(driver.Transport):
    """Faust's transport with our consumer and producer."""

    Consumer = Consumer
    Producer = Producer
