"""The settings of Faust for a worker."""

from __future__ import annotations

import time
from typing import Any

import faust

from streamhooks.faust_patches.table import WindowTable
from streamhooks.faust_patches.worker import prepared_worker
from streamhooks.kafka.clients import tls_context
from streamhooks.settings import Settings
from streamhooks.web.http.tls import server_context
from streamhooks.web.register import application_options


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
    """Return the settings of Faust. Its built-in views are off, because they show tables to everybody."""
    return {
        "broker": ";".join(f"kafka://{broker}" for broker in settings.brokers),
        "broker_credentials": _credentials(settings),
        # The windows fit into memory, and their changelogs are in Kafka: docs/decisions/0002-tables-in-memory.md.
        "store": "memory://",
        "datadir": settings.data_dir,
        # Agents and tables are added explicitly, and `kafka.topics` creates topics with their policies.
        "autodiscover": False,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "reply_create_topic": False,
        # There are no tables that need standbys. It makes Faust use its own assignor, which knows the owners.
        "table_standby_replicas": 1,
        # After a kill, everything settled since the last commit is sent again. A commit takes some 0.5 ms of CPU.
        "broker_commit_interval": 0.25,
        "broker_session_timeout": settings.session_timeout,
        "broker_heartbeat_interval": min(1.0, settings.session_timeout / 6),
        # Faust refuses a value below the session timeout.
        "broker_request_timeout": max(30.0, settings.session_timeout + 5),
        "broker_rebalance_timeout": 60.0,
        # The records per fetch, and (stream_buffer_maxsize) the records in the queue of an agent.
        "broker_max_poll_records": 500,
        # The time until the group notices added partitions.
        "consumer_metadata_max_age_ms": int(settings.metadata_interval * 1000),
        "stream_buffer_maxsize": 4096,
        "stream_recovery_delay": 0.0,
        # By default, Faust waits 20 minutes for a record that no broker accepts.
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
