"""An admin client that is kept between requests, and the answers to several requests at once."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from confluent_kafka.admin import AdminClient

from streamhooks.kafka.topics import admin_client
from streamhooks.settings import Settings

K = TypeVar("K")


class KeptAdmin:
    """An admin client that connects on first use, and again after it was forgotten.

    For minutes, librdkafka may go on asking with the epoch of a leader that the broker has fenced, and get
    FENCED_LEADER_EPOCH each time. A new client does not know that epoch, so callers that miss an answer forget the
    client. The same helps a client that has lost all brokers (`known_brokers.py`).
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: AdminClient | None = None

    def get(self) -> AdminClient:
        """Return the client; raise BadSettings if none can be made."""
        if self._client is None:
            self._client = admin_client(self._settings)
        return self._client

    def forget(self) -> None:
        """Let the next `get` make a new client."""
        self._client = None


def answers(asked: Mapping[K, Future[Any]], timeout: float) -> dict[K, Any]:
    """Return the results that arrive within `timeout` seconds and without an error; others are missing."""
    done, _ = wait(asked.values(), timeout)
    return {key: one.result() for key, one in asked.items() if one in done and one.exception() is None}
