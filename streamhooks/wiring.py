"""Every topic, table, agent and view, and how they are tied to each other; it reads like docs/how-it-works.md."""

from __future__ import annotations

import gc
import importlib
from typing import Any

import faust

from streamhooks.agents.alerts import calls_of_alerts
from streamhooks.agents.events import calls_of_events
from streamhooks.agents.resource_changes import calls_of_resource_changes
from streamhooks.errors import Refusal
from streamhooks.kafka.clients import tls_context
from streamhooks.kafka.topics import Topics
from streamhooks.mended.app import App
from streamhooks.mended.lanes import records_of
from streamhooks.mended.table import WindowTable
from streamhooks.settings import Settings
from streamhooks.system import System
from streamhooks.tables.rollups import ROLLUPS
from streamhooks.web.views import application_options, register


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
        **faust_conf(settings),
    )
    # Counting has an app and a group of its own: its tables are recovered at each rebalance, and deliveries must not
    # wait for that.
    counting_app = App(f"{settings.topic_prefix}counting", grace=settings.grace, web=False, **faust_conf(settings))
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
        app.start_of, app.drain = system.start_of, system.drain
        app.on_taken_over, app.on_released = system.took_over, system.released
        counting_app.on_taken_over, counting_app.drain = system.counting_took_over, system.drain_counting
        counting_app.on_positioned = system.counting.take_over
        await system.start()
        gc.collect()
        gc.freeze()  # what is here now stays: no later collection has to look at it
        counting_app.in_worker = True
        app.add_dependency(counting_app)  # starts after all else: deliveries do not wait for its tables

    async def stop() -> None:
        await system.stop()

    app.on_begin, app.on_end = start, stop

    @app.agent(_source(app, topics.events), name="events")
    async def events(stream: Any) -> None:
        calls_of = calls_of_events(system.hooks, system.partition_of, system.doubles)
        await system.intake.follow(records_of(stream), calls_of)

    @app.agent(_source(app, topics.alerts), name="alerts")
    async def alerts(stream: Any) -> None:
        calls_of = calls_of_alerts(system.hooks, system.partition_of, system.partitions, system.doubles)
        await system.intake.follow(records_of(stream), calls_of)

    @app.agent(_source(app, topics.resource_changes), name="resource-changes")
    async def resource_changes(stream: Any) -> None:
        await system.intake.follow(records_of(stream), calls_of_resource_changes(system.partitions))

    @counting_app.agent(_source(counting_app, topics.firings), name="firings")
    async def firings(stream: Any) -> None:
        await system.counting.follow(records_of(stream))

    register(app, lambda: system)
    return app


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
    """What Faust's own settings are, with the reasons in its notes."""
    return {
        "broker": ";".join(f"kafka://{broker}" for broker in settings.brokers),
        "broker_credentials": _credentials(settings),
        "store": "memory://",
        "datadir": settings.data_dir,
        "autodiscover": False,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "reply_create_topic": False,
        # There are no tables to stand by for: it makes Faust use its own assignor, which tells who owns what.
        "table_standby_replicas": 1,
        "broker_commit_interval": 1.0,
        "broker_session_timeout": settings.session_timeout,
        "broker_heartbeat_interval": min(1.0, settings.session_timeout / 6),
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
        "web_application_options": application_options(settings),
        "web_tables_enabled": False,
        "web_router_enabled": False,
        "worker_redirect_stdouts": False,
    }
