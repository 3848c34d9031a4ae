"""The parts of one worker, and how they begin and end."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from importlib.metadata import version
from typing import Any

from streamhooks.backlog.catch_up import CatchUp, Ways
from streamhooks.backlog.passing import Missed
from streamhooks.backlog.stretches import Stretches
from streamhooks.counting.agent import Counting
from streamhooks.counting.counters import is_older
from streamhooks.counting.firings import Firings
from streamhooks.counting.rollups import ROLLUPS, Rollup
from streamhooks.dead_letters.lifecycle import Letters
from streamhooks.dead_letters.listing import DeadLetters
from streamhooks.dead_letters.redriving import Redriving
from streamhooks.dead_letters.states import LetterStates
from streamhooks.delayed.admission import Admission
from streamhooks.delayed.kept import KeptArguments
from streamhooks.delayed.pending import Pending
from streamhooks.delayed.scheduler import Scheduler
from streamhooks.delayed.upkeep import Upkeep
from streamhooks.delivery.addresses import AddressPolicy
from streamhooks.delivery.client import HookClient
from streamhooks.delivery.links import Links
from streamhooks.errors import ProducerDead
from streamhooks.faust_patches.app import App
from streamhooks.faust_patches.table import WindowTable
from streamhooks.history.history import SHORT, History
from streamhooks.hooks.seals import Seals
from streamhooks.hooks.states import HookStates
from streamhooks.hooks.table import HooksTable
from streamhooks.hooks.upheld import Upheld
from streamhooks.hooks.writer import HookWriter
from streamhooks.in_flight.again import INTERNAL_ERROR, Do
from streamhooks.in_flight.room import Weight, divided
from streamhooks.in_flight.tracker import Ticket
from streamhooks.kafka.broken import BrokenRecords
from streamhooks.kafka.counts import Counts, KafkaCounts, Watch
from streamhooks.kafka.ends import Ends
from streamhooks.kafka.lag import KafkaLog, Lags
from streamhooks.kafka.logs import log_number
from streamhooks.kafka.marks import Marks
from streamhooks.kafka.offsets import Offsets
from streamhooks.kafka.outbox import Outbox
from streamhooks.kafka.partitions import partition_of
from streamhooks.kafka.publisher import Publisher
from streamhooks.kafka.reader import OneReader, Record, read_some
from streamhooks.kafka.renewal import Renewal
from streamhooks.kafka.starts import look_around
from streamhooks.kafka.threads import Threads
from streamhooks.kafka.together import write_together
from streamhooks.kafka.topic_reader import TopicReader
from streamhooks.kafka.topics import NAMES, Topics
from streamhooks.limits.bulkheads import Bulkheads
from streamhooks.limits.places import Places
from streamhooks.limits.rates import Rate
from streamhooks.limits.restraints import Restraints
from streamhooks.metrics import UNCONFIRMED, begin_at_zero
from streamhooks.records.call import Resent
from streamhooks.records.formats import use_registry
from streamhooks.records.hook import Hook
from streamhooks.records.registry import SchemaRegistry
from streamhooks.records.sealing import Keys
from streamhooks.records.stretch import Stretch
from streamhooks.settings import Settings
from streamhooks.sources.calls import Calls
from streamhooks.sources.duplicates import Doubles
from streamhooks.sources.intake import Intake
from streamhooks.sources.kinds import SourceKind
from streamhooks.sources.read_again import ReadAgain
from streamhooks.sources.resources import Resources
from streamhooks.tasks import sending
from streamhooks.tasks.call import Call
from streamhooks.tasks.context import Services
from streamhooks.tasks.endings import Limits
from streamhooks.tasks.notes import Notes
from streamhooks.tasks.outputs import Outputs
from streamhooks.tasks.runner import TaskRunner
from streamhooks.tasks.runs import Runs
from streamhooks.tasks.settler import Settler
from streamhooks.tasks.task import registry
from streamhooks.tasks.tracing import Tracing
from streamhooks.times import steady
from streamhooks.webhooks.attempting import Attempting
from streamhooks.webhooks.deliver import deliverer
from streamhooks.webhooks.rendering import Rendering
from streamhooks.webhooks.runner import DeliveryRunner
from streamhooks.webhooks.runners import Runners
from streamhooks.webhooks.sample import AT_ONCE, Samples
from streamhooks.worker.gauges import Gauges
from streamhooks.worker.heap import GivingBack
from streamhooks.worker.moved_logs import MovedLogs
from streamhooks.worker.ownership import Ownership
from streamhooks.worker.supervisor import Part, Supervisor
from streamhooks.worker.watchdog import Watchdog

log = logging.getLogger(__name__)

VERSION = version("streamhooks")
#: large pending calls whose arguments are read at once
KEPT_AT_ONCE = 4


class System:
    """The parts of one worker, made when it starts, inside of its event loop."""

    def __init__(
        self,
        app: App,
        counting_app: App,
        tables: dict[Rollup, WindowTable],
        settings: Settings,
        partitions: dict[str, int],
        tracing: Tracing | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.clock = clock = time.time
        self.app = app
        self.counting_app = counting_app
        self.settings = settings
        self.tracing = tracing
        self.topics = topics = Topics(settings.topic_prefix)
        begin_at_zero(topics, [kind.topic(topics) for kind in SourceKind], registry)
        self._counts = dict(partitions)
        self.ownership = ownership = Ownership(app, counting_app, topics, partitions["delayed"])
        self.partitions, self.partition_of = ownership.partitions, ownership.partition_of
        self.supervisor = Supervisor(self._end)

        # out
        self.publisher = Publisher(settings, self._end_unwritten)
        self.outbox = Outbox(self.publisher, loop)
        UNCONFIRMED.set_function(self.outbox.oldest_unconfirmed)
        self.letter_states = LetterStates()
        self.outputs = Outputs(self.outbox, topics, clock, self.letter_states.is_gone)
        self.firings = Firings(self.outbox, topics.firings, self.partitions)
        self.addresses = AddressPolicy(
            settings.allowed_networks, frozenset(settings.allowed_ports) or None, settings.denied_networks
        )
        self.client = HookClient(
            self.addresses,
            limit=settings.max_in_flight * 2,
            user_agent=f"streamhooks/{VERSION}",
        )

        # Tests are sent when a caller of the API says so: on connections of their own, and few.
        self.sample_client = HookClient(self.addresses, limit=AT_ONCE, user_agent=f"streamhooks/{VERSION}")
        self.moved = MovedLogs(self.outbox, topics, settings.start, ownership.tells_of, clock)

        # what is known
        self.registry = SchemaRegistry(settings.schema_registry) if settings.schema_registry else None
        use_registry(self.registry)
        self.keys = Keys(settings.secret_keys)
        self.offsets = Offsets(settings)
        self.hooks = HooksTable(topics.hooks, topics.hook_states, self.keys)
        self.stretches = Stretches()
        learn = self.registry.learn if self.registry else None
        ends = Ends(settings)
        self.hooks_reader = TopicReader(
            settings,
            self._apply_hooks,
            loop,
            name="hooks",
            logs=app.logs,
            ends=ends.now,
            prepare=learn,
            keys_of=self._keys_of_hooks,
            on_anew=self._begin_hooks_anew,
        )
        self.resources = Resources(topics.resources, self.read_range)
        self.resources_reader = TopicReader(
            settings,
            self._apply_resources,
            loop,
            name="resources",
            logs=app.logs,
            ends=ends.now,
            keys_of=lambda tp: self.resources.keys(tp[1]),
            on_anew=self.moved.read_once_more,
        )
        self.letters_reader = TopicReader(
            settings,
            self._apply_letters,
            loop,
            name="letter-states",
            logs=app.logs,
            ends=ends.now,
            on_anew=self._begin_letters_anew,
        )
        self._follow(partitions)
        self.pending = Pending()
        self.broken = BrokenRecords(Marks(settings, app.logs, "broken"), self.outputs.bury, ownership.tells_of)

        # what is done
        self.hook_states = HookStates(self.outbox, topics, self.hooks, self.hooks_reader, clock)
        self.hook_writer = HookWriter(
            self.outbox,
            topics,
            self.hooks,
            self.hooks_reader,
            self.keys,
            is_home=ownership.may_write,
            places=self._places_of,
            ends=ends.of,
        )
        self._threads_of_kept, self._one_reader = Threads(KEPT_AT_ONCE), OneReader(settings)
        kept = KeptArguments(self._read_one, topics)
        self.runs = Runs(app.gate, self.outputs, kept.read)
        self.notes = Notes(self.outputs, self.runs, self.partition_of, clock)
        self.restraints = Restraints(
            self.hooks,
            is_home=ownership.is_home,
            tell=self.notes.tell,
            breaker=settings.breaker,
            failing=settings.failing_days * 86400,
        )
        links = Links(settings.base_url, settings.group_url, settings.event_url)
        admission = Admission(self.hooks, self.restraints, settings.hook_max_in_flight)
        size = settings.max_unsettled_mb * 1_000_000
        places = Places(
            Bulkheads(settings.max_in_flight, admission.bound_of), Weight(size), Weight(divided(size).again)
        )
        self.missed = Missed(
            self.stretches,
            self.hooks,
            app.tracker,
            write=self.hook_states.write,
            forget=self.hook_states.forget,
            holds_lease=ownership.holds_lease,
            clock=clock,
            log_of=app.topic_id,
            on_gone=self.moved.gone,
        )
        self.limits = Limits(settings.retry_delay, settings.max_retries, settings.retry_schedule)
        settler = Settler(self.outputs, self.firings, self.notes, self.hooks, registry, clock)
        deliver = deliverer(self.client.post, clock=clock, timeout=settings.request_timeout, max_body=settings.max_body)
        deliveries = DeliveryRunner(
            Attempting(registry, self.hooks, Rendering(links), deliver, self.limits, clock, tracing),
            self.hooks,
            places,
            self.restraints,
            self.missed,
            settler,
            self.runs,
            log_bodies=settings.log_bodies,
        )
        read_again = ReadAgain(
            self.hooks,
            self._read_one,
            topics=topics,
            max_hops=settings.max_hops,
            learn=learn,
        )
        tasks = TaskRunner(
            registry,
            Services(self.hooks, self.resources.find, self.hook_states.note, read_again.deliveries_of),
            settler,
            self.runs,
            places,
            self.limits,
            self.partition_of,
            deliveries.start,
        )
        self.runners = Runners(deliveries, tasks, places, self.runs)
        self.samples = Samples(
            deliverer(
                self.sample_client.post, clock=clock, timeout=settings.request_timeout, max_body=settings.max_body
            ),
            links,
            clock,
            lambda hook_id, attempt: self.firings.add(hook_id, attempt, _nothing_waits),
            log_bodies=settings.log_bodies,
        )
        self.seals = Seals(self.hooks, ownership.is_home, self.notes.tell, clock)
        self.upheld = Upheld(self.hooks, ownership.is_home, self.notes.tell)
        self.delayed_reader = TopicReader(
            settings,
            self._apply_delayed,
            loop,
            name="delayed",
            logs=app.logs,
            ends=ends.now,
            on_anew=self._begin_delayed_anew,
        )
        self._readers = (self.hooks_reader, self.resources_reader, self.delayed_reader, self.letters_reader)
        self.letters = Letters(
            self.letter_states,
            self.outputs,
            partitions=self.partitions,
            is_home=lambda number: ownership.is_mine(topics.delayed, number) and self._is_read(number),
            pending=self.pending.snapshot,
            bounds=self._bounds_of_letters,
            clock=clock,
        )
        self.scheduler = Scheduler(
            self.pending,
            self.runners,
            Upkeep(self.pending, self.outputs, self.outbox, topics.delayed, kept.read, clock),
            admission,
            is_ready=self._is_read,
            clock=clock,
            may_run=self.letters.may_run,
        )
        self.catch_up = CatchUp(
            self.stretches,
            self.hooks,
            self.runners,
            Ways(
                self.read_range,
                self._ends,
                self._offset_at,
                self.hook_states.write,
                self.hook_states.forget,
                self._topic_id,
                self.moved.gone,
            ),
            is_home=ownership.is_home,
            may_send=lambda hook_id: admission.may_catch_up(hook_id, self.scheduler.queued),
            call_for=self._call_for,
            rate=Rate(settings.resume_rate),
        )
        self.calls = Calls(
            self.hooks,
            topics,
            partition_of=self.partition_of,
            partitions=self.partitions,
            duplicates=Doubles(settings.idempotence_window),
            clock=clock,
        )
        letters = DeadLetters(settings, self.letter_states, self.hooks.get, self.letters_reader.is_ready)
        redriving = Redriving(
            self.outbox,
            partial(write_together, settings),
            topics,
            self.letter_states,
            get_hook=self.hooks.get,
            source=letters.source,
            again=self.calls.again,
            partition_of=self.partition_of,
            partitions=self.partitions,
            clock=clock,
        )
        self.history = History(
            settings,
            self.offsets,
            app.logs,
            self.hooks,
            self.stretches,
            letters,
            redriving,
            Threads(SHORT),
            write=self.hook_states.write,
            stop=self.catch_up.stop,
            partitions=self.partitions,
            clock=clock,
        )
        self.intake = Intake(
            app.tracker,
            self.runners,
            self.outputs,
            read_range=self.read_range,
            is_natural_hole=app.is_natural_hole,
            clock=clock,
            max_hops=settings.max_hops,
            registry=self.registry,
            tracing=tracing,
        )
        for table in tables.values():
            table.tie(ownership.partition_of, self.outbox.publish_soon, is_older)
        self.counting = Counting(
            dict(tables),
            counting_app.tracker,
            counting_app.gate,
            self.read_range,
            self._bury_firing,
            steady,
            lambda tp: log_number(counting_app.topic_id(tp), tp[1]),
        )
        ask = KafkaCounts(settings).ask
        self.renewal = Renewal(
            self.publisher, lambda: app.logs.ids(settings.topic_prefix + name for name in NAMES.values())
        )
        self.watch = Watch(partitions, ask, self._follow, settings.topic_prefix, settings.metadata_interval)
        self.lags = Lags(KafkaLog(settings), clock)
        self.gauges = Gauges(
            self.hooks,
            self.pending,
            floors=ownership.floors,
            measure=self.lags.measure,
            not_ready=self.not_ready,
            clock=clock,
        )
        self._add_parts()

    # --- life

    def _add_parts(self) -> None:
        """Have the parts started in this order, and stopped in the reverse one."""
        add, sender = self.supervisor.add, _WorkerSender(self.outbox, self.topics.delayed, self.partitions)
        add(Part("what was known", start=self._look_around))  # before anything is written
        if self.tracing is not None:
            add(Part("tracing", stop=self.tracing.close))
        add(Part("test client", stop=self.sample_client.close))
        add(Part("client", stop=self.client.close))
        add(Part("producer", stop=self._close_publisher))
        add(Part("sending", start=partial(sending.bind, sender), stop=partial(sending.bind, None)))
        for reader in self._readers:
            add(Part("reader", start=reader.start, stop=reader.stop))
        add(Part("hooks", start=self._know_hooks))
        add(Part("reader of calls", stop=partial(asyncio.to_thread, self._one_reader.close)))
        add(Part("threads of calls", stop=self._threads_of_kept.close))
        add(Part("history", stop=self.history.close))
        add(Part("runs", stop=self.runs.cancel))
        for work in (
            self.scheduler,
            self.counting,
            self.broken,
            self.letters,
            self.seals,
            self.upheld,
            self.hook_writer,
            self.missed,
            self.catch_up,
            self.watch,
            self.renewal,
            GivingBack(),
            Watchdog(),
        ):
            add(Part(type(work).__name__, run=work.run))

    async def _know_hooks(self) -> None:
        """Know all hooks before the first record is taken up."""
        if not self.keys:
            text = "STREAMHOOKS_SECRET_KEYS is not set: secrets and own headers lie in the topic %s in clear"
            log.warning(text, self.topics.hooks)
        await self.hooks_reader.wait_ready()
        self.hooks.is_live = True
        log.info("%d hooks are known", len(self.hooks))

    async def _look_around(self) -> None:
        sources = {kind.topic(self.topics): self._counts[kind] for kind in SourceKind}
        while True:
            try:
                known = await asyncio.to_thread(look_around, self.settings, sources, self._counts)
            except TimeoutError as error:
                log.warning("the start waits: %s", error)
                await asyncio.sleep(1.0)
            else:
                self.moved.learn(known)
                return

    async def _close_publisher(self) -> None:
        left = await asyncio.to_thread(self.publisher.close, 5.0)
        if left:
            log.warning("%d records of ours are not confirmed; what caused them will be read again", left)

    def _end_unwritten(self, reason: str) -> None:
        self.supervisor.fail_soon("the producer", ProducerDead(reason))

    def _end(self, error: BaseException) -> None:
        """End the worker: what is not settled is done again by the next owner."""
        if isinstance(error, ProducerDead):
            for app in (self.app, self.counting_app):
                app.commit_no_more()
        asyncio.ensure_future(self.app.crash(error))  # noqa: RUF006 - the app keeps what crashes it

    # --- what the views ask

    def is_mine(self, topic: str, partition: int) -> bool:
        """Whether this worker owns the partition."""
        return self.ownership.is_mine(topic, partition)

    def is_whole(self, topic: str, partition: int) -> bool:
        """Whether all of an owned partition is known here, and no other worker may have been given it."""
        app = self.counting_app if topic == self.topics.firings else self.app
        if not app.gate.holds_lease:
            return False
        if topic == self.topics.delayed:
            return self.delayed_reader.is_ready((topic, partition))
        return self.counting.is_whole((topic, partition)) and not app.rebalancing

    def owner_of(self, topic: str, partition: int) -> str | None:
        """The base URL of the partition's owner; None while partitions move."""
        return self.ownership.owner_of(topic, partition)

    def workers(self) -> list[str]:
        """The base URLs of all workers, as far as this one knows."""
        return self.ownership.workers()

    def count(self, hook_id: str, rollup: int, starts: list[int]) -> list[tuple[int, int, int]]:
        """(fired, delivered, failed) in each of these buckets of an owned hook."""
        return self.counting.count(hook_id, next(r for r in ROLLUPS if r.seconds == rollup), starts)

    def latest_requests(self, hook_id: str) -> list[dict[str, Any]]:
        """The latest attempts of an owned hook, newest first."""
        return self.counting.latest.of_hook(hook_id)

    def not_ready(self) -> list[str]:
        """Why this worker should not get calls now; empty if it may."""
        reasons = [f"delivering: {reason}" for reason in self.app.gate.reasons]
        reasons += [f"counting: {reason}" for reason in self.counting_app.gate.reasons]
        if not self.hooks_reader.is_ready():
            reasons.append("the hooks are being read")
        if not reasons and self.app.owns(self.topics.delayed) and not self.delayed_reader.is_ready():
            reasons.append("the pending calls are being read")
        if self.registry is not None and self.registry.trouble:
            reasons.append(self.registry.trouble)
        if not reasons and not self.letters_reader.is_ready():
            reasons.append("the states of dead letters are being read")
        reasons += [reader.trouble for reader in self._readers if reader.trouble is not None]
        return reasons + self.outbox.troubles + self.counting.troubles + self.watch.troubles

    async def refresh_gauges(self) -> None:
        """Bring the gauges up to date that are computed when somebody looks."""
        await self.gauges.refresh()

    async def oldest_undelivered(self) -> float | None:
        """The age of the oldest pending delivery here of an active hook, in seconds; None without any."""
        return await self.gauges.oldest_undelivered()

    async def send_test(self, hook: Hook, event: str, body: bytes | None) -> dict[str, Any]:
        """Send a test now, and tell what was sent and what came back."""
        return await self.samples.send(hook, event, body)

    def sample_body(self, hook: Hook, event: str) -> bytes:
        """Return the body of a sample of this event."""
        return self.samples.body_of(hook, event)

    # --- ties

    def _apply_hooks(self, records: list[Record]) -> None:
        of_hooks: list[Record] = []
        of_stretches: list[Record] = []
        for record in records:
            is_stretch = record.topic == self.topics.hook_states and Stretches.holds(record)
            (of_stretches if is_stretch else of_hooks).append(record)
        for record, reason in self.hooks.apply(of_hooks) + self.stretches.apply(of_stretches):
            self.broken.found(record, reason)

    def _follow(self, counts: Counts) -> None:
        """Read all partitions of what is read whole; `counts` are those that have changed."""
        self._counts |= counts
        self.hooks_reader.follow(self._partitions_of("hooks", "hook-states"))
        self.resources_reader.follow(self._partitions_of("resources"))
        self.letters_reader.follow(self._partitions_of("letter-states"))

    def _partitions_of(self, *names: str) -> list[tuple[str, int]]:
        prefix = self.settings.topic_prefix
        return [(prefix + name, number) for name in names for number in range(self._counts[name])]

    def _places_of(self, hook_id: str) -> list[tuple[str, int]]:
        names = ("hooks", "hook-states")
        return [(self.settings.topic_prefix + name, partition_of(hook_id, self._counts[name])) for name in names]

    def _begin_hooks_anew(self, tp: tuple[str, int], why: str) -> None:
        if tp[0] == self.topics.hooks:
            self.hooks.revisions.begin_anew()
        self.moved.read_once_more(tp, why)

    def _begin_delayed_anew(self, tp: tuple[str, int], why: str) -> None:
        self.pending.begin_anew(tp[1])
        self.moved.read_once_more(tp, why)

    def _apply_letters(self, records: list[Record]) -> None:
        for record, reason in self.letter_states.apply(records):
            self.broken.found(record, reason)

    def _begin_letters_anew(self, tp: tuple[str, int], why: str) -> None:
        self.letter_states.begin_anew(tp[1])
        self.moved.read_once_more(tp, why)

    def _is_read(self, partition: int) -> bool:
        """Whether the pending calls of an owned partition are known, and what became of the dead letters."""
        return self.delayed_reader.is_ready((self.topics.delayed, partition)) and self.letters_reader.is_ready()

    def _bounds_of_letters(self) -> dict[int, tuple[int, int]]:
        topic = self.topics.dead_letters
        tps = [(topic, number) for number in self.offsets.partitions(topic)]
        return {number: bounds for (_, number), bounds in self.offsets.ends(tps).items()}

    def _keys_of_hooks(self, tp: tuple[str, int]) -> list[bytes]:
        topic, number = tp
        if topic == self.topics.hooks:
            return [hook.id.encode() for hook in self.hooks]
        keys = [*self.hooks.found_about(), *(stretch.key for stretch in self.stretches)]
        count = self._counts["hook-states"]
        return [key.encode() for key in keys if partition_of(key, count) == number]

    def _apply_resources(self, records: list[Record]) -> None:
        for record, reason in self.resources.apply(records):
            self.broken.found(record, reason)

    def _bury_firing(self, record: Record, reason: str, ticket: Ticket) -> None:
        def burying(reason: str) -> Do:
            async def bury() -> None:
                await self.outputs.bury(record, reason)
                ticket.release()

            return bury

        # Not by `runs`: what they do ends when the partitions of the other app move.
        self.runs.again.start(record.source, ticket, burying(reason), burying(INTERNAL_ERROR))

    def _apply_delayed(self, records: list[Record]) -> None:
        for record, reason in self.scheduler.apply(records):
            self.broken.found(record, reason)

    def _call_for(self, hook: Hook, stretch: Stretch, record: Record) -> Call | None:
        if record.value is None:
            return None
        return self.call_again(hook, record, "replay" if stretch.why == "replay" else "resume", stretch.id)

    def call_again(self, hook: Hook, record: Record, cause: Resent, id_of: str) -> Call | None:
        """The call that sends a source record to a hook once more; None if it does not fire the hook."""
        return self.calls.again(hook, record, cause, id_of)

    async def _ends(self, tp: tuple[str, int]) -> tuple[int, int]:
        return (await asyncio.to_thread(self.offsets.ends, [tp]))[tp]

    async def _topic_id(self, tp: tuple[str, int]) -> str:
        return (await asyncio.to_thread(self.app.logs.ids, [tp[0]])).get(tp[0], "")

    async def _offset_at(self, tp: tuple[str, int], milliseconds: int) -> int:
        return (await asyncio.to_thread(self.offsets.at, [tp], milliseconds))[tp]

    async def read_range(self, topic: str, partition: int, start: int, end: int) -> list[Record]:
        """Records that Kafka still holds, some at once (see `kafka.reader.reached`); raises TimeoutError."""
        return await asyncio.to_thread(read_some, self.settings, topic, partition, start, end, timeout=10)

    async def _read_one(self, topic: str, partition: int, offset: int) -> Record | None:
        return await self._threads_of_kept.run(partial(self._one_reader.read, timeout=10), topic, partition, offset)


class _WorkerSender:
    def __init__(self, outbox: Outbox, topic: str, partitions: int) -> None:
        self.topic = topic
        self.partitions = partitions
        self.publish = outbox.begin


def _nothing_waits() -> None:
    """What was told in `firings` is confirmed, and nothing is to be settled by it."""
