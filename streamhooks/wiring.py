"""Every topic, table, agent and view of the system, and how they are tied to each other; it reads like the picture in
docs/how-it-works.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import time
from functools import partial
from importlib.metadata import version
from typing import Any

from faust.types import TP

from streamhooks.agents.alerts import calls_of_alerts
from streamhooks.agents.delayed import Scheduler
from streamhooks.agents.events import calls_of_events
from streamhooks.agents.firings import Counting
from streamhooks.agents.intake import Intake
from streamhooks.agents.resource_changes import calls_of_resource_changes
from streamhooks.delivery.addresses import AddressPolicy
from streamhooks.delivery.client import HookClient
from streamhooks.errors import Refusal
from streamhooks.in_flight.bulkheads import Bulkheads
from streamhooks.kafka.partitions import partition_of
from streamhooks.kafka.publisher import Outbox, Publisher
from streamhooks.kafka.reader import Record, TopicReader, read_range
from streamhooks.kafka.topics import Topics
from streamhooks.mended.app import App
from streamhooks.mended.table import WindowTable
from streamhooks.metrics import OVERTAKEN
from streamhooks.settings import Settings
from streamhooks.tables.hooks import HooksTable
from streamhooks.tables.pending import Pending
from streamhooks.tables.resources import Resources
from streamhooks.tables.rollups import ROLLUPS, Rollup
from streamhooks.tasks import sending
from streamhooks.tasks.context import Services
from streamhooks.tasks.delivering import deliverer
from streamhooks.tasks.firings import Firings
from streamhooks.tasks.mission import rendering
from streamhooks.tasks.outputs import Outputs
from streamhooks.tasks.runner import Limits, Runner
from streamhooks.tasks.task import registry

log = logging.getLogger(__name__)

VERSION = version("streamhooks")


class System:
    """The parts of one worker, made when it starts, inside of its event loop."""

    def __init__(
        self, app: App, counting_app: App, tables: dict[Rollup, WindowTable], settings: Settings, partitions: dict[str, int]
    ) -> None:
        loop = asyncio.get_running_loop()
        clock = time.time
        self.app = app
        self.counting_app = counting_app
        self.settings = settings
        self.topics = topics = Topics(settings.topic_prefix)
        self.partitions = partitions["delayed"]
        self.partition_of = partial(_partition_of, self.partitions)

        # out
        self.publisher = Publisher(settings)
        self.outbox = Outbox(self.publisher, loop)
        self.outputs = Outputs(self.outbox, topics, clock)
        self.firings = Firings(self.outbox, topics.firings, self.partitions)
        self.client = HookClient(
            AddressPolicy(settings.allowed_networks, settings.allowed_ports or None),
            limit=settings.max_in_flight * 2,
            user_agent=f"streamhooks/{VERSION}",
        )

        # what is known
        self.hooks = HooksTable(topics.hooks, topics.hook_states)
        self.hooks_reader = TopicReader(settings, self._apply_hooks, loop, name="hooks")
        self.hooks_reader.follow(
            [(topics.hooks, 0), *((topics.hook_states, n) for n in range(partitions["hook-states"]))]
        )
        self.resources = Resources(topics.resources, self.read_range)
        self.resources_reader = TopicReader(settings, self.resources.apply, loop, name="resources")
        self.resources_reader.follow([(topics.resources, n) for n in range(partitions["resources"])])
        self.pending = Pending(clock)

        # what is done
        bulkheads = Bulkheads(settings.max_in_flight, self._bound_of)
        self.runner = Runner(
            registry,
            Services(
                hooks=self.hooks,
                deliver=deliverer(
                    self.client.post,
                    clock=clock,
                    timeout=settings.request_timeout,
                    max_body=settings.max_body,
                ),
                find_resource=self.resources.find,
                change_state=self.change_state,
                rendered=rendering(settings.base_url),
                base_url=settings.base_url,
            ),
            self.outputs,
            self.firings,
            gate=app.gate,
            bulkheads=bulkheads,
            limits=Limits(settings.retry_delay, settings.max_retries, log_bodies=settings.log_bodies),
            clock=clock,
            partition_of=self.partition_of,
        )
        self.delayed_reader = TopicReader(settings, self._apply_delayed, loop, name="delayed")
        self.scheduler = Scheduler(
            self.pending,
            self.runner,
            self.outputs,
            self.outbox,
            topic=topics.delayed,
            gate=app.gate,
            bulkheads=bulkheads,
            is_ready=lambda partition: self.delayed_reader.is_ready((topics.delayed, partition)),
            may_run=self._may_run,
            clock=clock,
        )
        self.intake = Intake(
            app.tracker,
            self.runner,
            self.outputs,
            read_range=self.read_range,
            is_natural_hole=app.is_natural_hole,
            clock=clock,
        )
        for table in tables.values():
            table.partition_of = self.partition_of
            table.publish = self.publisher.publish
        self.counting = Counting(
            dict(tables), counting_app.tracker, counting_app.gate, self.read_range, clock
        )
        self._background: list[asyncio.Task[None]] = []

    # --- life

    async def start(self) -> None:
        """Know all hooks before the first record is taken up."""
        for reader in (self.hooks_reader, self.resources_reader, self.delayed_reader):
            reader.start()
        await self.hooks_reader.wait_ready()
        log.info("%d hooks are known", len(self.hooks))
        sending.bind(_WorkerSender(self.publisher, self.topics.delayed, self.partitions))
        for work in (self.scheduler.run(), self.counting.run()):
            task = asyncio.create_task(work)
            task.add_done_callback(self._background_ended)
            self._background.append(task)

    def _background_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("a part of the worker stopped", exc_info=error)
            asyncio.ensure_future(self.app.crash(error))  # noqa: RUF006 - the app keeps what crashes it

    async def drain(self, grace: float) -> None:
        """Let what is in flight end, for at most `grace` seconds, and let go of the rest."""
        self.firings.flush()
        await self.runner.idle(grace)
        self.firings.flush()
        if not await self.app.tracker.drain(1.0 if grace else 0.0):
            log.info("let go of %d records in flight", self.app.tracker.in_flight)
        self.runner.cancel()

    async def stop(self) -> None:
        """Confirm what was written, and end."""
        for task in self._background:
            task.cancel()
        self.runner.cancel()
        for reader in (self.delayed_reader, self.resources_reader, self.hooks_reader):
            await reader.stop()
        sending.bind(None)
        left = await asyncio.to_thread(self.publisher.close, 5.0)
        if left:
            log.warning("%d records of ours are not confirmed; what caused them will be read again", left)
        await self.client.close()

    async def took_over(self, partitions: set[TP]) -> None:
        """These are the partitions that this worker has now."""
        self.delayed_reader.follow((tp.topic, tp.partition) for tp in partitions if tp.topic == self.topics.delayed)
        self.app.gate.open("rebalance")
        self.app.gate.open("start")

    async def released(self, partitions: set[TP]) -> None:
        """These partitions may be somebody else's from now on."""
        self.delayed_reader.follow(())
        self.scheduler.release(tp.partition for tp in partitions if tp.topic == self.topics.delayed)

    async def drain_counting(self, grace: float) -> None:
        """Write what was counted."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(grace, 1.0)):
                await self.counting.flush()

    async def counting_took_over(self, partitions: set[TP]) -> None:
        """These are the partitions of the counting app now."""
        mine = {(tp.topic, tp.partition) for tp in partitions if tp.topic == self.topics.firings}
        self.counting.release(mine, self.partition_of)
        self.counting_app.gate.open("rebalance")
        self.counting_app.gate.open("start")

    # --- ties

    def _apply_hooks(self, records: list[Record]) -> None:
        live = self.hooks_reader.is_ready()
        for record, reason in self.hooks.apply(records):
            # Everybody reads it, at every start; one dead letter is enough: its home writes it, when it comes.
            if live and self.app.is_mine(self.topics.delayed, 0):
                self.runner.spawn(self.outputs.bury(record, reason))

    def _apply_delayed(self, records: list[Record]) -> None:
        self.scheduler.apply(records)

    def _bound_of(self, hook_id: str) -> int:
        hook = self.hooks.get(hook_id)
        return hook.max_in_flight if hook and hook.max_in_flight else self.settings.hook_max_in_flight

    def _may_run(self, hook_id: str) -> bool:
        """A call of a disabled hook stays where it is; one of an unknown hook runs, and is dropped."""
        return self.hooks.get(hook_id) is None or self.hooks.is_active(hook_id)

    async def read_range(self, topic: str, partition: int, start: int, end: int) -> list[Record]:
        """Records that Kafka still holds; raises TimeoutError."""
        return await asyncio.to_thread(read_range, self.settings, topic, partition, start, end, timeout=10)

    async def change_state(self, hook_id: str, **changes: Any) -> None:
        """Write what was found about a hook; only its home may."""
        state = self.hooks.changed_state(hook_id, changes)
        await self.outbox.publish(self.topics.hook_states, state.to_json(), key=hook_id)


class _WorkerSender:
    def __init__(self, publisher: Publisher, topic: str, partitions: int) -> None:
        self.topic = topic
        self.partitions = partitions
        self.publish = publisher.publish


def _partition_of(partitions: int, key: str) -> int:
    return partition_of(key, partitions)


def create_app(settings: Settings, partitions: dict[str, int]) -> App:
    """The Faust app of a worker.

    `partitions` is the number of partitions of each topic, as `kafka.topics.ensure_topics` returns it.

    Raises:
        Refusal: a module of STREAMHOOKS_TASK_MODULES can't be imported.
    """
    for module in settings.task_modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise Refusal(f"STREAMHOOKS_TASK_MODULES: {module} can't be imported: {error}") from None
    topics = Topics(settings.topic_prefix)
    app = App(
        settings.app_id,
        grace=settings.grace,
        owned_topics=frozenset({topics.delayed}),
        start_of=partial(_start_of, settings),
        **faust_conf(settings),
    )
    # Counting has an app and a group of its own: its tables are recovered at each rebalance, and deliveries must not
    # wait for that.
    counting_app = App(
        f"{settings.topic_prefix}counting", grace=settings.grace, web=False, **faust_conf(settings)
    )
    tables = {
        rollup: counting_app.Table(f"fired-{rollup.name}", partitions=partitions["firings"])
        .tumbling(rollup.seconds, expires=rollup.kept)
        .table
        for rollup in ROLLUPS
    }
    system: System

    async def start() -> None:
        nonlocal system
        system = System(app, counting_app, tables, settings, partitions)
        app.on_taken_over, app.on_released, app.drain = system.took_over, system.released, system.drain
        counting_app.on_taken_over, counting_app.drain = system.counting_took_over, system.drain_counting
        counting_app.on_positioned = system.counting.take_over
        await system.start()
        counting_app.in_worker = True
        await app.add_runtime_dependency(counting_app)

    async def stop() -> None:
        await system.stop()

    app.on_begin, app.on_end = start, stop

    @app.agent(_source(app, topics.events), name="events")
    async def events(stream: Any) -> None:
        calls_of = calls_of_events(system.hooks, system.partition_of)
        await system.intake.follow(stream.noack().events(), calls_of)

    @app.agent(_source(app, topics.alerts), name="alerts")
    async def alerts(stream: Any) -> None:
        calls_of = calls_of_alerts(system.hooks, system.partition_of, system.partitions)
        await system.intake.follow(stream.noack().events(), calls_of)

    @app.agent(_source(app, topics.resource_changes), name="resource-changes")
    async def resource_changes(stream: Any) -> None:
        await system.intake.follow(stream.noack().events(), calls_of_resource_changes(system.partitions))

    @counting_app.agent(_source(counting_app, topics.firings), name="firings")
    async def firings(stream: Any) -> None:
        await system.counting.follow(stream.noack().events())

    return app


def _source(app: App, name: str) -> Any:
    """A topic whose records are taken as they are: a broken one must not crash an agent."""
    return app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


def faust_conf(settings: Settings) -> dict[str, Any]:
    """What Faust's own settings are, with the reasons in its notes."""
    return {
        "broker": ";".join(f"kafka://{broker}" for broker in settings.brokers),
        "store": "memory://",
        "datadir": settings.data_dir,
        "autodiscover": False,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "reply_create_topic": False,
        # Without tables there is nothing to stand by for; it makes Faust use its own assignor, which tells who owns what.
        "table_standby_replicas": 1,
        "broker_commit_interval": 1.0,
        "broker_session_timeout": settings.session_timeout,
        "broker_heartbeat_interval": min(3.0, settings.session_timeout / 4),
        "broker_request_timeout": max(30.0, settings.session_timeout + 5),
        "broker_rebalance_timeout": 60.0,
        "broker_max_poll_records": 500,
        "stream_buffer_maxsize": 4096,
        "stream_recovery_delay": 0.0,
        "producer_request_timeout": 30.0,
        "web_bind": settings.web_bind,
        "web_port": settings.web_port,
        "web_host": settings.advertised_host,
        "canonical_url": f"http://{settings.advertised_host}:{settings.web_port}",
        "Table": WindowTable,
        "web_tables_enabled": False,
        "web_router_enabled": False,
        "worker_redirect_stdouts": False,
    }


def _start_of(settings: Settings, tp: TP, committed: int | None, first: int, end: int) -> int:
    """Where to start on a source partition; what retention removed unread is told."""
    if committed is None:
        if settings.start == "fail":
            raise Refusal(f"{tp.topic}:{tp.partition} has no committed offset, and STREAMHOOKS_START is fail")
        return end if settings.start == "latest" else first
    if committed < first:
        OVERTAKEN.labels(tp.topic).inc(first - committed)
        log.error("%s:%d: retention removed the offsets %d to %d unread", tp.topic, tp.partition, committed, first - 1)
        return first
    return committed

