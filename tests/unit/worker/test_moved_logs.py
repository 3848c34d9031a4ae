"""What a log has lost is reported before anything is committed beyond it, and counted when that is written."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import Future
from typing import Any

import pytest
from faust.types import TP
from prometheus_client import REGISTRY

from streamhooks.errors import ProducerDead
from streamhooks.kafka.logs import Log, Reading
from streamhooks.kafka.topics import Topics
from streamhooks.records.stretch import Stretch
from streamhooks.worker.moved_logs import MovedLogs

A, B = TP("moved.events", 0), TP("moved.events", 1)


class Outbox:
    """Confirms nothing by itself."""

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []
        self.notices: list[dict[str, Any]] = []

    def publish_soon(self, _topic: str, value: bytes, *, key: str) -> Future[Any]:
        self.notices.append(json.loads(value))
        self.futures.append(Future())
        return self.futures[-1]


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def moved(outbox: Outbox) -> MovedLogs:
    made = MovedLogs(outbox, Topics("moved."), "earliest", lambda _tp: True, lambda: 1.0)  # type: ignore[arg-type]
    made.learn(Known())
    return made


class Known:
    def without_offset(self, _tp: object) -> str:
        return "new"


def overtaken(moved: MovedLogs, tp: TP = A) -> int:
    """Start a partition that was read to 5, and of which retention has left what is from 8 on."""
    return moved.start_of(tp, Reading(5, "id", 3), Log("id", 3, 8, 20), 20)


def count() -> float:
    return REGISTRY.get_sample_value("streamhooks_retention_jumps_total", {"topic": A.topic}) or 0.0


def test_nothing_is_committed_until_the_notice_is_confirmed(moved: MovedLogs, outbox: Outbox):
    assert moved.is_reported(A)
    before = count()
    assert overtaken(moved) == 8
    assert "the offsets 5 to 7" in outbox.notices[0]["why"]
    assert (moved.is_reported(A), moved.is_reported(B), count()) == (False, True, before)
    outbox.futures[0].set_result(None)
    assert (moved.is_reported(A), count()) == (True, before + 3)


def test_each_notice_has_to_be_confirmed(moved: MovedLogs, outbox: Outbox):
    overtaken(moved)
    overtaken(moved)
    for future in reversed(outbox.futures):
        assert not moved.is_reported(A)
        future.set_result(None)
    assert moved.is_reported(A)


def test_what_is_never_written_is_neither_counted_nor_committed(moved: MovedLogs, outbox: Outbox):
    before = count()
    overtaken(moved)
    outbox.futures[0].set_exception(ProducerDead("gone"))
    overtaken(moved)
    outbox.futures[1].cancel()
    assert (moved.is_reported(A), count()) == (False, before)


async def test_what_is_gone_for_a_hook_is_reported_when_that_is_confirmed(moved: MovedLogs, outbox: Outbox):
    stretch = Stretch("ab" * 16, "s", "disabled", A.topic, 0, next=3, end=10, since=1.0)
    reporting = asyncio.ensure_future(moved.gone(stretch, range(3, 6)))
    await asyncio.sleep(0)
    assert (outbox.notices[0]["hook_id"], reporting.done()) == (stretch.hook_id, False)
    assert "the records 3 to 5 of moved.events:0" in outbox.notices[0]["why"]
    outbox.futures[0].set_result(None)
    async with asyncio.timeout(5):
        await reporting
