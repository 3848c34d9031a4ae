"""Group membership in a thread of its own, so that heartbeats continue whatever the event loop does.

The thread fetches the changelogs of tables, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, OffsetMetadataTooLargeError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streamhooks.faust_patches import membership
from streamhooks.faust_patches.committed import raising
from streamhooks.faust_patches.epochs import epoch_ends
from streamhooks.faust_patches.patience import patient
from streamhooks.kafka.commits import ROOM, from_metadata, to_metadata
from streamhooks.kafka.logs import Log, Logs, Reading
from streamhooks.masking import shown
from streamhooks.times import steady

#: how long a commit is tried, in seconds: aiokafka tries one of a partition that is gone without end
COMMIT = 10.0
#: how often aiokafka looks at partitions of which nothing has told that they are to be fetched, in seconds. Most are
#: fetched elsewhere, and by default it looks five times per second at all of them.
LOOK = 1.0


def watched(
    heartbeat: Callable[[], Awaitable[bool]], note: Callable[[float], None], clock: Callable[[], float]
) -> Callable[[], Awaitable[bool]]:
    """Wrap a heartbeat so that `note` gets the time at which each answered heartbeat was sent.

    Not the time at which the answer was read: after a pause in between, the session may have expired.
    """

    async def watching() -> bool:
        sent = clock()
        alive = await heartbeat()
        if alive:
            note(sent)
        return alive

    return watching


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that talks to the group's coordinator."""

    #: when the last answered heartbeat was sent, or the last assignment arrived (steady seconds)
    last_heartbeat = 0.0
    #: bytes of metadata that the brokers accept
    room = ROOM

    async def on_start(self) -> None:
        """Watch the heartbeats from the first one, and answers about committed offsets."""
        await super().on_start()
        coordinator = self._consumer._coordinator
        coordinator._do_heartbeat = watched(coordinator._do_heartbeat, self._note_heartbeat, steady)
        coordinator._send_req = raising(coordinator._send_req, coordinator.coordinator_dead)
        self.add_future(self._watch(coordinator))

    async def _watch(self, coordinator: Any) -> None:
        """End the worker when this member can't rejoin the group."""
        self.last_heartbeat = self.last_heartbeat or steady()

        def take() -> None:
            membership.keep_metadata(self._ensure_consumer()._client)
            membership.take_error(coordinator)

        why = await membership.watch(
            lambda: steady() - self.last_heartbeat, lambda: asyncio.to_thread(self.app.coordinator.answers), take
        )
        self.log.info("the coordination stands at: %s", shown(membership.standing(coordinator._coordination_task)))
        self.app.parts.lost(f"{self.app.conf.id}: {why}")

    async def on_thread_stop(self) -> None:
        """Leave the group. While Kafka is away, aiokafka fails on requests that it has cancelled itself."""
        try:
            await super().on_thread_stop()
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise

    def _create_consumer(self, *args: Any, **kwargs: Any) -> Any:
        consumer = super()._create_consumer(*args, **kwargs)
        consumer._client.bootstrap = patient(consumer._client.bootstrap, lambda: self.app.should_stop)
        consumer._consumer_timeout = LOOK
        return consumer

    def look_for_partitions(self) -> None:
        """Learn which partitions there are.

        Before the group's leader assigns: else each member would trigger a rebalance because of added ones.
        """
        self._ensure_consumer()._client.force_metadata_update()

    def _note_heartbeat(self, sent: float) -> None:
        self.last_heartbeat = max(sent, self.last_heartbeat)

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Subscribe to the owned topics as well, which are assigned but never fetched."""
        await super().subscribe({*topics, *self.app.owned_topics})

    def gone(self, tps: Collection[TP]) -> set[TP]:
        """Return those of the partitions that Kafka no longer has, as far as the client knows.

        A commit with one of them fails, and the others would wait for it.
        """
        cluster = self._ensure_consumer()._client.cluster
        known = {topic: cluster.partitions_for_topic(topic) or () for topic in {tp.topic for tp in tps}}
        return {tp for tp in tps if tp.partition not in known[tp.topic]}

    async def _commit(self, readings: Mapping[TP, Reading]) -> bool:
        assignment = self.assignment()
        wanted = {
            TopicPartition(*tp): OffsetAndMetadata(reading.offset, to_metadata(reading, self.room))
            for tp, reading in readings.items()
            if tp in assignment
        }
        if not wanted:
            return False
        try:
            await asyncio.wait_for(self._ensure_consumer().commit(wanted), COMMIT)
        except (CommitFailedError, IllegalStateError) as error:
            self.log.info("not committed, the group has changed: %s", error)
            return False
        except OffsetMetadataTooLargeError:
            self.room //= 2
            text = "not committed, offset.metadata.max.bytes is smaller than usual: will be tried again with %d bytes"
            self.log.warning(text, self.room)
            return False
        except (KafkaError, TimeoutError) as error:
            self.log.warning("not committed, will be tried again: %r", error)
            self.look_for_partitions()  # one may be gone
            return False
        return True

    async def committed(self, tps: Collection[TP]) -> dict[TP, Reading | None]:
        """Return what the broker has as committed of each partition."""
        found: dict[TP, Reading | None] = await self.call_thread(self._committed, tps)
        return found

    async def _committed(self, tps: Collection[TP]) -> dict[TP, Reading | None]:
        wanted = [TopicPartition(*tp) for tp in tps]
        found = await self._ensure_consumer()._coordinator.fetch_committed_offsets(wanted)
        return {
            ensure_TP(tp): from_metadata(meta.offset, meta.metadata)
            if (meta := found.get(tp)) and meta.offset >= 0
            else None
            for tp in wanted
        }

    async def epoch_ends(self, epochs: Mapping[TP, int]) -> dict[TP, int | None]:
        """Return where each epoch ends; see `faust_patches.epochs`."""
        found: dict[TP, int | None] = await self.call_thread(self._epoch_ends, epochs)
        return found

    async def _epoch_ends(self, epochs: Mapping[TP, int]) -> dict[TP, int | None]:
        client = self._ensure_consumer()._client
        return await epoch_ends(client, {TopicPartition(*tp): epoch for tp, epoch in epochs.items()})

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> dict[TopicPartition, list[Any]]:
        """Fetch; a fetch that began before a rebalance returns nothing, and the next one reads the same records.

        Its caller is from before the rebalance, too, and would drop the records, but the client would read on.
        """
        generation = self.app.consumer_generation_id
        records: dict[TopicPartition, list[Any]] = await super()._fetch_records(*args, **kwargs)
        if records and generation != self.app.consumer_generation_id:
            consumer = self._ensure_consumer()
            for tp, found in records.items():
                consumer.seek(tp, found[0].offset)
            return {}
        return records

    def polled(self) -> AbstractContextManager[None]:
        """Return a context for fetching: the group expires members that do not poll (`max.poll.interval.ms`)."""
        polled: AbstractContextManager[None] = self._ensure_consumer()._subscription.fetch_context()
        return polled


class RebalanceListener(driver.ConsumerRebalanceListener):
    """Called by the coordinator, in the consumer's thread."""

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> Awaitable[None]:
        """Let nothing start from here on."""
        self._thread.app.revocations += 1
        self._thread.app.gate.close("rebalance")
        self._thread.look_for_partitions()
        result: Awaitable[None] = super().on_partitions_revoked(revoked)
        return result

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Pause all but changelogs here: other clients fetch them, and unread records would hold up the rest."""
        assigned = list(assigned)
        thread, app = self._thread, self._thread.app
        thread.last_heartbeat = steady()
        elsewhere = [tp for tp in assigned if tp.topic not in app.tables.changelog_topics]
        if elsewhere:
            thread._ensure_consumer().pause(*elsewhere)
        await super().on_partitions_assigned(assigned)


class GroupBrokers:
    """The brokers as `positions.py` asks them: coordinator, leaders and admin client."""

    def __init__(self, thread: ConsumerThread, logs: Logs) -> None:
        self._thread = thread
        self._logs = logs

    async def committed(self, tps: Collection[TP]) -> dict[TP, Reading | None]:
        """Return what is committed; raise KafkaError or TimeoutError."""
        return await self._thread.committed(tps)

    async def logs(self, tps: Collection[TP]) -> dict[TP, Log]:
        """Return the current logs."""
        return {TP(*tp): log for tp, log in (await asyncio.to_thread(self._logs.ask, tps)).items()}

    async def epoch_ends(self, epochs: Mapping[TP, int]) -> dict[TP, int | None]:
        """Return where each epoch ends; None if its leader does not know it."""
        return await self._thread.epoch_ends(epochs)
