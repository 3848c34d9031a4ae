"""Calls of tasks that only some workers know: each runs once, or again with its id, and none is dead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from installation import JSON, Installation
from support import Worker, api, eventually

_HEAD = """
import json, os
from pathlib import Path
from streamhooks import instrumented_task
from streamhooks.tasks.context import current

def note(task, number):
    call = current().call
    line = json.dumps({"task": task, "number": number, "id": call.id, "attempt": call.attempts, "pid": os.getpid()})
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(line + "\\n")
"""
_TASK = """
@instrumented_task(name="shop.{name}", max_retries=0)
def {name}(number):
    if {name!r} == "fails" and not Path(os.environ["NOTES"] + ".mended").exists():
        raise ValueError("not yet")
    note({name!r}, number)
"""
#: calls every task until the file named `end` is there, then says which calls it made
_LOAD = """
import json, sys, time, release
from pathlib import Path
handles, until, number = [], time.monotonic() + 240, 0
while not Path(sys.argv[1]).exists() and time.monotonic() < until:
    handles += [task.delay(number) for task in (release.kept, release.old, release.new)]
    number += 1
    time.sleep(0.1)
print(json.dumps([handle.result(60) for handle in handles]))
"""


def release(*names: str) -> str:
    """Return a module with these tasks."""
    return _HEAD + "".join(_TASK.format(name=name) for name in names)


class Fleet:
    """Workers that each have a release of their own, and the runs of their tasks."""

    def __init__(self, installation: Installation, folder: Path) -> None:
        self.installation, self.folder = installation, folder
        self.notes_file = folder / "notes"

    def folder_of(self, name: str, *tasks: str) -> Path:
        """Write a release to a folder of this name, and return the folder."""
        path = self.folder / name
        path.mkdir(exist_ok=True)
        (path / "release.py").write_text(release(*tasks))
        return path

    def worker(self, *tasks: str) -> Worker:
        """Describe a worker with this release."""
        folder = self.folder_of(f"worker-{len(self.installation.workers)}", *tasks)
        environment = {"PYTHONPATH": str(folder), "NOTES": str(self.notes_file)}
        return self.installation.add_worker(start=False, environment=environment, task_modules="release")

    def roll(self, number: int, *tasks: str) -> None:
        """Stop a worker, and start it with another release."""
        worker = self.installation.workers[number]
        assert worker.stop() == 0
        self.folder_of(f"worker-{number}", *tasks)
        worker.start()

    def program(self, code: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a program that has all tasks."""
        folder = self.folder_of("program", "kept", "old", "new", "fails")
        environment = os.environ | {
            "PYTHONPATH": str(folder),
            "STREAMHOOKS_BROKERS": self.installation.brokers,
            "STREAMHOOKS_TOPIC_PREFIX": self.installation.prefix,
        }
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments], env=environment, stdout=subprocess.PIPE, text=True
        )

    def call(self, task: str, count: int) -> None:
        code = f"import release\nfor number in range({count}): release.{task}.delay(number)"
        program = self.program(code)
        assert program.communicate(timeout=60)[0] == ""
        assert program.returncode == 0

    def runs(self) -> list[JSON]:
        if not self.notes_file.exists():
            return []
        return [json.loads(line) for line in self.notes_file.read_text().splitlines()]

    def metric(self, worker: Worker, name: str) -> float:
        lines = api(worker).get("/metrics").body.decode().splitlines()
        return next(float(line.split()[-1]) for line in lines if line.split()[0] == name)


@pytest.fixture
def fleet(install: Callable[..., Installation], tmp_path: Path) -> Fleet:
    return Fleet(install(retry_delay=0.3), tmp_path)


def test_calls_run_on_the_workers_that_have_the_module(fleet: Fleet) -> None:
    able, other = fleet.worker("kept", "fails"), fleet.worker()
    for worker in (able, other):
        worker.launch()
    for worker in (able, other):
        worker.wait_ready()

    fleet.call("kept", 100)
    runs = eventually(lambda: len(found := fleet.runs()) >= 100 and found)
    assert sorted(run["number"] for run in runs) == list(range(100))
    assert {run["pid"] for run in runs} == {able.pid}
    assert fleet.metric(other, "streamhooks_moved_calls_total") > 0
    eventually(lambda: fleet.metric(other, "streamhooks_unknown_task_calls") == 0)
    assert fleet.metric(able, "streamhooks_moved_calls_total") == 0
    lines = [line for line in other.log.read_text().splitlines() if "tasks that this worker does not know" in line]
    assert len(lines) == 1
    assert "shop.kept" in lines[0]

    # Dead letters begin where their ids say, whoever owns that; their states go with their calls.
    fleet.call("fails", 20)
    eventually(lambda: len(fleet.installation.dead_letters()) == 20)
    Path(f"{fleet.notes_file}.mended").touch()
    eventually(lambda: len(listed(fleet, "open")) == 20)
    assert fleet.installation.api.post("/api/dead-letters/redrive", {"task": "shop.fails"}).status in (200, 202)
    eventually(lambda: len(listed(fleet, "delivered")) == 20)
    again = [run for run in fleet.runs() if run["task"] == "fails"]
    assert sorted(run["number"] for run in again) == list(range(20))
    assert {run["attempt"] for run in again} == {2}
    assert len(fleet.installation.dead_letters()) == 20
    places: dict[bytes, dict[int, bool]] = {}
    for record in fleet.installation.records("letter-states"):
        places.setdefault(record.key(), {})[record.partition()] = record.value() is not None
    assert [sum(of_letter.values()) for of_letter in places.values()] == [1] * 20


def listed(fleet: Fleet, state: str) -> list[JSON]:
    return fleet.installation.api.get("/api/dead-letters", state=state, limit=500).json["dead_letters"]


def test_a_deploy_and_a_rollback_of_three_workers_under_load(fleet: Fleet, tmp_path: Path) -> None:
    before, after = ("kept", "old"), ("kept", "new")
    workers = [fleet.worker(*before) for _ in range(3)]
    for worker in workers:
        worker.launch()
    for worker in workers:
        worker.wait_ready()
    end = tmp_path / "end"
    load = fleet.program(_LOAD, str(end))
    try:
        for number in (0, 1, 2):
            fleet.roll(number, *after)
        for number in (2, 1, 0):
            fleet.roll(number, *before)
        fleet.roll(1, *after)
    finally:
        end.touch()
        ids = json.loads(load.communicate(timeout=90)[0])
    # Now both releases are there.
    eventually(lambda: {run["id"] for run in fleet.runs()} >= set(ids))
    runs = fleet.runs()
    assert {run["id"] for run in runs} == set(ids)
    assert {run["attempt"] for run in runs} == {1}
    assert len({(run["task"], run["number"]) for run in runs}) == len(ids)
    assert fleet.installation.dead_letters() == []
