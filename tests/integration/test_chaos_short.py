"""The short form of the proof that no event is lost; `make chaos` is the long one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from chaos.plan import short
from chaos.report import show
from chaos.run import run

SEED = 1


@pytest.mark.timeout(420)
def test_nothing_is_lost_and_all_is_counted_through_kills_pauses_and_lost_brokers_and_networks(tmp_path: Path):
    report = asyncio.run(run(short(SEED), tmp_path))
    print(show(report))
    verdict = report.verdict
    assert not verdict.wrong
    # That nothing is wrong says something only if something happened.
    assert {one.kind for one in report.happened} >= {
        "kill",
        "stop",
        "pause",
        "kill one broker",
        "move leaders",
        "silent network",
    }
    assert verdict.records > 1000
    assert verdict.delivered > 1000
    assert verdict.dead > 100
