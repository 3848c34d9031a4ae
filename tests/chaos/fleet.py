"""The workers of a run: which are up, what was done to them, how much memory they took."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from support import Api, Worker

from chaos.plan import Plan

_MOVES = re.compile(
    r'^streamhooks_(?:retention_jumps|moved_logs)_total\{topic="([^"]+)"(?:,what="([^"]+)")?\} (\S+)$', re.MULTILINE
)
#: the longest that a worker may take to end after SIGTERM, in seconds: on a busy machine, with a broker that is away
_STOP = 90.0


@dataclass
class Happened:
    """One thing that was done; times in epoch seconds."""

    kind: str
    at: float
    until: float | None = None
    what: str = ""

    def end(self) -> None:
        """It is over, or undone."""
        self.until = time.time()


@dataclass
class Fleet:
    """All workers that there ever were; a fault takes one from `idle` and puts it back."""

    brokers: Sequence[str]
    """Where the workers find Kafka: they take turns, so each may have a wire of its own."""
    prefix: str
    folder: Path
    plan: Plan
    idle: list[Worker] = field(default_factory=list)
    size: int = 0
    """How many there are to be: those that are idle, and those that a fault will put back."""
    all: list[Worker] = field(default_factory=list)
    happened: list[Happened] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    rss: Counter[str] = field(default_factory=Counter)
    """The most that each took, bytes."""
    logged: dict[str, int] = field(default_factory=dict)
    """Where the log of each began when it was started last."""
    moves: dict[tuple[str, int], dict[str, int]] = field(default_factory=dict)
    """By worker and process what it had counted of logs that moved when it was seen last."""
    wanted: bool = True
    """Whether a worker that ends by itself is a problem."""

    def note(self, kind: str, what: str = "") -> Happened:
        """Write down what happens now."""
        one = Happened(kind, time.time(), what=what)
        self.happened.append(one)
        return one

    async def add(self) -> Worker:
        """Describe a further worker and launch it."""
        name = f"worker-{len(self.all)}"
        brokers = self.brokers[len(self.all) % len(self.brokers)]
        worker = Worker(brokers, self.prefix, self.folder / name, **self.plan.worker_settings())
        self.all.append(worker)
        self.size += 1
        await self.launch(worker)
        return worker

    async def launch(self, worker: Worker) -> None:
        """Start it (again), and have it at hand."""
        self.logged[worker.data_dir.name] = worker.log.stat().st_size if worker.log.exists() else 0
        await asyncio.to_thread(worker.launch)
        self.note("start", worker.data_dir.name)
        self.idle.append(worker)

    async def kill(self, worker: Worker) -> None:
        """SIGKILL."""
        self.note("kill", worker.data_dir.name)
        await asyncio.to_thread(worker.kill)

    def all_moves(self) -> Counter[str]:
        """Return what all workers counted of logs that moved, as far as it was seen; see `must_be_counted`."""
        found: Counter[str] = Counter()
        for one in self.moves.values():
            found.update(one)
        return found

    async def look_at_moves(self) -> None:
        """Read these metrics of each worker that answers."""
        await asyncio.gather(*(asyncio.to_thread(self._read_moves, worker) for worker in self.idle if worker.running))

    async def look_whether_ready(self) -> None:
        """Note those that are up and not ready, now that all is repaired."""
        for worker in self.idle:
            with contextlib.suppress(OSError):
                answer = await asyncio.to_thread(Api(worker.base, timeout=10).get, "/health/ready")
                if answer.status != 200:
                    self.problems.append(f"{worker.data_dir.name}: not ready at the end: {answer.body.decode()}")

    def _read_moves(self, worker: Worker) -> None:
        with contextlib.suppress(OSError, ValueError):
            text = Api(worker.base, timeout=2).get("/metrics").body.decode()
            self.moves[worker.data_dir.name, worker.pid] = {
                " ".join((topic.removeprefix(self.prefix), *what.split())): int(float(value))
                for topic, what, value in _MOVES.findall(text)
            }

    async def stop(self, worker: Worker) -> None:
        """SIGTERM; that it takes too long, or does not end with 0, is a problem."""
        noted = self.note("stop", worker.data_dir.name)
        with worker.log.open("rb") as log:
            log.seek(self.logged[worker.data_dir.name])
            # Before its own handlers are there, a signal ends Python as it ends any program.
            fine = (0,) if b"Starting..." in log.read() else (0, -signal.SIGTERM)
        name = f"{worker.data_dir.name}, stopped at {time.strftime('%H:%M:%S')}"
        try:
            code = await asyncio.to_thread(worker.stop, _STOP)
        except AssertionError:
            self.problems.append(f"{name}: did not end within {_STOP:.0f} s")
        else:
            if code not in fine:
                self.problems.append(f"{name}: ended with {code}")
        noted.until = time.time()

    async def watch(self) -> None:
        """Look at memory, and at workers that end by themselves, until cancelled."""
        while True:
            for worker in list(self.idle):
                name = worker.data_dir.name
                if self.wanted and not worker.running:
                    self.problems.append(f"{name}: ended by itself with {worker.returncode}")
                    self.idle.remove(worker)
                    # As whoever runs it would.
                    await self.launch(worker)
                    continue
                with contextlib.suppress(psutil.Error):
                    rss = psutil.Process(worker.pid).memory_info().rss
                    self.rss[name] = max(self.rss[name], rss)
            await self.look_at_moves()
            await asyncio.sleep(0.5)

    def api(self) -> Api:
        """Return a client of any worker that is up."""
        worker = next(one for one in self.idle if one.running)
        return Api(worker.base, timeout=30)

    def end(self) -> None:
        """Kill all that are left."""
        self.wanted = False
        for worker in self.all:
            worker.kill()
