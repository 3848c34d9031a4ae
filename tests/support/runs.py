"""A runner and a scheduler with everything around them faked, for tests of what becomes of calls."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from streamhooks.delayed.pending import Pending
from streamhooks.delayed.scheduler import Scheduler
from streamhooks.delivery.outcomes import DeliveryFailed, DeliveryRejected, HookGone, Sent
from streamhooks.in_flight.gate import Gate
from streamhooks.in_flight.room import Weight
from streamhooks.kafka.reader import Record
from streamhooks.limits.bulkheads import Bulkheads
from streamhooks.limits.restraints import Restraints
from streamhooks.records.call import DelayedCall
from streamhooks.records.hook import Hook
from streamhooks.records.weight import LARGE
from streamhooks.tasks.call import Call
from streamhooks.tasks.context import Services, current
from streamhooks.tasks.endings import Limits
from streamhooks.tasks.retry import RetryPolicy
from streamhooks.tasks.runner import Runner, Weights
from streamhooks.tasks.task import Task

HOOK = Hook(id="a" * 32, organization_id="1", url="https://example.com/", events=(), secret="x" * 16)
NOW = 1000.0


@dataclass
class Outputs:
    stored: list = field(default_factory=list)
    settled: list = field(default_factory=list)
    dead: list = field(default_factory=list)
    ended: list = field(default_factory=list)
    ran: list = field(default_factory=list)

    async def store(self, call, *, attempt, due, reason, last=None):
        self.stored.append((call, attempt, due, reason, last))

    async def settle(self, call):
        self.settled.append(call)

    async def give_up(self, call, reason, last):
        self.dead.append((call, reason, last))

    async def end_letter(self, call, state, reason=None, last=None, *, ran=True):
        assert call not in self.settled  # else a kill in between would leave it sent for ever
        self.ended.append((call.letter, call.redriven, state, reason))
        self.ran.append(ran)


@dataclass
class Firings:
    attempts: list = field(default_factory=list)

    def add(self, hook_id, attempt, done):
        self.attempts.append(attempt)
        done()


@dataclass
class Owner:
    holds: int = 1
    is_void: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def hold(self):
        self.holds += 1

    def release(self):
        self.holds -= 1
        if not self.holds:
            self.ended.set()

    def give_back(self):
        self.ended.set()


class Hooks:
    def __init__(self, hook: Hook = HOOK) -> None:
        self.hook = hook
        self.active = True

    def get(self, hook_id):
        return self.hook if hook_id == self.hook.id else None

    def state(self, hook_id):
        return None

    lasting = state

    def is_active(self, hook_id):
        return self.active and hook_id == self.hook.id


class World:
    def __init__(self, bound: int = 10, first: int | None = None, again: int | None = None, **limits) -> None:
        self.outputs, self.firings = Outputs(), Firings()
        self.tasks: dict[str, Task] = {}
        self.gate = Gate(lambda: True)
        self.gate.open("start")
        self.hooks = Hooks()
        services = Services(self.hooks, None, None, None, None, "http://base")
        self.told: list = []
        self.passed_over: list = []
        restraints = Restraints(
            self.hooks, is_home=lambda _hook: True, tell=lambda *told: self.told.append(told), clock=lambda: NOW
        )
        self.runner = Runner(
            self.tasks,
            services,
            self.outputs,
            self.firings,
            gate=self.gate,
            bulkheads=Bulkheads(100, lambda _hook: bound, lambda: NOW),
            restraints=restraints,
            missed=self,
            limits=Limits(**({"retry_delay": 300.0, "max_retries": None} | limits)),
            log_bodies=True,
            clock=lambda: NOW,
            partition_of=lambda _hook: 3,
            weights=Weights(Weight(first), Weight(again)),
            read_arguments=self.read_arguments,
        )
        self.read: list[str] = []
        self.answers: list = []

    async def read_arguments(self, call):
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, Exception):
            raise answer
        if answer and call.kept_at is not None:
            self.read.append(call.id)
            call.args, call.kept_at = ["x" * LARGE], None
        return answer

    # what keeps what comes for a disabled hook

    def pass_over(self, hook, source):
        self.passed_over.append((hook, source))
        return asyncio.sleep(0)

    def task(self, function, name="streamhooks.t", max_retries=5, policy=None):
        policy = policy or getattr(function, "__retry_policy__", RetryPolicy())
        self.tasks[name] = Task(name, function, 300.0, max_retries, policy)
        return self.tasks[name]

    async def run(self, function, *, attempt=1, hook_id=HOOK.id, stored=False, **options) -> Owner:
        task = self.task(function, **options)
        owner = Owner()
        call = Call("c1", task.name, 0, 0, attempt=attempt, hook_id=hook_id, source="e:0:0", stored=stored)
        await self.runner.start(call, owner)
        await asyncio.wait_for(owner.ended.wait(), 5)
        await self.runner.idle(5)
        return owner


def sends(status: int | None, error: Exception | None = None, verdict: str = "delivered"):
    async def deliver():
        error_text = None if status else "timeout"
        current().sent = Sent(5, HOOK.url, b"body", status, error_text, 7, "answer", verdict=verdict)
        if error is not None:
            raise error

    return deliver


delivering = RetryPolicy(on=(DeliveryFailed,), exclude=(DeliveryRejected, HookGone, NotImplementedError))


def pending_call(number: int, task: str, hook_id: str | None = None) -> Record:
    call = DelayedCall(f"c{number}", task, 1, int(NOW * 1000) - 1000 + number, 0, "countdown", hook_id=hook_id)
    return Record("delayed", 0, number, 0, call.id.encode(), call.to_json())


@asynccontextmanager
async def scheduling(world: World, *records: Record, wait=lambda _hook_id: 0.0, clock=lambda: NOW, **further):
    pending = Pending(lambda: NOW)
    scheduler = Scheduler(
        pending,
        world.runner,
        world.outputs,
        None,
        topic="delayed",
        gate=world.gate,
        bulkheads=world.runner._bulkheads,
        is_ready=lambda _partition: True,
        wait=wait,
        is_skipped=lambda _entry: False,
        on_broken=lambda _record, _reason: None,
        read_arguments=world.read_arguments,
        clock=clock,
        **further,
    )
    scheduler.apply(list(records))
    running = asyncio.create_task(scheduler.run())
    try:
        yield scheduler
    finally:
        running.cancel()
        world.runner.cancel()
