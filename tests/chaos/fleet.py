"""The workers of a run: which are up, what was done to them, how much memory they took."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from support import Api, Worker

from chaos.clocks import Clock
from chaos.plan import Plan
from chaos.repeats import Kill
from chaos.stacks import ENVIRONMENT, end_with_stacks
from chaos.usage import Life

_MOVES = re.compile(
    r'^streamhooks_(?:retention_jumps|moved_logs)_total\{topic="([^"]+)"(?:,what="([^"]+)")?\} (\S+)$', re.MULTILINE
)
#: seconds until a worker has tried again what it could not write: its longest backoff is 60
_TRIED_AGAIN = 90.0


@dataclass
class Happened:
    """One thing that was done; times in epoch seconds."""

    kind: str
    at: float
    until: float | None = None
    what: str = ""

    def end(self) -> None:
        """Note that it is over, or undone."""
        self.until = time.time()


@dataclass
class Fleet:
    """All workers that there ever were; a fault takes one from `idle` and puts it back."""

    brokers: Sequence[str]
    """Where the workers find Kafka: they take turns, so each may have a wire of its own."""
    prefix: str
    folder: Path
    plan: Plan
    receiver: int
    """The receiver's port."""
    sources: Path
    """The file that names the own topics."""
    idle: list[Worker] = field(default_factory=list)
    size: int = 0
    """The wanted number: those that are idle, and those that a fault will put back."""
    all: list[Worker] = field(default_factory=list)
    happened: list[Happened] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    rss: Counter[str] = field(default_factory=Counter)
    """The most that each took, bytes."""
    clocks: dict[str, Clock] = field(default_factory=dict)
    """By worker, if they can be shifted."""
    lives: list[Life] = field(default_factory=list)
    """Each process that there ever was, the latest ones last."""
    kills: list[Kill] = field(default_factory=list)
    logged: dict[str, int] = field(default_factory=dict)
    """Where the log of each began when it was started last."""
    moves: dict[tuple[str, int], dict[str, int]] = field(default_factory=dict)
    """By worker and process what it had counted of logs that moved when it was seen last."""
    wanted: bool = True
    """A worker that ends by itself is a problem."""

    def note(self, kind: str, what: str = "") -> Happened:
        """Write down what happens now."""
        one = Happened(kind, time.time(), what=what)
        self.happened.append(one)
        with (self.folder / "happened.log").open("a") as log:  # to be read while a long run goes on
            log.write(f"{time.strftime('%H:%M:%S')} {kind} {what}\n")
        return one

    async def add(self) -> Worker:
        """Describe a further worker and launch it."""
        name = f"worker-{len(self.all)}"
        brokers = self.brokers[len(self.all) % len(self.brokers)]
        environment = dict(ENVIRONMENT)
        if self.plan.has_clocks:
            clock = self.clocks[name] = Clock(self.folder / name / "clock")
            environment |= clock.environment
        worker = Worker(
            brokers,
            self.prefix,
            self.folder / name,
            environment=environment,
            sources=self.sources,
            **self.plan.worker_settings(),
        )
        self.all.append(worker)
        self.size += 1
        await self.launch(worker)
        return worker

    async def launch(self, worker: Worker) -> None:
        """Start it (again), and have it at hand."""
        await self.start(worker)
        self.idle.append(worker)

    async def start(self, worker: Worker) -> None:
        """Start it (again) for who has taken it."""
        name = worker.data_dir.name
        self.logged[name] = worker.log.stat().st_size if worker.log.exists() else 0
        await asyncio.to_thread(worker.launch)
        self.lives.append(Life(name, worker.pid, time.time()))
        self.note("start", name)

    def has_spoken(self, worker: Worker) -> bool:
        """Tell whether the worker has written a line since it was started."""
        return worker.log.stat().st_size > self.logged[worker.data_dir.name]

    def life(self, worker: Worker) -> Life:
        """Return its present life, or its last one."""
        return next(one for one in reversed(self.lives) if one.worker == worker.data_dir.name)

    async def kill(self, worker: Worker) -> None:
        """SIGKILL; frozen just before, so that it is known which requests it has in flight."""
        noted, life = self.note("kill", worker.data_dir.name), self.life(worker)
        with contextlib.suppress(AssertionError, psutil.Error):  # it has ended, or just begins
            await asyncio.to_thread(worker.pause)
            await asyncio.to_thread(life.look, time.time(), self.receiver)
        await asyncio.to_thread(worker.kill)
        self.kills.append(Kill(noted.at, life.worker, life.started, frozenset(life.ports)))

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
        """Note workers that are up and not ready, although everything is repaired and they have had time to retry."""
        for worker in self.idle:
            try:
                await asyncio.to_thread(worker.wait_ready, _TRIED_AGAIN)
            except AssertionError as error:
                self.problems.append(f"{worker.data_dir.name}: not ready at the end: {str(error).splitlines()[0]}")

    async def ready_answers(self, since: float) -> dict[str, int]:
        """Return by worker the status of `GET /health/ready`, of those that have run since then (epoch seconds)."""
        found = {}
        for worker in [one for one in self.idle if self.life(one).started < since]:
            with contextlib.suppress(OSError):
                answer = await asyncio.to_thread(Api(worker.base, timeout=5).get, "/health/ready")
                found[worker.data_dir.name] = answer.status
        return found

    def _read_moves(self, worker: Worker) -> None:
        with contextlib.suppress(OSError, ValueError):
            text = Api(worker.base, timeout=2).get("/metrics").body.decode()
            self.moves[worker.data_dir.name, worker.pid] = {
                " ".join((topic.removeprefix(self.prefix), *what.split())): int(float(value))
                for topic, what, value in _MOVES.findall(text)
            }

    async def stop(self, worker: Worker, number: signal.Signals = signal.SIGTERM) -> None:
        """Send this signal; that it takes too long, or does not end with 0, is a problem."""
        noted = self.note("stop", f"{worker.data_dir.name} {number.name}")
        # Before its first line, a signal ends Python as it ends any program.
        fine = (0,) if self.has_spoken(worker) else (0, -number)
        name = f"{worker.data_dir.name}, {number.name} at {time.strftime('%H:%M:%S')}"
        limit = self.plan.stop_limit
        if worker.running:
            os.kill(worker.pid, number)
        try:
            code = await asyncio.to_thread(worker.wait, limit)
        except subprocess.TimeoutExpired:
            stacks = await asyncio.to_thread(end_with_stacks, worker.pid, worker.log, lambda: worker.running)
            self.problems.append(f"{name}: did not end within {limit:.0f} s; it did:\n{stacks}")
            await asyncio.to_thread(worker.kill)
        else:
            if code not in fine:
                self.problems.append(f"{name}: ended with {code}")
        noted.until = time.time()

    async def watch(self) -> None:
        """Look at memory, and at workers that end by themselves, until cancelled."""
        while True:
            for worker in list(self.idle):
                if worker not in self.idle:
                    continue  # a fault has taken it meanwhile
                name = worker.data_dir.name
                if self.wanted and not worker.running:
                    self.problems.append(f"{name}: ended by itself with {worker.returncode}")
                    self.idle.remove(worker)
                    # As whoever runs it would.
                    await self.launch(worker)
                    continue
                with contextlib.suppress(psutil.Error, OSError):
                    life = self.life(worker)
                    memory = await asyncio.to_thread(life.look, time.time(), self.receiver)
                    self.rss[name] = max(self.rss[name], memory)
                    life.write(worker.data_dir / f"usage-{life.pid}.csv")
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
