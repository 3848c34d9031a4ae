"""Hooks are disabled and enabled with `resume=all` all the time, under load, while workers are killed.

A few rounds by default; as many as `STREAMHOOKS_TEST_ROUNDS` says, and a kill per 80 of them. With `-s` it prints
what docs/guarantee.md says.
"""

from __future__ import annotations

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from installation import Hook, Installation, event
from support import Api, api, eventually

ROUNDS = int(os.environ.get("STREAMHOOKS_TEST_ROUNDS", "40"))
HOOKS, CALLERS, WORKERS, PARTITIONS = 30, 5, 2, 4
#: events per second
RATE = 12.0
ROUNDS_PER_KILL, EVENTS_PER_KILL = 80, 50


class Load:
    """Writes events until it is told to stop."""

    def __init__(self, installation: Installation, organization: str) -> None:
        self._installation, self._organization = installation, organization
        self._stop = threading.Event()
        self.written = 0
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(1 / RATE):
            value = event(self._organization)
            self._installation.produce("events", "11", value, partition=self.written % PARTITIONS)
            self.written += 1


def change(clients: list[Api], hook: Hook, **fields: str) -> None:
    """Change a hook through any worker, until one answers that it is changed."""

    def changed() -> bool:
        try:
            return random.choice(clients).put(f"/api/hooks/{hook.id}", fields).status == 200
        except OSError:  # it was killed, and is started again
            return False

    eventually(changed, timeout=90)


def storm(clients: list[Api], hooks: list[Hook], rounds: int) -> None:
    for _ in range(rounds):
        hook = random.choice(hooks)
        change(clients, hook, status="disabled")
        # At once, too: then each first record on a partition comes in the turn of the loop in which it is enabled.
        time.sleep(random.choice((0.0, 0.0, 0.05, 0.5)))
        change(clients, hook, status="active", resume="all")


def test_every_event_reaches_each_hook_that_is_disabled_and_enabled_all_the_time(install, organization: str) -> None:
    one: Installation = install(partitions=PARTITIONS, session_timeout=6, retry_delay=1)
    for worker in [one.add_worker(start=False).launch() for _ in range(WORKERS)]:
        worker.wait_ready()
    hooks = [one.create_hook(organization) for _ in range(HOOKS)]
    clients = [api(worker) for worker in one.workers]
    kills = 0
    with Load(one, organization) as load, ThreadPoolExecutor(CALLERS) as callers:
        # A hook has one caller, which goes on when the former change is confirmed.
        rounds = [
            callers.submit(storm, clients, hooks[number::CALLERS], ROUNDS // CALLERS) for number in range(CALLERS)
        ]
        while not all(done.done() for done in rounds):
            if kills < max(1, ROUNDS // ROUNDS_PER_KILL):
                enough = load.written + EVENTS_PER_KILL
                eventually(lambda: load.written > enough or all(done.done() for done in rounds), 60)  # noqa: B023
                victim = one.workers[kills % WORKERS]
                victim.kill()
                victim.start(timeout=120)
                kills += 1
            time.sleep(0.1)
        for done in rounds:
            done.result()
    lacking, late = {hook.id: hook for hook in hooks}, 0

    def all_came() -> bool:
        nonlocal late
        for hook in list(lacking.values()):
            if one.receiver.count(hook.path)["ids"] == load.written:
                del lacking[hook.id]
            elif one.api.get(f"/api/hooks/{hook.id}").json["status"] == "disabled":
                # A call that a worker was asked for before it hung, and that was made elsewhere then, comes late.
                change(clients, hook, status="active", resume="all")
                late += 1
        return not lacking

    try:
        eventually(all_came, timeout=120, interval=0.5)
    finally:
        for hook in lacking.values():
            views = [one.api.get(f"/api/hooks/{hook.id}{view}").body for view in ("", "/missed", "/pending")]
            print(f"lacking: {load.written - one.receiver.count(hook.path)['ids']}", *views)
        counts = [one.receiver.count(hook.path) for hook in hooks]
        sent, ids = (sum(count[name] for count in counts) for name in ("requests", "ids"))
        numbers = f"{ROUNDS} rounds, {kills} kills, {load.written} events"
        print(f"{numbers}: {ids} deliveries, {sent - ids} doubles, {late} late calls")
    for hook in hooks:
        eventually(lambda hook=hook: not one.api.get(f"/api/hooks/{hook.id}/missed").json["stretches"], timeout=60)
