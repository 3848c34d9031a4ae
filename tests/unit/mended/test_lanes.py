"""The queue between what fetches and an agent is bounded in bytes as well."""

from __future__ import annotations

import asyncio

import pytest
from mode.utils.queues import FlowControlEvent

from streamhooks.kafka.reader import Record
from streamhooks.mended.fetching import AT_ONCE
from streamhooks.mended.lanes import Lane

RECORD = Record("events", 0, 0, 0, b"key", b"v" * 1000, (("name", b"value"),))
SIZE = 3 + 1000 + 4 + 5


@pytest.fixture
async def lane() -> Lane:
    flow_control = FlowControlEvent(initially_suspended=False)
    return Lane(maxsize=4 * AT_ONCE, flow_control=flow_control, clear_on_resume=True)


async def test_the_bytes_of_what_waits_are_known(lane: Lane) -> None:
    lane.put_nowait(RECORD)
    await lane.put(RECORD._replace(value=None))
    lane.put_nowait("no record")
    assert lane.size == SIZE + SIZE - 1000
    lane.get_nowait()
    assert lane.size == SIZE - 1000
    await lane.get()
    await lane.get()
    assert lane.size == 0


async def test_nothing_of_what_a_rebalance_clears_is_counted_on(lane: Lane) -> None:
    lane.put_nowait(RECORD)
    lane.clear()
    assert lane.size == 0
    assert lane.empty()


async def test_who_waits_gets_what_comes(lane: Lane) -> None:
    waiting = asyncio.ensure_future(lane.get())
    await asyncio.sleep(0)
    lane.put_nowait(RECORD)
    assert await waiting == RECORD
    assert lane.size == 0


async def test_an_agent_is_behind_when_so_many_bytes_wait_or_so_many_records(lane: Lane) -> None:
    assert not lane.is_behind(SIZE)
    lane.put_nowait(RECORD)
    assert lane.is_behind(SIZE)
    assert not lane.is_behind(SIZE + 1)
    while not lane.is_behind(2**62):
        lane.put_nowait(RECORD)
    for _ in range(AT_ONCE - 1):
        lane.put_nowait(RECORD)  # what was being fetched has room
