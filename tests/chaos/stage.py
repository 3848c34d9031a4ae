"""Everything that a fault can touch."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from confluent_kafka.admin import AdminClient
from support import Worker, eventually

from chaos.account import Removal
from chaos.changes import Journal
from chaos.disk import SmallDisk
from chaos.fleet import Fleet
from chaos.ledger import Receiver
from chaos.load import Load
from chaos.plan import Plan
from chaos.proxy import Wire
from chaos.scene import Hook
from chaos.toggles import Toggle
from streamhooks.dev.kafka import EmbeddedKafka

T = TypeVar("T")


@dataclass
class Stage:
    """The parts of a run, and what was done to them that matters for the account."""

    plan: Plan
    fleet: Fleet
    kafka: EmbeddedKafka
    receiver: Receiver
    hooks: tuple[Hook, ...]
    load: Load
    wires: Sequence[Wire]
    troubled: set[str] = field(default_factory=set)
    """Hooks whose endpoint misbehaved for a while."""
    removals: list[Removal] = field(default_factory=list)
    """Records that Kafka no longer holds."""
    kept: list[bytes] = field(default_factory=list)
    """What `dead-letters` held when it was deleted."""
    shifts: set[float] = field(default_factory=lambda: {0.0})
    """How far, in seconds, clocks of workers ever were from the machine's."""
    journal: Journal = field(default_factory=Journal)
    """What callers changed of hooks."""
    toggles: list[Toggle] = field(default_factory=list)
    """When hooks were disabled and enabled."""
    disk: SmallDisk | None = None
    """The first broker's, if it can be full."""
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by who touches the brokers or a log: so it is known what is in which log."""
    toggling: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by who disables and enables hooks."""

    def topic(self, name: str) -> str:
        """Return the name of a topic with its prefix."""
        return self.fleet.prefix + name

    @property
    def admin(self) -> AdminClient:
        """Return a new client: one that lives through a broker's restart waits before it connects again."""
        return AdminClient({"bootstrap.servers": self.kafka.brokers, "log_level": 0})

    async def ask(self, action: Callable[[AdminClient], T], timeout: float = 60.0) -> T:
        """Do something with Kafka in a thread, again and again until it succeeds."""
        admin = self.admin

        def tried() -> list[T]:
            return [action(admin)]

        return (await asyncio.to_thread(eventually, tried, timeout, 0.2))[0]

    # --- taking workers

    async def take(self, draw: random.Random, *, ends: bool = False) -> Worker:
        """Wait for a worker that nothing else is being done to; `ends`: one that may be ended."""
        while not (able := self._able(ends)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        worker = draw.choice(able)
        self.fleet.idle.remove(worker)
        return worker

    def take_all(self, *, ends: bool = False) -> list[Worker]:
        """Take all those that nothing else is being done to; `ends`: and that may be ended."""
        taken = self._able(ends)
        for worker in taken:
            self.fleet.idle.remove(worker)
        return taken

    def _able(self, ends: bool) -> list[Worker]:
        lasting = self.fleet.all[: self.plan.lasting] if ends else ()
        return [worker for worker in self.fleet.idle if worker not in lasting]

    async def kill(self, draw: random.Random, worker: Worker) -> None:
        """Kill a worker that was taken, and start it again at once or some seconds later."""
        await self.fleet.kill(worker)
        await asyncio.sleep(draw.choice((0.0, draw.uniform(0, 3), self.plan.session_timeout + 1)))
        await self.fleet.launch(worker)

    @contextlib.asynccontextmanager
    async def frozen(self) -> AsyncIterator[None]:
        """Freeze all workers that nothing else is being done to."""
        taken = self.take_all()
        try:
            for worker in taken:
                with contextlib.suppress(AssertionError):  # it has ended; whoever watches sees it
                    await asyncio.to_thread(worker.pause)
            yield
        finally:
            for worker in taken:
                worker.resume()
            self.fleet.idle += taken

    @contextlib.contextmanager
    def noted(self, kind: str, what: str = "") -> Iterator[None]:
        """Write down what happens in the block."""
        one = self.fleet.note(kind, what)
        try:
            yield
        finally:
            one.end()


Fault = Callable[[Stage, random.Random], Awaitable[None]]
Faults = Mapping[str, Fault]
