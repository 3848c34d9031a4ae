"""What a worker knows: the tables of the topics that it reads as a whole, and the readers of other topics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from functools import partial

from streamhooks.backlog.stretches import Stretches
from streamhooks.delayed.known_tasks import KnownTasks
from streamhooks.delayed.log import DelayedLog
from streamhooks.delayed.owner_marks import OwnerMarks
from streamhooks.delayed.pending import Pending
from streamhooks.delayed.queues import Queues
from streamhooks.faust_patches.app import App
from streamhooks.hooks.table import HooksTable
from streamhooks.kafka.broken import BrokenRecords
from streamhooks.kafka.counts import Counts
from streamhooks.kafka.ends import Ends
from streamhooks.kafka.existence import Existence, KafkaExistence
from streamhooks.kafka.marks import Marks
from streamhooks.kafka.reads import Reads
from streamhooks.kafka.starts import look_around
from streamhooks.kafka.topic_reader import TopicReader
from streamhooks.records.registry import registry_of
from streamhooks.records.sealing import Keys
from streamhooks.settings import Settings
from streamhooks.sources.kinds import SourceKind
from streamhooks.sources.resources import Resources
from streamhooks.sources.topics import Sources
from streamhooks.tasks.task import registry
from streamhooks.worker.moved_logs import MovedLogs
from streamhooks.worker.outward import Outward
from streamhooks.worker.ownership import Ownership
from streamhooks.worker.supervisor import Part
from streamhooks.worker.whole import HookRecords, Partitions

log = logging.getLogger(__name__)


class Knowledge:
    """The tables and readers of a worker. `counts` has the partition counts by topic name without the prefix."""

    def __init__(
        self,
        app: App,
        settings: Settings,
        sources: Sources,
        counts: Counts,
        outward: Outward,
        ownership: Ownership,
        clock: Callable[[], float],
    ) -> None:
        self.settings = settings
        self._counts = counts
        self.sources, self.topics = sources, sources.topics
        topics = self.topics
        self.keys = Keys(settings.secret_keys)
        self.registry = registry_of(settings)
        self.ends = Ends(settings)
        self.reads = Reads(settings, app.logs)
        self.moved = MovedLogs(outward.outbox, topics, settings.start, ownership.tells_of, clock)
        self._marks = Marks(settings, app.logs, "broken")
        self.broken = BrokenRecords(self._marks, outward.outputs.bury, ownership.tells_of)

        self.partitions = Partitions(settings.topic_prefix, counts)
        self.hooks = HooksTable(topics.hooks, topics.hook_states, self.keys, self.registry)
        self.stretches = Stretches()
        self.resources = Resources(topics.resources, self.reads.some)
        self.pending, self.queues = Pending(), Queues(registry.__contains__)
        self.tasks, self.owner_marks = KnownTasks(), OwnerMarks()

        reading = partial(
            TopicReader,
            settings,
            logs=app.logs,
            ends=self.ends.now,
            on_broken=self.broken.found,
            on_reread=self.moved.read_once_more,
        )
        hook_records = HookRecords(self.hooks, topics.hooks, self.stretches, self.tasks, self.partitions)
        self.hooks_reader = reading(hook_records, name="hooks", prepare=self.learn)
        self.resources_reader = reading(self.resources, name="resources")
        self.letters_reader = reading(outward.letter_states, name="letter-states")
        self.delayed_reader = reading(DelayedLog(self.pending, self.owner_marks, self.queues.changed), name="delayed")
        self.readers = (self.hooks_reader, self.resources_reader, self.delayed_reader, self.letters_reader)
        names = [one.topic for one in sources.own]
        self.existence = Existence(names, KafkaExistence(settings).ask, settings.metadata_interval)
        self.follow({})

    def follow(self, counts: Counts) -> None:
        """Read all partitions of the topics that are read as a whole; `counts` has the changed partition counts."""
        self.partitions.learn(counts)
        self.hooks_reader.follow(self.partitions.all_of("hooks", "hook-states"))
        self.resources_reader.follow(self.partitions.all_of("resources"))
        self.letters_reader.follow(self.partitions.all_of("letter-states"))

    def learn(self, value: bytes | None) -> None:
        """Fetch the schema of a value from the schema registry, if one is configured; blocks."""
        if self.registry is not None:
            self.registry.learn(value)

    def is_read(self, partition: int) -> bool:
        """Tell whether the pending calls of a partition of ours and the states of dead letters have been read."""
        return self.delayed_reader.is_ready((self.topics.delayed, partition)) and self.letters_reader.is_ready()

    def parts(self) -> Iterator[Part]:
        """Yield the parts that start, run and stop."""
        yield Part("first look", start=self._look_around)
        yield Part("marks", stop=self._marks.close)
        for reader in self.readers:
            yield Part("reader", start=reader.start, stop=reader.stop)
        yield Part("hooks", start=self._know_hooks)
        yield Part("reads", stop=self.reads.close)
        yield Part("broken records", run=self.broken.run)
        if self.sources.own:
            yield Part("topics of one's own", run=self.existence.run)

    async def _look_around(self) -> None:
        """Find out whether the installation is new, before this worker writes anything."""
        ours = {kind.topic(self.topics): self._counts[kind] for kind in SourceKind}
        while True:
            try:
                own = await self.existence.look()
                known = await asyncio.to_thread(look_around, self.settings, ours, own, self._counts)
            except TimeoutError as error:
                log.warning("the worker can't start yet, will be tried again: %s", error)
                await asyncio.sleep(1.0)
            else:
                self.moved.learn(known)
                return

    async def _know_hooks(self) -> None:
        """Wait for all hooks before the first record is processed."""
        if not self.keys:
            text = "STREAMHOOKS_SECRET_KEYS is not set: the topic %s has secrets and custom headers in plaintext"
            log.warning(text, self.topics.hooks)
        await self.hooks_reader.wait_ready()
        self.hooks.go_live()
        log.info("%d hooks have been read", len(self.hooks))
