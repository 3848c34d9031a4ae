"""A recovery without an answer of Kafka is tried again; Faust takes the timeout for its own end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest
from faust.tables.recovery import Recovery as FaustRecovery
from faust.tables.recovery import ServiceStopped
from faust.types import TP

from streamhooks.faust_patches import recovery as module
from streamhooks.faust_patches.recovery import Recovery


def made(kind: type[FaustRecovery]) -> FaustRecovery:
    """A recovery of the partitions of one table."""
    conf = SimpleNamespace(
        broker_request_timeout=0.02, stream_recovery_delay=0.0, recovery_consistency_check=False, store="memory://"
    )
    app = SimpleNamespace(conf=conf, consumer=None, tracer=None, _producer=None, in_recovery=False)
    return kind(app, {"fired": object()}, loop=asyncio.get_running_loop())


async def hangs() -> None:
    await asyncio.Event().wait()


async def is_cancelled() -> None:
    raise asyncio.CancelledError


async def fails() -> None:
    raise TimeoutError


async def test_a_timeout_does_not_end_the_recovery():
    with pytest.raises(TimeoutError):
        await made(Recovery)._wait(hangs(), timeout=0.01)


async def test_the_end_of_the_service_does():
    recovery = made(Recovery)
    recovery._stopped.set()
    with pytest.raises(ServiceStopped):
        await recovery._wait(hangs(), timeout=10)


@pytest.mark.parametrize("first", [hangs, is_cancelled, fails])
async def test_it_is_tried_again(first: Callable[[], Awaitable[None]], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "PAUSE", 0.001)
    recovery, again = made(Recovery), asyncio.Event()
    asked: list[str] = []

    async def build_highwaters(*_: object) -> None:
        asked.append("highwaters")
        if len(asked) == 1:
            await first()
        again.set()
        await hangs()

    recovery._build_highwaters = build_highwaters
    recovery.flush_buffers = lambda: None
    recovery.signal_recovery_start.set()
    running = asyncio.create_task(recovery._restart_recovery.fun(recovery))
    await asyncio.wait_for(again.wait(), 10)
    assert len(asked) >= 2
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_partitions_that_a_rebalance_adds_meanwhile_are_read_from_their_start():
    sought: dict[TP, int] = {}

    class Consumer:
        async def seek_wait(self, offsets: dict[TP, int]) -> None:
            sought.update(offsets)

    recovery = made(Recovery)
    old, new = TP("changelog", 0), TP("changelog", 1)
    recovery.standby_tps |= {old, new}
    recovery.standby_offsets.update({old: 7})
    recovery.standby_offsets[new] = None
    await recovery._seek_offsets(Consumer(), recovery.standby_tps, recovery.standby_offsets, "standby")
    assert sought == {old: 7, new: 0}


async def test_faust_itself_ends():
    """When this fails, the patch is no longer needed."""
    with pytest.raises(ServiceStopped):
        await made(FaustRecovery)._wait(hangs(), timeout=0.01)
