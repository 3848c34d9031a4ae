"""What happens to the system: each fault a coroutine that ends when its damage is undone."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from support import Worker

from chaos.fleet import Fleet
from chaos.ledger import Receiver
from chaos.plan import Plan
from chaos.scene import BEHAVIOURS, Hook
from streamhooks.dev.kafka import EmbeddedKafka

_TROUBLES: Mapping[str, Mapping[str, object]] = {
    "hang": {"hang": True},
    "reset": {"reset": True},
    "fail": {"status": 503},
}


@dataclass
class Faults:
    """Everything that a fault can touch."""

    plan: Plan
    fleet: Fleet
    kafka: EmbeddedKafka
    receiver: Receiver
    hooks: tuple[Hook, ...]
    troubled: set[str] = field(default_factory=set)
    """Hooks whose endpoint misbehaved for a while."""
    _broker: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self, seconds: float) -> None:
        """Let things happen for so long; return when all is repaired."""
        end = time.monotonic() + seconds
        draw = random.Random(f"choices:{self.plan.seed}")
        async with asyncio.TaskGroup() as group:
            for wait, kind in self.plan.deal():
                await asyncio.sleep(min(wait, max(0.0, end - time.monotonic())))
                if time.monotonic() >= end:
                    break
                # Its own dice: what one fault draws must not depend on how long another took.
                group.create_task(self._happen(kind, random.Random(draw.random())))

    async def _happen(self, kind: str, draw: random.Random) -> None:
        if kind in _TROUBLES:
            await self._trouble(kind, draw)
        elif kind.endswith("broker"):
            await self._break_broker(kind, draw)
        elif kind == "join":
            await self._join()
        elif kind == "kill all":
            await asyncio.gather(*(self._kill(worker, draw) for worker in self._take_all()))
        elif (worker := await self._take(draw)) is not None:
            await {"kill": self._kill, "stop": self._stop, "leave": self._leave, "pause": self._pause}[kind](
                worker, draw
            )

    async def _take(self, draw: random.Random) -> Worker | None:
        while not self.fleet.idle:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        worker = draw.choice(self.fleet.idle)
        self.fleet.idle.remove(worker)
        return worker

    def _take_all(self) -> list[Worker]:
        taken, self.fleet.idle[:] = list(self.fleet.idle), []
        return taken

    # --- workers

    async def _kill(self, worker: Worker, draw: random.Random) -> None:
        await self.fleet.kill(worker)
        await asyncio.sleep(draw.choice((0.0, draw.uniform(0, 3), self.plan.session_timeout + 1)))
        await self.fleet.launch(worker)

    async def _stop(self, worker: Worker, draw: random.Random) -> None:
        await self.fleet.stop(worker)
        await asyncio.sleep(draw.uniform(0, 2))
        await self.fleet.launch(worker)

    async def _join(self) -> None:
        if self.fleet.size < self.plan.most_workers:
            await self.fleet.add()

    async def _leave(self, worker: Worker, draw: random.Random) -> None:
        if self.fleet.size == 1:
            await self._stop(worker, draw)
            return
        self.fleet.size -= 1
        await self.fleet.stop(worker)

    async def _pause(self, worker: Worker, draw: random.Random) -> None:
        noted = self.fleet.note("pause", worker.data_dir.name)
        worker.pause()
        await asyncio.sleep(self.plan.session_timeout + draw.uniform(1, 5))
        worker.resume()
        noted.until = time.time()
        self.fleet.idle.append(worker)

    # --- what they talk to

    async def _break_broker(self, kind: str, draw: random.Random) -> None:
        async with self._broker:
            noted = self.fleet.note(kind)
            if kind == "pause broker":
                self.kafka.pause()
                await asyncio.sleep(draw.uniform(2, 5))
                self.kafka.resume()
            else:
                if kind == "kill broker":
                    await asyncio.to_thread(self.kafka.kill)
                    await asyncio.sleep(draw.uniform(0, 3))
                await asyncio.to_thread(self.kafka.restart)
            noted.until = time.time()

    async def _trouble(self, kind: str, draw: random.Random) -> None:
        chosen = [hook for hook in self.hooks if draw.random() < 0.3]
        noted = self.fleet.note(kind, f"{len(chosen)} endpoints")
        self.troubled.update(hook.id for hook in chosen)
        for hook in chosen:
            await asyncio.to_thread(self.receiver.behave, hook.path, _TROUBLES[kind])
        await asyncio.sleep(draw.uniform(3, 8))
        for hook in chosen:
            await asyncio.to_thread(self.receiver.behave, hook.path, BEHAVIOURS[hook.behaviour])
        noted.until = time.time()
