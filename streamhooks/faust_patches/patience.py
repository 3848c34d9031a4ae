"""Waiting for a broker that is away when a client first connects."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiokafka.errors import KafkaError

log = logging.getLogger(__name__)


def patient(
    bootstrap: Callable[[], Awaitable[None]], should_stop: Callable[[], bool], pause: float = 1.0
) -> Callable[[], Awaitable[None]]:
    """Wrap the first connection to Kafka, so that it is tried every `pause` seconds; without this, Faust crashes.

    The topics were created just before, so Kafka was there: a broker is only restarting.
    """

    async def connecting() -> None:
        while True:
            try:
                return await bootstrap()
            except KafkaError as error:
                if should_stop():
                    raise
                log.warning("no connection to Kafka, will be tried again: %s", error)
                await asyncio.sleep(pause)

    return connecting
