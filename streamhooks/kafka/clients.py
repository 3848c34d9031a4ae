"""The configuration that all Kafka clients of this process share."""

from __future__ import annotations

import ssl
import threading
from typing import Any

from confluent_kafka import Consumer

from streamhooks.errors import BadSettings
from streamhooks.settings import Settings

#: approximate bytes per fetch; they may be compressed, and are decompressed before anything can bound them
FETCH = 131_072


def fetch_config(size: int, queued: int) -> dict[str, Any]:
    """Return librdkafka options that bound fetching: `size` bytes per fetch, and no fetch while `queued` bytes wait.

    The first record is fetched whatever its size, and one fetch may exceed the bound of queued bytes.
    """
    return {
        "queued.max.messages.kbytes": max(1, queued // 1024),
        "fetch.max.bytes": size,
        "max.partition.fetch.bytes": size,
        "message.max.bytes": size,  # `fetch.max.bytes` must not be less
        # The pause after the queue was full. By default it is a second, in which the queue runs empty.
        "fetch.queue.backoff.ms": 10,
    }


def client_config(settings: Settings) -> dict[str, Any]:
    """Return the librdkafka options that producers, consumers and admin clients share."""
    config: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap_servers,
        "security.protocol": settings.security_protocol,
        "reconnect.backoff.max.ms": 2000,
        # A broker that is away must not log a line per second: health and metrics show what matters.
        "log_level": 2,
        "error_cb": lambda _error: None,
    }
    optional = {
        "sasl.mechanism": settings.sasl_mechanism,
        "sasl.username": settings.sasl_username,
        "sasl.password": settings.sasl_password,
        "ssl.ca.location": settings.tls_ca and str(settings.tls_ca),
        "ssl.certificate.location": settings.tls_cert and str(settings.tls_cert),
        "ssl.key.location": settings.tls_key and str(settings.tls_key),
    }
    return config | {name: value for name, value in optional.items() if value is not None}


def close_aside(client: Consumer, wait: float = 0.0) -> None:
    """Close a client in a thread of its own; wait for it for at most `wait` seconds.

    If the client's threads are deadlocked (librdkafka#5476), closing never ends.
    """
    closing = threading.Thread(target=client.close, name="closing", daemon=True)
    closing.start()
    closing.join(wait)


def aiokafka_options(settings: Settings) -> dict[str, Any]:
    """Return the same options for a consumer of aiokafka.

    Raises:
        BadSettings: a file of the TLS settings can't be read, or is not valid.

    """
    options = {
        "bootstrap_servers": settings.bootstrap_servers,
        "security_protocol": settings.security_protocol,
        "request_timeout_ms": 30_000,
        "sasl_mechanism": settings.sasl_mechanism,
        "sasl_plain_username": settings.sasl_username,
        "sasl_plain_password": settings.sasl_password,
        "ssl_context": tls_context(settings),
    }
    return {name: value for name, value in options.items() if value is not None}


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Return the TLS context for a client in Python, or None without TLS.

    Raises:
        BadSettings: a file of the TLS settings can't be read, or is not valid.

    """
    if settings.security_protocol not in ("SSL", "SASL_SSL"):
        return None
    for name, path in (("CA", settings.tls_ca), ("CERT", settings.tls_cert), ("KEY", settings.tls_key)):
        if path is not None and not path.is_file():
            raise BadSettings(f"STREAMHOOKS_TLS_{name}: there is no file {path}")
    try:
        context = ssl.create_default_context(cafile=settings.tls_ca)
        if settings.tls_cert is not None:
            context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:  # ssl.SSLError is one
        raise BadSettings(f"STREAMHOOKS_TLS_CA, _TLS_CERT, _TLS_KEY: {error}") from None
    return context
