"""The systems that `tasks` compares: a worker of each, and how to tell what it has done and what it keeps."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import noting, sample
from benchmarks.peers import missing, start_redis
from benchmarks.stage import Sender, Stage
from streamhooks.dev.processes import Child
from streamhooks.errors import Refusal

_PENDING = "streamhooks_pending_calls"
_PREFIX = "tasks."
_TIMEOUT = 300.0


@dataclass(frozen=True)
class System:
    """A worker that runs calls, and its broker.

    module -- of `benchmarks.senders`. kinds -- of functions that it runs. notes -- the folder with the notes of runs.
    variables -- for the callers. pending -- tells how many calls it has taken over but not settled. kept -- tells how
    many calls with a countdown it knows. stored -- tells the bytes that its broker keeps in memory, if it does.
    """

    name: str
    module: str
    kinds: tuple[str, ...]
    worker: Child
    broker: int
    notes: Path
    variables: dict[str, str]
    pending: Callable[[], int]
    kept: Callable[[], int]
    stored: Callable[[], int] | None = None

    def wait(self, count: Callable[[], int], expected: int, what: str) -> None:
        """Wait until a count is as expected; raise Refusal after 300 s."""
        deadline = time.monotonic() + _TIMEOUT
        while (found := count()) != expected:
            if not self.worker.running:
                raise Refusal(self.worker.end)
            if time.monotonic() > deadline:
                raise Refusal(f"{self.name}: {found} {what} after {_TIMEOUT:.0f} s, not {expected}")
            time.sleep(0.05)


def streamhooks(scene: Stage, hooks: Sequence[sample.Hook] = ()) -> tuple[System, Sender]:
    """Start a worker with the module of tasks; it also delivers to the hooks."""
    notes = _notes(scene, "streamhooks")
    module = "tasks_streamhooks"
    scene.variables["BENCH_NOTES"] = str(notes)  # a worker takes no others than its settings
    known = hooks or sample.hooks(scene.receiver, {"0": 1})
    worker = scene.workers(_PREFIX, 1, known, task_modules=f"benchmarks.senders.{module}")
    variables = {
        "STREAMHOOKS_BROKERS": scene.brokers,
        "STREAMHOOKS_TOPIC_PREFIX": _PREFIX,
        "BENCH_NOTES": str(notes),
    }

    def pending() -> int:
        found = scene.metric(worker.bases[0], _PENDING)
        return -1 if found is None else int(found)

    kinds = ("async def", "def")
    child = worker.children[0]
    system = System("streamhooks", module, kinds, child, scene.kafka_pid, notes, variables, pending, pending)
    return system, worker


def celery(scene: Stage) -> System | str:
    """Start Redis and a Celery worker as shipped, with a process per core; or return why not."""
    if reason := missing("celery", "celery", "redis"):
        return reason
    url, redis = start_redis(scene, "redis-of-celery")
    notes, module = _notes(scene, "celery"), "tasks_celery"
    variables = {"BENCH_REDIS": url, "BENCH_NOTES": str(notes)}
    command = [sys.executable, "-m", "celery", "-A", f"benchmarks.senders.{module}", "worker", "-l", "warning"]
    worker, client = scene.start("celery-tasks", command, **variables), _client(url)

    def pending() -> int:
        return int(client.llen("celery")) + int(client.hlen("unacked"))

    def kept() -> int:
        # The worker takes over every call, and keeps those that are not due.
        return 0 if client.llen("celery") else int(client.hlen("unacked"))

    return System("celery", module, ("def",), worker, redis.pid, notes, variables, pending, kept, _used(client))


def taskiq(scene: Stage) -> System | str:
    """Start Redis and a taskiq worker of one process; or return why not."""
    if reason := missing("taskiq", "taskiq", "taskiq_redis", "redis"):
        return reason
    url, redis = start_redis(scene, "redis-of-taskiq")
    notes, module = _notes(scene, "taskiq"), "tasks_taskiq"
    variables = {"BENCH_REDIS": url, "BENCH_NOTES": str(notes)}
    command = [sys.executable, "-m", "taskiq", "worker", f"benchmarks.senders.{module}:broker", "--workers", "1"]
    command += ["--log-level", "WARNING"]  # as Celery's: by default it logs each call
    worker, client = scene.start("taskiq-tasks", command, **variables), _client(url)

    def pending() -> int:
        groups = client.xinfo_groups("taskiq") if client.exists("taskiq") else []
        return sum(group["pending"] + (group["lag"] or 0) for group in groups)

    def kept() -> int:
        return sum(1 for _ in client.scan_iter("*:data:*", count=1000))

    return System("taskiq", module, ("async def",), worker, redis.pid, notes, variables, pending, kept, _used(client))


def start_calls(scene: Stage, system: System, kind: str, count: int, **given: float) -> Child:
    """Make calls from another process, with these options of `benchmarks.calling`."""
    options = [text for name, value in given.items() for text in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "benchmarks.calling", system.module, kind, str(count), *options]
    return scene.start(f"calls-of-{system.name}", command, ended=True, **system.variables)


def wait_ran(system: System, calls: int) -> Sequence[noting.Note]:
    """Wait until all calls have run, the first one included, and are settled; return the notes."""

    def ran() -> int:
        return len({note.number for note in noting.read(system.notes)})

    system.wait(ran, calls + 1, "calls that ran")
    system.wait(system.pending, 0, "pending calls")
    return noting.read(system.notes)


def _notes(scene: Stage, name: str) -> Path:
    folder = scene.folder / f"notes-of-{name}"
    folder.mkdir()
    return folder


def _client(url: str) -> Any:
    from redis import Redis

    return Redis.from_url(url)


def _used(client: Any) -> Callable[[], int]:
    def used() -> int:
        found: int = client.info("memory")["used_memory"]
        return found

    return used
