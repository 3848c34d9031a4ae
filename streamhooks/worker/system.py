"""The composition of a worker: its parts in groups, made in its event loop when it starts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial

from streamhooks.counting.rollups import Rollup
from streamhooks.errors import ProducerDead
from streamhooks.faust_patches.app import App
from streamhooks.faust_patches.table import WindowTable
from streamhooks.kafka.counts import Counts, KafkaCounts, Watch
from streamhooks.kafka.lag import KafkaLog, Lags
from streamhooks.kafka.renewal import Renewal
from streamhooks.kafka.topics import NAMES
from streamhooks.metrics import begin_at_zero
from streamhooks.settings import Settings
from streamhooks.sources.topics import Sources
from streamhooks.tasks.task import registry
from streamhooks.tasks.tracing import Tracing
from streamhooks.worker.counted import new_counting
from streamhooks.worker.gauges import Gauges
from streamhooks.worker.heap import GivingBack
from streamhooks.worker.knowledge import Knowledge
from streamhooks.worker.looking_back import LookingBack
from streamhooks.worker.outward import Outward
from streamhooks.worker.ownership import Ownership
from streamhooks.worker.readiness import Readiness
from streamhooks.worker.running import Running
from streamhooks.worker.supervisor import Part, Supervisor
from streamhooks.worker.views import WorkerViews
from streamhooks.worker.watchdog import Watchdog


class System:
    """All parts of a worker. Each is made from previous ones, and the supervisor stops them in reverse order."""

    def __init__(
        self,
        app: App,
        counting_app: App,
        tables: Mapping[Rollup, WindowTable],
        settings: Settings,
        sources: Sources,
        counts: Counts,
        tracing: Tracing | None = None,
    ) -> None:
        clock, topics, prefix = time.time, sources.topics, settings.topic_prefix
        begin_at_zero(topics, sources.by_name, registry)
        self._apps = (app, counting_app)
        self._ending: asyncio.Future[None] | None = None
        self.supervisor = Supervisor(self._end)
        self.ownership = own = Ownership(app, counting_app, topics, counts["delayed"])
        self.outward = out = Outward(settings, topics, own.partitions, self._end_unwritten, clock)
        self.known = known = Knowledge(app, settings, sources, counts, out, own, clock)
        self.running = running = Running(app, settings, out, known, own, tracing, clock)
        again = running.runs.again
        self.counting = new_counting(counting_app, tables, own, out.outbox, out.outputs, known.reads, again)
        looking_back = LookingBack(settings, app.logs, out, known, running, own.partitioner, clock)
        ids = partial(app.logs.ids, [prefix + name for name in NAMES.values()])
        renewal = Renewal(out.publisher, ids)
        watch = Watch(counts, KafkaCounts(settings).ask, known.follow, prefix, settings.metadata_interval)
        kafka_log = KafkaLog(settings)
        self.lags = Lags(kafka_log, clock)
        gauges = Gauges(
            known.hooks,
            known.pending,
            floors=own.floors,
            measure=self.lags.measure,
            not_ready=Readiness(app, counting_app, known, running, self.counting, watch).not_ready,
            clock=clock,
        )
        self.views = WorkerViews(
            out, known, running, looking_back, ownership=own, counting=self.counting, gauges=gauges, clock=clock
        )

        add = self.supervisor.add
        if tracing is not None:
            add(Part("tracing", stop=tracing.close))
        for group in (out, known, looking_back, running):
            add(*group.parts())
        add(Part("lag", stop=kafka_log.close))
        add(Part("counting", run=self.counting.run))
        add(Part("partition counts", run=watch.run))
        add(Part("renewal of the producer", run=renewal.run))
        add(Part("memory", run=GivingBack().run))
        add(Part("watchdog", run=Watchdog().run))

    def _end_unwritten(self, reason: str) -> None:
        self.supervisor.fail_soon("the producer", ProducerDead(reason))

    def _end(self, error: BaseException) -> None:
        """End the worker: the next owner processes unsettled records again."""
        if isinstance(error, ProducerDead):
            for app in self._apps:
                app.commit_no_more()
        self._ending = asyncio.ensure_future(self._apps[0].crash(error))
