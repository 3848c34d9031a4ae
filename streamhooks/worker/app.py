"""The two Faust apps of a worker, and how they are tied to its parts.

Why two: docs/decisions/0001-two-faust-apps.md.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from streamhooks.counting.rollups import ROLLUPS, Rollup
from streamhooks.errors import Refusal
from streamhooks.faust_patches import commands as _commands  # noqa: F401 - importing it adds the commands
from streamhooks.faust_patches.aiokafka_fetching import AiokafkaFetching
from streamhooks.faust_patches.app import App, Consuming
from streamhooks.faust_patches.assignor import BalancedAssignor, BriefAssignor
from streamhooks.faust_patches.connections import expect_closed_transports
from streamhooks.faust_patches.fetching import Fetching
from streamhooks.faust_patches.librdkafka_fetching import LibrdkafkaFetching
from streamhooks.faust_patches.membership import Coordinator
from streamhooks.faust_patches.new_topics import create_no_topics
from streamhooks.faust_patches.parts import MakeParts, Parts
from streamhooks.faust_patches.table import WindowTable
from streamhooks.in_flight.room import divided
from streamhooks.in_flight.tracker import Tracker
from streamhooks.kafka.clients import aiokafka_options
from streamhooks.kafka.logs import Logs
from streamhooks.kafka.topics import Topics
from streamhooks.settings import Settings
from streamhooks.sources.own_file import own_topics_of
from streamhooks.sources.topics import Sources
from streamhooks.tasks.tracing import make_tracing
from streamhooks.web.register import register
from streamhooks.worker.agents import add_agents
from streamhooks.worker.around import AroundCounting, AroundDelivering
from streamhooks.worker.faust_conf import faust_conf
from streamhooks.worker.system import System
from streamhooks.worker.views import WorkerViews

Prepare = Callable[[Settings], tuple[Settings, dict[str, int]]]


def create_app(settings: Settings, prepare: Prepare) -> App:
    """Return the Faust app of a worker. This alone makes no connection.

    `prepare` is called when the worker starts. It returns the effective settings, and the partition count of each
    topic as `kafka.topics.ensure_topics` does.

    Raise Refusal if the packages for tracing or TLS files are missing, or the file of STREAMHOOKS_SOURCES has mistakes.
    """
    expect_closed_transports()
    create_no_topics()
    topics = Topics(settings.topic_prefix)
    sources = Sources(topics, own_topics_of(settings))
    tracing = make_tracing(settings)
    conf, logs = faust_conf(settings), Logs(settings)
    parts = divided(settings.max_unsettled_mb * 1_000_000)

    def consuming(group: str, tracker: Tracker | None = None, *owned: str) -> Consuming:
        new_fetching = partial(_new_fetching, settings, parts.ahead)
        return Consuming(logs, Coordinator(settings, group), new_fetching, parts.ahead, tracker, frozenset(owned))

    # Counting has its own app and group: its tables are recovered at each rebalance, and deliveries must not wait for
    # that. It needs no such tracker, because each cell holds the offset up to which it has counted.
    counting_group = f"{settings.topic_prefix}counting"
    counting_app = App(
        counting_group,
        consuming(counting_group),
        grace=settings.grace,
        web=False,
        PartitionAssignor=BriefAssignor,
        **conf,
    )
    tables: dict[Rollup, WindowTable] = {}
    windows = {}
    for rollup in ROLLUPS:
        table = tables[rollup] = counting_app.Table(f"fired-{rollup.name}", help=rollup.text)
        table.use_wall_clock(time.time)
        windows[table.name] = table.tumbling(rollup.seconds, expires=rollup.kept).relative_to_now()

    def prepare_worker(app: App) -> MakeParts:
        ready, partitions = prepare(settings)
        app.serve(ready)

        async def make_parts() -> Parts:
            await _check_address(ready)
            system = System(app, counting_app, tables, ready, sources, partitions, tracing)
            counting_app.bind(AroundCounting(counting_app, system))
            return AroundDelivering(app, system)

        return make_parts

    tracker = Tracker(most=settings.max_unsettled, most_bytes=parts.unsettled, commits_above=True)
    app = App(
        settings.app_id,
        consuming(settings.app_id, tracker, topics.delayed),
        grace=settings.grace,
        counting=counting_app,
        windows=windows,
        PartitionAssignor=BalancedAssignor,
        prepare=prepare_worker,
        **conf,
    )
    add_agents(app, counting_app, sources)
    register(app, partial(_views_of, app))
    return app


def _views_of(app: App) -> WorkerViews:
    """Return what the views ask. It exists whenever a request comes."""
    assert isinstance(app.parts, AroundDelivering)
    return app.parts.system.views


async def _check_address(settings: Settings) -> None:
    """Try to listen on the address of the views: Faust would crash later, and with a traceback.

    Raises:
        Refusal: another process listens there, or the address is not one of this machine.

    """
    try:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, settings.web_bind, settings.web_port)
    except OSError as error:
        text = f"STREAMHOOKS_WEB_BIND, _WEB_PORT: the web views can't listen on {settings.web_bind}:{settings.web_port}"
        raise Refusal(f"{text}: {error.strerror or error}") from None
    server.close()
    await server.wait_closed()


def _new_fetching(settings: Settings, ahead: int, should_stop: Callable[[], bool]) -> Fetching:
    if settings.fetcher == "librdkafka":
        return LibrdkafkaFetching(settings, ahead)
    return AiokafkaFetching(aiokafka_options(settings), ahead, should_stop)
