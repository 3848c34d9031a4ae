"""A module of users' tasks, and a program that calls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from installation import JSON, Installation
from support import Receiver, eventually

MODULE = """
import asyncio, json, multiprocessing, os, time
from streamhooks import NextTask, RetryTaskError, instrumented_task, retry

def note(task, **fields):
    line = json.dumps({"task": task, "at": time.time(), "pid": os.getpid(), **fields}) + "\\n"
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(line)

@instrumented_task(name="shop.greet")
async def greet(mark, *names, greeting="hello"):
    note("greet", mark=mark, names=names, greeting=greeting)

@instrumented_task(name="shop.plain", default_retry_delay=0.2, max_retries=1)
def plain(mark):
    note("plain", mark=mark)

class Temporary(Exception): pass
class Hopeless(Temporary): pass
class Fine(Hopeless): pass

@instrumented_task(name="shop.fail", default_retry_delay=0.2, max_retries=2)
@retry(on=(Temporary,), exclude=(Hopeless,), ignore=(Fine,))
async def fail(mark, kind, times=99):
    note("fail", mark=mark)
    with open(os.environ["NOTES"]) as notes:
        runs = sum(json.loads(line)["mark"] == mark for line in notes)
    if runs <= times:
        raise {"temporary": Temporary, "hopeless": Hopeless, "fine": Fine, "other": ValueError}[kind](kind)

@instrumented_task(name="shop.bare", default_retry_delay=0.2, max_retries=1)
@retry
async def bare(mark):
    note("bare", mark=mark)
    raise ValueError("any")

@instrumented_task(name="shop.no_policy", default_retry_delay=0.2, max_retries=1)
async def no_policy(mark):
    note("no_policy", mark=mark)
    raise ValueError("any")

@instrumented_task(name="shop.asks", default_retry_delay=300, max_retries=1)
async def asks(mark):
    note("asks", mark=mark)
    raise RetryTaskError("again", countdown=0.2)

@instrumented_task(name="shop.parent")
async def parent(mark):
    note("parent", mark=mark)
    greet.delay(mark, "from parent")
    plain.apply_async([mark], countdown=1)
    NextTask(greet, [mark, "next"], countdown=0).schedule()
    await greet.apply_async(args=[mark], kwargs={"greeting": "awaited"})

@instrumented_task(name="shop.blocking_parent")
def blocking_parent(mark):
    note("blocking_parent", mark=mark)
    greet.delay(mark, "from a thread")

@instrumented_task(name="shop.forks")
def forks(mark):
    greet.delay(mark, "parent")
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=greet.delay, args=(mark, f"child {number}")) for number in (1, 2)]
    for child in children:
        child.start()
    for child in children:
        child.join(30)
        assert child.exitcode == 0, child.exitcode
    note("forks", mark=mark)
"""


class Shop:
    """A program of a user's, next to the worker that runs its tasks."""

    def __init__(self, installation: Installation, notes: Path) -> None:
        self._installation, self._notes = installation, notes

    def call(self, code: str) -> str:
        """Run a program that calls tasks, and return what it printed."""
        environment = os.environ | {
            "STREAMHOOKS_BROKERS": self._installation.brokers,
            "STREAMHOOKS_TOPIC_PREFIX": self._installation.prefix,
        }
        command = [sys.executable, "-c", f"import shop_tasks as shop\n{code}"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def notes(self, mark: str) -> list[JSON]:
        if not self._notes.exists():
            return []
        return [one for one in map(json.loads, self._notes.read_text().splitlines()) if one["mark"] == mark]

    def runs(self, mark: str, count: int) -> list[JSON]:
        return eventually(lambda: len(found := self.notes(mark)) >= count and found)

    def dead_letter(self, mark: str) -> JSON:
        (letter,) = eventually(
            lambda: self._installation.dead_letters(lambda one: one["task"] and one["task"]["args"][:1] == [mark])
        )
        return letter


@contextmanager
def shop_with(brokers: str, folder: Path, module: str, *, workers: int, **settings: object) -> Iterator[Shop]:
    """Start workers with a module of tasks, which write their notes next to it."""
    (folder / "shop_tasks.py").write_text(module)
    receiver = Receiver()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        patch.setenv("NOTES", str(folder / "notes"))
        installation = Installation(brokers, folder, receiver, task_modules="shop_tasks", **settings)
        try:
            for _ in range(workers):
                installation.add_worker()
            yield Shop(installation, folder / "notes")
        finally:
            installation.end()
            receiver.stop()
