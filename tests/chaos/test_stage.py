"""Which workers a fault may take."""

from __future__ import annotations

import random
from pathlib import Path

from support import Worker

from chaos.fleet import Fleet
from chaos.plan import Plan
from chaos.stage import Stage


def stage_of(tmp_path: Path, lasting: int) -> Stage:
    fleet = Fleet(["127.0.0.1:1"], "t.", tmp_path, Plan(1, lasting=lasting), receiver=1)
    fleet.all = [Worker("127.0.0.1:1", "t.", tmp_path / f"worker-{number}") for number in range(3)]
    fleet.idle = list(fleet.all)
    return Stage(fleet.plan, fleet, None, None, (), None, ())  # type: ignore[arg-type]


async def test_a_worker_that_lasts_is_taken_by_what_does_not_end_it(tmp_path: Path):
    stage = stage_of(tmp_path, lasting=1)
    first, *others = stage.fleet.all
    assert {await stage.take(random.Random(1), ends=True), await stage.take(random.Random(1), ends=True)} == {*others}
    assert stage.fleet.idle == [first]
    assert stage.take_all(ends=True) == []
    assert await stage.take(random.Random(1)) is first
    assert stage.fleet.idle == []


def test_all_but_those_that_last_are_taken(tmp_path: Path):
    for lasting in (0, 1):
        stage = stage_of(tmp_path, lasting)
        assert stage.take_all(ends=True) == stage.fleet.all[lasting:]
        assert stage.fleet.idle == stage.fleet.all[:lasting]
    assert stage.take_all() == stage.fleet.all[:1]
