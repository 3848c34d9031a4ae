"""A broker that is away when a client connects first: it is waited for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiokafka.errors import KafkaError

log = logging.getLogger(__name__)


def patient(
    bootstrap: Callable[[], Awaitable[None]], should_stop: Callable[[], bool], pause: float = 1.0
) -> Callable[[], Awaitable[None]]:
    """The first connection to Kafka, tried every `pause` seconds until it succeeds: Faust crashes without it.

    The topics were made by then, so Kafka was there, and a broker that restarts at this moment is away for a while.
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
