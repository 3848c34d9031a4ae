"""The parts of a worker that run calls: of source records, pending ones, and those of a hook's backlog."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from streamhooks.backlog.catch_up import CatchUp
from streamhooks.backlog.passing import PassedOver
from streamhooks.dead_letters.lifecycle import Letters
from streamhooks.dead_letters.listing import DeadLetters
from streamhooks.delayed.admission import Admission
from streamhooks.delayed.alone import Alone
from streamhooks.delayed.kept import KeptArguments
from streamhooks.delayed.moving import Moving
from streamhooks.delayed.scheduler import Scheduler
from streamhooks.delayed.takeovers import Takeovers
from streamhooks.delayed.unknown_tasks import UnknownTasks
from streamhooks.delayed.upkeep import Upkeep
from streamhooks.delivery.links import Links
from streamhooks.faust_patches.app import App
from streamhooks.in_flight.room import Weight, divided
from streamhooks.kafka.topics import Topics
from streamhooks.limits.bulkheads import Bulkheads
from streamhooks.limits.places import Places
from streamhooks.limits.rates import Rate
from streamhooks.records.notice import Notice
from streamhooks.settings import Settings
from streamhooks.sources.calls import Calls
from streamhooks.sources.duplicates import Duplicates
from streamhooks.sources.intake import Intake
from streamhooks.sources.origin import Origins
from streamhooks.sources.pausing import Pausing
from streamhooks.sources.read_again import ReadAgain
from streamhooks.tasks.context import Services
from streamhooks.tasks.endings import Limits
from streamhooks.tasks.lanes import task_lane
from streamhooks.tasks.runner import TaskRunner
from streamhooks.tasks.runs import Runs
from streamhooks.tasks.settler import Settler
from streamhooks.tasks.task import registry
from streamhooks.tasks.tracing import Tracing
from streamhooks.webhooks.attempting import Attempting
from streamhooks.webhooks.deliver import Preparing, Soon, deliverer
from streamhooks.webhooks.rendering import Rendering
from streamhooks.webhooks.runner import DeliveryRunner
from streamhooks.webhooks.runners import Runners
from streamhooks.webhooks.sample import Samples
from streamhooks.worker.announcing import Announcing
from streamhooks.worker.hook_upkeep import HookUpkeep
from streamhooks.worker.knowledge import Knowledge
from streamhooks.worker.outward import Outward
from streamhooks.worker.ownership import Ownership
from streamhooks.worker.supervisor import Part


class Running:
    """The parts that run calls. `tracing`, if not None, makes a span per call."""

    def __init__(
        self,
        app: App,
        settings: Settings,
        outward: Outward,
        known: Knowledge,
        ownership: Ownership,
        tracing: Tracing | None,
        clock: Callable[[], float],
    ) -> None:
        outputs, hooks, topics, partition_of = outward.outputs, known.hooks, known.topics, ownership.partition_of
        kept = KeptArguments(known.reads.one, known.sources, known.registry)
        self.read_arguments = kept.read
        self.runs = runs = Runs(app.gate, outputs, kept.read)
        self.upkeep = upkeep = HookUpkeep(settings, outward, known, ownership, runs, clock)

        # limits of what runs at once
        admission = Admission(hooks, upkeep.restraints, known.queues, settings.hook_max_in_flight)
        bulkheads = Bulkheads(settings.max_in_flight, admission.bound_of, on_free=known.queues.tell_of_room)
        size = settings.max_unsettled_mb * 1_000_000
        places = Places(bulkheads, Weight(size), Weight(divided(size).again))

        # deliveries and tasks
        self.limits = Limits(settings.retry_delay, settings.max_retries, settings.retry_schedule)
        links = Links(settings.base_url, settings.group_url, settings.event_url)
        delivering = partial(deliverer, clock=clock, timeout=settings.request_timeout, max_body=settings.max_body)
        origins = Origins(clock, settings.max_hops)
        read_again = ReadAgain(hooks, known.reads.one, sources=known.sources, origins=origins, registry=known.registry)
        settler = Settler(outputs, outward.firings, upkeep.notes, hooks, registry, clock)
        self.passed_over = PassedOver(upkeep.backlog, hooks, app.tracker, ownership, clock=clock)
        deliver = delivering(outward.client.post)
        soon = Soon(Preparing(clock, settings.request_timeout, settings.max_body), outward.client.post_soon)
        deliveries = DeliveryRunner(
            Attempting(registry, hooks, Rendering(links), deliver, self.limits, clock, tracing, soon),
            hooks,
            places,
            upkeep.restraints,
            self.passed_over,
            settler,
            runs,
            log_bodies=settings.log_bodies,
        )
        services = Services(hooks, known.resources.find, upkeep.hook_states.note, read_again.deliveries_of, tracing)
        tasks = TaskRunner(registry, services, settler, runs, places, self.limits, partition_of, deliveries.start)
        self.runners = Runners(deliveries, tasks, places, runs)
        self.samples = Samples(
            delivering(outward.sample_client.post),
            links,
            clock,
            partial(outward.firings.add, done=_nothing_waits),
            log_bodies=settings.log_bodies,
        )

        # where calls come from
        self.calls = Calls(
            hooks,
            known.sources,
            partition_of=partition_of,
            partitions=ownership.partitions,
            duplicates=Duplicates(settings.idempotence_window),
            clock=clock,
            registry=known.registry,
        )
        self.intake = Intake(
            app.tracker,
            self.runners,
            outputs,
            read_range=known.reads.some,
            is_natural_hole=app.is_natural_hole,
            origins=origins,
            registry=known.registry,
            tracing=tracing,
        )
        tell = partial(_tell_of_pause, outward, topics, clock)
        self.pausing = {
            one.topic: Pausing(one, app.tracker, known.registry, tell, owns=app.owns) for one in known.sources.own
        }
        self._outbox = outward.outbox
        self.dead_letters = DeadLetters(settings, outward.letter_states, hooks.get, known.letters_reader.is_ready)
        self.letters = Letters(
            outward.letter_states,
            outputs,
            partitions=ownership.partitions,
            is_owner=partial(_owns_letters, ownership, known),
            pending=known.pending.snapshot,
            bounds=self.dead_letters.ends,
            clock=clock,
        )
        publish = partial(outward.outbox.publish, topics.delayed)
        self.takeovers = Takeovers(
            known.owner_marks,
            Alone(known.pending, publish, partial(self.runners.has_room, size=0)),
            publish,
            is_read=known.is_read,
            has_tasks=any(task_lane(name).is_of_users for name in registry),
            clock=clock,
        )
        self.scheduler = Scheduler(
            known.pending,
            known.queues,
            self.runners,
            Upkeep(known.pending, outputs, outward.outbox, topics.delayed, kept.read, clock),
            admission,
            takeovers=self.takeovers,
            clock=clock,
            may_run=self.letters.may_run,
        )
        self.announcing = Announcing(
            known.tasks, partial(_write_state, outward, known), ownership.own_delayed, registry
        )
        self.unknown_tasks = UnknownTasks(
            known.queues,
            Moving(known.pending, outputs, kept.read, clock),
            partial(_able_elsewhere, ownership, known),
            app.gate,
            days=settings.unknown_task_days,
            clock=clock,
        )
        self.catch_up = CatchUp(
            upkeep.backlog,
            hooks,
            self.runners,
            known.reads,
            calls=self.calls,
            is_owner=ownership.is_owner,
            may_send=admission.may_catch_up,
            rate=Rate(settings.resume_rate),
        )

    @property
    def troubles(self) -> list[str]:
        """Return what keeps source records waiting, one line each."""
        paused = [one.trouble for one in self.pausing.values()]
        return [trouble for trouble in paused if trouble is not None] + self._outbox.troubles

    def parts(self) -> Iterator[Part]:
        """Yield the parts that run and stop."""
        yield Part("dead letters", stop=self.dead_letters.close)
        yield Part("runs", stop=self.runs.cancel)
        yield Part("scheduler", run=self.scheduler.run)
        yield Part("unknown tasks", run=self.unknown_tasks.run)
        yield Part("known tasks", run=self.announcing.run)
        yield Part("states of dead letters", run=self.letters.run)
        yield from self.upkeep.parts()
        yield Part("passed-over records", run=self.passed_over.run)
        yield Part("catch-up", run=self.catch_up.run)


def _owns_letters(ownership: Ownership, known: Knowledge, partition: int) -> bool:
    return ownership.is_mine(known.topics.delayed, partition) and known.is_read(partition)


def _able_elsewhere(ownership: Ownership, known: Knowledge, task: str) -> list[int]:
    mine = set(ownership.own_delayed())
    return [number for number in known.tasks.able(task) if number not in mine and number < ownership.partitions]


def _write_state(outward: Outward, known: Knowledge, key: str, value: bytes) -> Awaitable[object]:
    topic, partition = known.partitions.of_key("hook-states", key)
    return outward.outbox.publish(topic, value, key=key, partition=partition)


def _tell_of_pause(outward: Outward, topics: Topics, clock: Callable[[], float], topic: str, why: str) -> None:
    now = clock()
    notice = Notice(topic, "topic_paused", why, now, int(now * 1000))
    outward.outbox.publish_soon(topics.notices, notice.to_json(), key=topic)


def _nothing_waits() -> None:
    """Do nothing when a test's record in `firings` is confirmed, because it settles nothing."""
