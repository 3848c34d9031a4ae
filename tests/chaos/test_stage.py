"""Which workers a fault may take."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import Worker

from chaos.fleet import Fleet
from chaos.plan import Plan
from chaos.stage import Stage


def stage_of(tmp_path: Path, lasting: int) -> Stage:
    fleet = Fleet(["127.0.0.1:1"], "t.", tmp_path, Plan(1, lasting=lasting), receiver=1, sources=tmp_path)
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


async def test_a_worker_that_a_fault_takes_has_not_ended_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fleet = stage_of(tmp_path, lasting=0).fleet
    _first, second, _third = fleet.all
    running, looked = {id(one) for one in fleet.all}, asyncio.Event()

    def look(_now: float, _receiver: int) -> int:
        if second in fleet.idle:  # a fault comes while the first one is looked at
            fleet.idle.remove(second)
            running.discard(id(second))
        return 1

    async def all_seen() -> None:
        looked.set()

    monkeypatch.setattr(Worker, "running", property(lambda one: id(one) in running))
    life = SimpleNamespace(look=look, pid=1, write=lambda _file: None)
    monkeypatch.setattr(fleet, "life", lambda _worker: life)
    monkeypatch.setattr(fleet, "look_at_moves", all_seen)
    watching = asyncio.create_task(fleet.watch())
    await asyncio.wait([watching, asyncio.create_task(looked.wait())], return_when=asyncio.FIRST_COMPLETED)
    assert looked.is_set()
    assert fleet.problems == []
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
