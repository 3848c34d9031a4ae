"""Every topic, table, agent and view, and how they are tied to each other; it reads like docs/how-it-works.md."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import faust

from streamhooks.counting.rollups import ROLLUPS, Rollup
from streamhooks.errors import Refusal
from streamhooks.faust_patches import commands as _commands  # noqa: F401 - they are there as soon as it is imported
from streamhooks.faust_patches.aiokafka_fetching import AiokafkaFetching
from streamhooks.faust_patches.app import App
from streamhooks.faust_patches.connections import expect_closed_transports
from streamhooks.faust_patches.fetching import Fetching
from streamhooks.faust_patches.lanes import records_of
from streamhooks.faust_patches.librdkafka_fetching import LibrdkafkaFetching
from streamhooks.faust_patches.membership import Coordinator
from streamhooks.faust_patches.table import WindowTable
from streamhooks.faust_patches.worker import prepared_worker
from streamhooks.in_flight.room import divided
from streamhooks.in_flight.tracker import Tracker
from streamhooks.kafka.clients import aiokafka_options, tls_context
from streamhooks.kafka.logs import Logs
from streamhooks.kafka.topics import Topics
from streamhooks.settings import Settings
from streamhooks.sources.kinds import SourceKind
from streamhooks.tasks.tracing import make_tracing
from streamhooks.web.http.tls import server_context
from streamhooks.web.register import application_options, register
from streamhooks.worker.system import System

Prepare = Callable[[Settings], tuple[Settings, dict[str, int]]]


def create_app(settings: Settings, prepare: Prepare) -> App:
    """The Faust app of a worker, which as such asks nobody.

    `prepare` makes ready what a worker needs, and returns the settings that hold for it and the number of partitions
    of each topic, as `kafka.topics.ensure_topics` does.

    Raises:
        Refusal: the packages for traces, or files of TLS, are not there.

    """
    expect_closed_transports()
    topics = Topics(settings.topic_prefix)
    tracing = make_tracing(settings)
    conf, logs = faust_conf(settings), Logs(settings)
    parts = divided(settings.max_unsettled_mb * 1_000_000)
    new_fetching = partial(_new_fetching, settings, parts.ahead)
    common = {"grace": settings.grace, "logs": logs, "new_fetching": new_fetching, "ahead": parts.ahead, **conf}
    # Counting needs no such tracker: its cells know what they have counted.
    tracker = Tracker(most=settings.max_unsettled, most_bytes=parts.unsettled, tells_above=True)
    group, counting_group = settings.app_id, f"{settings.topic_prefix}counting"
    app = App(
        group,
        owned_topics=frozenset({topics.delayed}),
        coordinator=Coordinator(settings, group),
        tracker=tracker,
        **common,
    )
    # Counting has an app and a group of its own: its tables are recovered at each rebalance, and deliveries must not
    # wait for that.
    counting_app = App(counting_group, web=False, coordinator=Coordinator(settings, counting_group), **common)
    app.counting = counting_app
    tables: dict[Rollup, WindowTable] = {}
    for rollup in ROLLUPS:
        table = counting_app.Table(f"fired-{rollup.name}", help=rollup.text)
        table.wall_clock = time.time
        windowed = table.tumbling(rollup.seconds, expires=rollup.kept)
        tables[rollup], app.windows[table.name] = table, windowed.relative_to_now()
    partitions: dict[str, int]
    system: System

    def prepare_worker() -> None:
        nonlocal settings, partitions
        settings, partitions = prepare(settings)
        conf = app.conf
        conf.web_bind, conf.web_port, conf.web_host = settings.web_bind, settings.web_port, settings.advertised_host
        conf.canonical_url, conf.datadir = settings.advertised_url, settings.data_dir

    app.prepare = prepare_worker

    async def start() -> None:
        nonlocal system
        await _check_address(settings)
        system = System(app, counting_app, tables, settings, partitions, tracing)
        app.start_of, app.drain = system.moved.start_of, system.drain
        app.on_taken_over, app.on_released = system.took_over, system.released
        app.on_moved = lambda tp, _start: system.lags.begin_anew(tp)
        counting_app.start_of, counting_app.on_moved = system.moved.start_of_firings, system.counting_moved
        counting_app.on_taken_over, counting_app.drain = system.counting_took_over, system.drain_counting
        counting_app.on_positioned = system.counting.take_over
        app.on_end = system.stop  # not before there is something to stop
        await system.start()
        gc.collect()
        gc.freeze()  # what is here now stays: no later collection has to look at it
        counting_app.in_worker = True
        app.add_dependency(counting_app)  # starts after all else: deliveries do not wait for its tables

    app.on_begin = start

    async def follow(kind: SourceKind, stream: Any) -> None:
        await system.intake.follow(records_of(stream), partial(system.calls.of, kind))

    @app.agent(_source(app, topics.events), name="events")
    async def events(stream: Any) -> None:
        """Fires the service hooks that subscribed to the project of an event."""
        await follow(SourceKind.EVENTS, stream)

    @app.agent(_source(app, topics.alerts), name="alerts")
    async def alerts(stream: Any) -> None:
        """Fires the app hooks that an alert is for."""
        await follow(SourceKind.ALERTS, stream)

    @app.agent(_source(app, topics.resource_changes), name="resource-changes")
    async def resource_changes(stream: Any) -> None:
        """Fires the app hooks that subscribed to what happened to a resource."""
        await follow(SourceKind.RESOURCE_CHANGES, stream)

    @app.agent(_source(app, topics.notices), name="notices")
    async def notices(stream: Any) -> None:
        """Tells app hooks what happened to hooks of their organization."""
        await follow(SourceKind.NOTICES, stream)

    @counting_app.agent(_source(counting_app, topics.firings), name="firings")
    async def firings(stream: Any) -> None:
        """Counts every attempt in the windowed tables, and keeps the latest ones per hook."""
        await system.counting.follow(records_of(stream))

    register(app, lambda: system)
    return app


async def _check_address(settings: Settings) -> None:
    """Listen for a moment where the views will: Faust would crash with a traceback, and later.

    Raises:
        Refusal: another process listens there, or it is no address of this machine.

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


def _source(app: App, name: str) -> Any:
    """A topic whose records are taken as they are: a broken one must not crash an agent."""
    app.plain_topics.add(name)
    return app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


def _credentials(settings: Settings) -> faust.SASLCredentials | faust.SSLCredentials | None:
    tls = tls_context(settings)
    if settings.security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.sasl_username,
            password=settings.sasl_password,
            mechanism=settings.sasl_mechanism,
            ssl_context=tls,
        )
    return faust.SSLCredentials(tls) if tls is not None else None


def faust_conf(settings: Settings) -> dict[str, Any]:
    """Return Faust's own settings. Its own views, which show tables to everybody, are off."""
    return {
        "broker": ";".join(f"kafka://{broker}" for broker in settings.brokers),
        "broker_credentials": _credentials(settings),
        # The windows fit into memory, and their changelogs are in Kafka.
        "store": "memory://",
        "datadir": settings.data_dir,
        # What there is, is named in this module; topics are made, with their policies, by `kafka.topics`.
        "autodiscover": False,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "reply_create_topic": False,
        # There are no tables to stand by for: it makes Faust use its own assignor, which tells who owns what.
        "table_standby_replicas": 1,
        # What was settled since the last commit is sent again after a kill. A commit takes some 0.5 ms of CPU.
        "broker_commit_interval": 0.25,
        "broker_session_timeout": settings.session_timeout,
        "broker_heartbeat_interval": min(1.0, settings.session_timeout / 6),
        # Faust refuses one below the session timeout.
        "broker_request_timeout": max(30.0, settings.session_timeout + 5),
        "broker_rebalance_timeout": 60.0,
        # How many records one fetch hands over, and how many may wait in the queue of an agent.
        "broker_max_poll_records": 500,
        # How soon the group learns of partitions that were added.
        "consumer_metadata_max_age_ms": int(settings.metadata_interval * 1000),
        "stream_buffer_maxsize": 4096,
        "stream_recovery_delay": 0.0,
        # By default a record that no broker takes is waited for during 20 minutes.
        "producer_request_timeout": 30.0,
        "web_bind": settings.web_bind,
        "web_port": settings.web_port,
        "web_host": settings.advertised_host,
        "canonical_url": settings.advertised_url,
        "Table": WindowTable,
        "Worker": prepared_worker,
        "web_application_options": application_options(settings, time.time),
        "web_ssl_context": server_context(settings),
        "web_tables_enabled": False,
        "web_router_enabled": False,
        "worker_redirect_stdouts": False,
    }
