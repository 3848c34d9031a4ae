"""What fetches source records, as tests make it and take from it."""

from __future__ import annotations

import asyncio

from faust.types import TP

from streamhooks.faust_patches.aiokafka_fetching import AiokafkaFetching
from streamhooks.faust_patches.fetching import Fetching
from streamhooks.faust_patches.librdkafka_fetching import LibrdkafkaFetching
from streamhooks.kafka.clients import aiokafka_options
from streamhooks.kafka.reader import Record
from streamhooks.settings import Settings

AHEAD = 1_000_000


def new(fetcher: str, brokers: str) -> Fetching:
    settings = Settings(brokers=brokers)
    if fetcher == "librdkafka":
        return LibrdkafkaFetching(settings, AHEAD)
    return AiokafkaFetching(aiokafka_options(settings), AHEAD, lambda: False)


async def take(fetching: Fetching, count: int) -> list[Record]:
    """Take so many records, and no more than come with them."""
    found: list[Record] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            found += await fetching.getmany(timeout=0.5)
    return found


async def nothing_comes(fetching: Fetching) -> None:
    for _ in range(3):
        assert await fetching.getmany(timeout=0.3) == []


async def suspected(fetching: Fetching) -> set[TP]:
    """Wait until a broker has refused something; nothing may come of it before."""
    found: set[TP] = set()
    async with asyncio.timeout(30):
        while not found:
            assert await fetching.getmany(timeout=0.3) == []
            found = fetching.suspects()
    return found


def offsets(records: list[Record], partition: int = 0) -> list[int]:
    return [record.offset for record in records if record.partition == partition]
