"""The end of a table recovery must not clear records fetched since the seek (faust #596)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from types import SimpleNamespace
from unittest.mock import AsyncMock, Mock

import pytest
from faust.tables.recovery import Recovery as FaustRecovery
from mode.utils.queues import FlowControlEvent, ThrowableQueue

from streamhooks.faust_patches.recovery import Recovery


class Table:
    """A table whose own recovery is done."""

    async def on_recovery_completed(self, *_: object) -> None:
        """Nothing is left to do."""


def world(kind: type[FaustRecovery]) -> tuple[FaustRecovery, ThrowableQueue]:
    """A recovery of this class at its end, and the queue of an agent."""
    flow = FlowControlEvent()
    queue = ThrowableQueue(flow_control=flow, clear_on_resume=True)
    recovery = kind.__new__(kind)

    async def seek() -> None:
        # The fetcher of an app with tables runs already: a record comes as soon as the position is known.
        queue.put_nowait("record")

    consumer = SimpleNamespace(
        assignment=lambda: {("events", 0)},
        resume_partitions=Mock(),
        perform_seek=seek,
        resume_flow=Mock(),
    )
    recovery.app = SimpleNamespace(
        consumer=consumer,
        flow_control=flow,
        on_rebalance_complete=SimpleNamespace(send=AsyncMock()),
        consumer_generation_id=7,
        revocations=0,
        gate=Mock(),
        conf=SimpleNamespace(broker_request_timeout=5),
        _fetcher=SimpleNamespace(maybe_start=AsyncMock()),
        on_rebalance_end=Mock(),
        parts=SimpleNamespace(taken_over=AsyncMock()),
        assignor=SimpleNamespace(assigned_standbys=lambda: set()),
        in_recovery=True,
    )
    tables = SimpleNamespace(on_actives_ready=Mock(), on_standbys_ready=Mock(), changelog_topics=set())
    tables.values = lambda: [Table()]
    recovery.tables = tables
    recovery.log = Mock()
    recovery.completed = asyncio.Event()
    recovery.actives_for_table = recovery.standbys_for_table = defaultdict(set)
    recovery._is_changelog_tp = lambda _tp: False
    recovery._set_recovery_ended = Mock()

    async def wait(coroutine, timeout=None) -> None:
        await coroutine

    recovery._wait = wait
    return recovery, queue


async def test_records_after_the_seek_stay():
    recovery, queue = world(Recovery)
    await recovery.on_recovery_completed(7)
    assert queue.qsize() == 1
    recovery.app.parts.taken_over.assert_awaited_once()


async def test_an_outdated_recovery_touches_nothing():
    recovery, queue = world(Recovery)
    await recovery.on_recovery_completed(6)
    assert queue.qsize() == 0
    recovery.app.parts.taken_over.assert_not_awaited()


@pytest.mark.parametrize("change", ["generation", "revocation"])
@pytest.mark.parametrize("when", ["signal", "seek", "start of the fetcher"])
async def test_a_recovery_that_becomes_outdated_starts_nothing(when: str, change: str):
    """A worker that stood still: others have counted meanwhile, and its tables lack that."""
    recovery, _ = world(Recovery)
    app = recovery.app

    async def changes() -> None:
        if change == "generation":
            app.consumer_generation_id += 1
        else:
            app.revocations += 1

    match when:
        case "signal":
            app.on_rebalance_complete.send = changes
        case "seek":
            app.consumer.perform_seek = changes
        case _:
            app._fetcher.maybe_start = changes
    await recovery.on_recovery_completed(7)
    app.parts.taken_over.assert_not_awaited()
    app.on_rebalance_end.assert_not_called()
    if when != "start of the fetcher":
        app.consumer.resume_flow.assert_not_called()


async def test_the_gate_stays_closed_if_a_revocation_comes_just_before_it_opens():
    recovery, _ = world(Recovery)

    async def taken_over(_tps: object) -> None:
        recovery.app.revocations += 1

    recovery.app.parts.taken_over = taken_over
    await recovery.on_recovery_completed(7)
    recovery.app.gate.close.assert_called_once_with("rebalance")


@pytest.mark.parametrize("kind", [FaustRecovery])
async def test_faust_itself_loses_it(kind):
    """When this fails, the patch is no longer needed."""
    recovery, queue = world(kind)
    await recovery.on_recovery_completed(7)
    assert queue.qsize() == 0
