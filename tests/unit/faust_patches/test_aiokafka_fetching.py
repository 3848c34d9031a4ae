"""The end of a client of aiokafka that waits for a broker, which raises what it has cancelled."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from unittest.mock import AsyncMock

import pytest
from aiokafka.consumer.fetcher import Fetcher

from streamhooks.faust_patches.aiokafka_fetching import AiokafkaFetching


class Client:
    """A consumer of aiokafka as far as it is stopped, with a fetch that waits before it is tried again."""

    def __init__(self, fetch: asyncio.Task[None]) -> None:
        self._client = SimpleNamespace(close=AsyncMock())
        self._fetcher = Fetcher.__new__(Fetcher)
        self._fetcher._fetch_task = asyncio.ensure_future(asyncio.sleep(60))
        self._fetcher._fetch_waiters, self._fetcher._pending_tasks = set(), {fetch}

    async def stop(self) -> None:
        await self._fetcher.close()
        await self._client.close()


@pytest.fixture
def stopping():
    """Return what fetches, by a client whose fetch goes so."""

    def make(fetch: asyncio.Task[None]) -> tuple[AiokafkaFetching, Client]:
        one, client = AiokafkaFetching({}, 1000, lambda: True), Client(fetch)
        one._client = client
        return one, client

    return make


async def test_a_fetch_that_waits_for_a_broker_keeps_it_from_no_end(stopping) -> None:
    one, client = stopping(asyncio.ensure_future(asyncio.sleep(60)))
    await asyncio.sleep(0)
    await one.stop()
    client._client.close.assert_awaited_once()


async def test_who_is_let_go_meanwhile_is_told(stopping) -> None:
    async def lingers() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if may_end.is_set():
                    raise

    may_end = asyncio.Event()
    one, client = stopping(asyncio.ensure_future(lingers()))
    await asyncio.sleep(0)
    ending = asyncio.ensure_future(one.stop())
    for _ in range(3):
        await asyncio.sleep(0)
    may_end.set()
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    client._client.close.assert_not_awaited()
