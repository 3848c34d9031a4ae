"""A consumer that commits only what is settled, notices what is skipped, and outlives a broker that is away.

What is different from Faust 0.15.3:

- Offsets to commit come from our tracker: Faust's own go past records in flight (#606), and are forgotten at a
  rebalance before they are committed (#502).
- A failed commit is tried again; Faust crashes the worker.
- Waiting for what is in flight, at a rebalance and at the end, has a time limit (`wait_empty` has none).
- Where to start is decided here, not by `auto.offset.reset`: a committed offset that retention overtook is a loss that
  must be told, and never a jump to the latest.
- A record is handed over without two tasks for each, which make up half of the CPU that Faust takes. Those of our own
  agents go into their queues as they are (`lanes.py`); those of an app without tables are fetched in the event loop
  (`fetching.py`).
- A broker that is away when the clients connect first is waited for (`patience.py`); Faust crashes.
- What Faust logs about partitions that its own client does not fetch is not logged: lag and health tell.
- Partitions of *owned* topics are assigned, but not fetched: who has them is all that we want to know.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, NoReturn

from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import Service

from streamhooks.errors import Refusal
from streamhooks.kafka.reader import Record
from streamhooks.mended.fetching import Fetched, Fetching
from streamhooks.mended.lanes import Pressure, plain
from streamhooks.mended.patience import patient

log = logging.getLogger(__name__)


def end_refused(refusal: Refusal) -> NoReturn:
    """End the process with the refusal's line.

    Nothing has been taken up: there is nothing to end in order, and a crash would bury the line.
    """
    print(f"streamhooks: {refusal}", file=sys.stderr, flush=True)  # noqa: T201
    os._exit(1)


def watched(
    heartbeat: Callable[[], Awaitable[bool]], note: Callable[[float], None], clock: Callable[[], float]
) -> Callable[[], Awaitable[bool]]:
    """The heartbeat, with a note of when it was sent for each that the coordinator answered.

    Not of when the answer was read: a process that was paused in between reads it when its session is long over.
    """

    async def watching() -> bool:
        sent = clock()
        alive = await heartbeat()
        if alive:
            note(sent)
        return alive

    return watching


class Producer(driver.Producer):
    """Faust's own producer. What we write goes through `kafka.publisher`; this one has to start all the same."""

    def _new_producer(self, transactional_id: str | None = None) -> Any:
        producer = super()._new_producer(transactional_id)
        producer.client.bootstrap = patient(producer.client.bootstrap, lambda: self.app.should_stop)
        return producer


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that talks to the group's coordinator."""

    #: when the last heartbeat was sent that was answered, or an assignment came (monotonic seconds)
    last_heartbeat = 0.0

    async def on_start(self) -> None:
        """Watch the heartbeats from the first one on."""
        await super().on_start()
        coordinator = self._consumer._coordinator
        coordinator._do_heartbeat = watched(coordinator._do_heartbeat, self._note_heartbeat, time.monotonic)

    def _create_consumer(self, *args: Any, **kwargs: Any) -> Any:
        consumer = super()._create_consumer(*args, **kwargs)
        consumer._client.bootstrap = patient(consumer._client.bootstrap, lambda: self.app.should_stop)
        return consumer

    def look_for_partitions(self) -> None:
        """Learn of added partitions before the group's leader assigns: else each member has the group join again."""
        self._ensure_consumer()._client.force_metadata_update()

    def _note_heartbeat(self, sent: float) -> None:
        self.last_heartbeat = max(sent, self.last_heartbeat)

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Subscribe to the owned topics as well: they are fetched by nobody, but assigned."""
        await super().subscribe({*topics, *self.app.owned_topics})

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        assignment = self.assignment()
        wanted = {
            TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, "")
            for tp, offset in offsets.items()
            if tp in assignment
        }
        if not wanted:
            return False
        try:
            await asyncio.wait_for(self._ensure_consumer().commit(wanted), self.app.conf.broker_request_timeout)
        except (CommitFailedError, IllegalStateError) as error:
            self.log.info("not committed, the group has changed: %s", error)
            return False
        except (KafkaError, TimeoutError) as error:
            self.log.warning("not committed, will be tried again: %r", error)
            return False
        return True

    async def positions(self, tps: Iterable[TP]) -> dict[TP, tuple[int | None, int, int]]:
        """Of each partition what is committed (as the broker has it), its first and its end offset."""
        wanted = [TopicPartition(tp.topic, tp.partition) for tp in tps]
        found: dict[TP, tuple[int | None, int, int]] = await self.call_thread(self._positions, wanted)
        return found

    async def _positions(self, tps: list[TopicPartition]) -> dict[TP, tuple[int | None, int, int]]:
        consumer = self._ensure_consumer()
        committed = await consumer._coordinator.fetch_committed_offsets(tps)
        first = await consumer.beginning_offsets(tps)
        end = await consumer.end_offsets(tps)
        known = {tp: meta.offset if (meta := committed.get(tp)) and meta.offset >= 0 else None for tp in tps}
        return {ensure_TP(tp): (known[tp], first[tp], end[tp]) for tp in tps}

    async def seek_to(self, offsets: Mapping[TP, int]) -> None:
        """Read on from these offsets."""
        await self.call_thread(self._seek_to, offsets)

    async def _seek_to(self, offsets: Mapping[TP, int]) -> None:
        consumer = self._ensure_consumer()
        for tp, offset in offsets.items():
            consumer.seek(TopicPartition(tp.topic, tp.partition), offset)

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> dict[TopicPartition, list[Any]]:
        """Fetch; a fetch that began before a rebalance leaves what it finds after it to the next one.

        Whoever waits for it is from before the rebalance, too, and drops it: the fetcher would read on behind it.
        """
        generation = self.app.consumer_generation_id
        records: dict[TopicPartition, list[Any]] = await super()._fetch_records(*args, **kwargs)
        if records and generation != self.app.consumer_generation_id:
            await self._seek_to({ensure_TP(tp): found[0].offset for tp, found in records.items()})
            return {}
        return records

    def polled(self) -> AbstractContextManager[None]:
        """While records are taken or waited for: the group expires members that do neither (`max.poll.interval.ms`)."""
        polled: AbstractContextManager[None] = self._ensure_consumer()._subscription.fetch_context()
        return polled


class RebalanceListener(driver.ConsumerRebalanceListener):
    """What the coordinator calls, in the consumer's thread."""

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> Awaitable[None]:
        """Nothing starts from here on."""
        self._thread.app.gate.close("rebalance")
        self._thread.look_for_partitions()
        result: Awaitable[None] = super().on_partitions_revoked(revoked)
        return result

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Keep what is not taken here from being fetched here: it would hold up the others."""
        assigned = list(assigned)
        thread, app = self._thread, self._thread.app
        thread.last_heartbeat = time.monotonic()
        elsewhere = [tp for tp in assigned if app.fetches_in_loop or tp.topic in app.owned_topics]
        if elsewhere:
            thread._ensure_consumer().pause(*elsewhere)
        await super().on_partitions_assigned(assigned)


class Consumer(driver.Consumer):
    """The consumer of one app; `app` is a `streamhooks.mended.app.App`."""

    RebalanceListener = RebalanceListener
    _thread: ConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fetched: dict[TP, int] = {}  # the offset after the last one that was fetched
        self._pressure = Pressure(self.on_buffer_full, self.on_buffer_drop)

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @cached_property
    def _fetching(self) -> dict[str, Fetching]:
        """By topic; when it is asked for first, all agents are known."""
        return {
            topic: Fetching(self._fetching_options, lambda: self.app.should_stop) for topic in self.app.plain_topics
        }

    def _fetching_options(self) -> dict[str, Any]:
        conf = self.app.conf
        return {
            "bootstrap_servers": driver.server_list(self.transport.url, self.transport.default_port),
            "client_id": conf.broker_client_id,
            "auto_offset_reset": conf.consumer_auto_offset_reset,
            "max_poll_records": conf.broker_max_poll_records,
            "max_partition_fetch_bytes": conf.consumer_max_fetch_size,
            "request_timeout_ms": int(conf.broker_request_timeout * 1000),
            # What a producer took back has not happened.
            "isolation_level": "read_committed",
            **driver.credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        }

    async def on_stop(self) -> None:
        """Commit what is settled, and fetch no more."""
        await super().on_stop()
        for fetching in self._fetching.values():
            await fetching.stop()

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust would log, every few seconds, that its client does not fetch a partition."""

    @property
    def seconds_since_heartbeat(self) -> float:
        """How long ago the group last knew of us; beyond the session timeout our partitions are somebody else's."""
        return time.monotonic() - self._thread.last_heartbeat

    # --- committing

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit what is settled; False if nothing was or the broker did not take it."""
        tracker = self.app.tracker
        offsets = {TP(*tp): offset for tp, offset in tracker.committable()}
        if not offsets or not await self._commit(offsets):
            return False
        for tp, offset in offsets.items():
            tracker.committed(tp, offset)
        return True

    async def wait_empty(self) -> None:
        """Give what is in flight the grace time, commit what is settled, let the rest go."""
        await self.app.let_go()
        await self.commit()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commit, then forget: what is still in flight belongs to the next owner."""
        await super().on_partitions_revoked(revoked)
        self.app.tracker.revoke(list(revoked))
        await self.app.on_released(revoked)

    # --- where to read

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Fetch again, but never what is only owned."""
        super().resume_partitions({tp for tp in tps if tp.topic not in self.app.owned_topics})

    async def perform_seek(self) -> None:
        """Go to where each partition was settled, as the broker has it; tried until it succeeds or is out of date."""
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
        tps = [tp for tp in self.assignment() if tp.topic not in skipped]
        positions = await self._thread.positions(tps) if tps else {}
        starts = {tp: self.app.start_of(tp, *position) for tp, position in positions.items()}
        await (self._fetch_from(starts) if self.app.fetches_in_loop else self._thread.seek_to(starts))
        for tp, offset in starts.items():
            committed = positions[tp][0]
            # One that lies behind the end of the log is nothing to build on: the next commit goes back.
            self.app.tracker.assign(tp, offset, committed if committed is not None and committed <= offset else None)
        self._fetched = dict(starts)
        self.app.on_positioned(starts)

    async def _fetch_from(self, starts: Mapping[TP, int]) -> None:
        """Fetch these partitions, and no others, from these offsets on."""
        for topic, fetching in self._fetching.items():
            await fetching.seek_to({tp: offset for tp, offset in starts.items() if tp.topic == topic})

    # --- handing over

    async def _drain_messages(self, fetcher: Service) -> None:
        # Each topic on its own, where we fetch: a fetch costs by the partitions that it names, also of idle topics,
        # and a topic whose records wait for room holds up no other.
        topics = self._fetching if self.app.fetches_in_loop else (None,)
        drains = [asyncio.ensure_future(self._drain(fetcher, topic)) for topic in topics]
        try:
            await asyncio.gather(*drains)
        except (asyncio.CancelledError, *self.consumer_stopped_errors):
            if not self.app.should_stop:
                raise
        finally:
            for drain in drains:
                drain.cancel()

    async def _drain(self, fetcher: Service, topic: str | None) -> None:
        while not (self.should_stop or fetcher.should_stop):
            await self._drain_once(topic)

    async def _fetched_of(self, topic: str, active: set[TP]) -> Fetched:
        fetching, generation = self._fetching[topic], self.app.consumer_generation_id
        with self._thread.polled():
            records = await fetching.getmany(active, timeout=1.0)
        if records and generation != self.app.consumer_generation_id:
            # Whoever waits here is from before the rebalance and drops it: the fetcher would read on behind it.
            fetching.go_back({tp: found[0].offset for tp, found in records.items()})
            return {}
        return records

    async def _drain_once(self, topic: str | None) -> None:
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        partitions = self._get_active_partitions()
        if topic is None:
            active = {tp for tp in partitions if tp.topic not in self.app.owned_topics}
        else:
            active = {tp for tp in partitions if tp.topic == topic}
        if not active:
            await self.sleep(0.05)
            return
        generation = self.app.consumer_generation_id
        records = await (self._getmany(active, timeout=1.0) if topic is None else self._fetched_of(topic, active))
        plain_topics = self.app.plain_topics
        for number, (tp, record) in enumerate(self.scheduler.iterate(records), 1):
            if number % 100 == 0:
                await asyncio.sleep(0)
            # What is left of the batch is read again after the rebalance: it always seeks.
            if not self.flow_active or generation != self.app.consumer_generation_id:
                return
            self._watch(tp, record.offset)
            if tp.topic in plain_topics:
                await self._hand_over_plain(tp, plain(record))
            else:
                await self._hand_over(tp, record)

    async def _hand_over(self, tp: TP, record: Any) -> None:
        topics = self.app.topics
        message = self._to_message(tp, record)
        handler = topics._tp_to_callback.get(tp)
        if handler is not None and not any(channel.queue.full() for channel in topics._tp_index[tp]):
            await handler(message)
        else:
            # A full queue must not keep a rebalance from stopping the flow.
            await self.wait_first(self.callback(message), self.suspend_flow.wait())

    async def _hand_over_plain(self, tp: TP, record: Record) -> None:
        for channel in tuple(self.app.topics._tp_index[tp]):
            queue = channel.queue
            if queue.full():
                await self.wait_first(queue.put(record), self.suspend_flow.wait())
            else:
                queue.put_nowait_enhanced(record, **self._pressure.of(tp))

    def _watch(self, tp: TP, offset: int) -> None:
        """The fetcher reads on without a gap: what it does not bring, Kafka does not have."""
        following = self._fetched.get(tp)
        if following is not None:
            if offset > following:
                self.app.note_natural_hole(tp, following, offset)
            self._fetched[tp] = offset + 1


class Transport(driver.Transport):
    """The transport of Faust with our consumer and our producer."""

    Consumer = Consumer
    Producer = Producer
