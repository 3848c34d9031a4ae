"""The parts of a worker for the views (`web.http.parts.Parts`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from streamhooks.counting.agent import Counting
from streamhooks.counting.rollups import ROLLUPS
from streamhooks.worker.gauges import Gauges
from streamhooks.worker.knowledge import Knowledge
from streamhooks.worker.looking_back import LookingBack
from streamhooks.worker.outward import Outward
from streamhooks.worker.ownership import Ownership
from streamhooks.worker.running import Running


class WorkerViews:
    """Answers the views by asking the parts; `clock` gives epoch seconds."""

    def __init__(
        self,
        outward: Outward,
        known: Knowledge,
        running: Running,
        looking_back: LookingBack,
        *,
        ownership: Ownership,
        counting: Counting,
        gauges: Gauges,
        clock: Callable[[], float],
    ) -> None:
        self._known = known
        self._ownership = ownership
        self._counting = counting
        self.clock = clock
        self.settings, self.topics, self.sources = known.settings, known.topics, known.sources
        self.hooks, self.pending = known.hooks, known.pending
        self.keys = known.keys
        self.outbox, self.addresses = outward.outbox, outward.addresses
        self.message_sender = outward.message_sender
        self.hook_writer = running.upkeep.hook_writer
        self.scheduler, self.limits = running.scheduler, running.limits
        self.call_again = running.calls.again
        self.send_test, self.sample_body = running.samples.send, running.samples.body_of
        self.looks, self.history = looking_back.looks, looking_back.history
        self.replays, self.dead_letters = looking_back.replays, looking_back.letters
        self.partitions, self.read_arguments = ownership.partitions, running.read_arguments
        self.is_mine, self.partition_of = ownership.is_mine, ownership.partition_of
        self.owner_of, self.workers = ownership.owner_of, ownership.workers
        self.latest_requests = counting.latest.of_hook
        self.not_ready, self.refresh_gauges = gauges.not_ready, gauges.refresh
        self.oldest_undelivered = gauges.oldest_undelivered

    async def learn(self, value: bytes | None) -> None:
        """Fetch the schema of a record from the schema registry, if one is configured; raise RegistryAway."""
        await asyncio.to_thread(self._known.learn, value)

    def is_whole(self, topic: str, partition: int) -> bool:
        """Tell whether this worker has read all of an owned partition, and no other can have become its owner."""
        if topic == self.topics.delayed:
            return self._ownership.holds_lease() and self._known.delayed_reader.is_ready((topic, partition))
        return self._ownership.holds_counting() and self._counting.is_whole((topic, partition))

    def count(self, hook_id: str, rollup: int, starts: list[int]) -> list[tuple[int, int, int]]:
        """Return (fired, delivered, failed) per bucket of an owned hook; `rollup` and epoch `starts` in seconds."""
        return self._counting.count(hook_id, next(r for r in ROLLUPS if r.seconds == rollup), starts)
