"""An admin client that is kept between questions, and what came of those that were put to it together."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from confluent_kafka.admin import AdminClient

from streamhooks.kafka.topics import admin_client
from streamhooks.settings import Settings

K = TypeVar("K")


class KeptAdmin:
    """A client that connects when it is asked for first, and anew after it was forgotten.

    librdkafka goes on asking with the epoch of a leader that the broker has fenced, for minutes, and gets
    FENCED_LEADER_EPOCH each time: whoever misses an answer forgets the client. A new one does not know that epoch. Nor
    does a client answer that knows no broker any more (`known_brokers.py`).
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: AdminClient | None = None

    def get(self) -> AdminClient:
        """The client; raises BadSettings if none can be made."""
        if self._client is None:
            self._client = admin_client(self._settings)
        return self._client

    def forget(self) -> None:
        """The next one is another client."""
        self._client = None


def answers(asked: Mapping[K, Future[Any]], timeout: float) -> dict[K, Any]:
    """What was answered in time, in seconds, and without an error; the rest is missing."""
    done, _ = wait(asked.values(), timeout)
    return {key: one.result() for key, one in asked.items() if one in done and one.exception() is None}
