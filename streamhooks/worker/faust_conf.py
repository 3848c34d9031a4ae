"""Faust's own settings, as a worker needs them."""

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
