"""A runner and a scheduler with everything around them faked, for tests of what becomes of calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from streamhooks.delayed.alone import Alone
from streamhooks.delayed.entries import Entry
from streamhooks.delayed.log import DelayedLog
from streamhooks.delayed.owner_marks import OwnerMarks
from streamhooks.delayed.pending import Pending
from streamhooks.delayed.queues import Queues
from streamhooks.delayed.scheduler import Scheduler
from streamhooks.delayed.takeovers import Takeovers
from streamhooks.delayed.upkeep import Upkeep
from streamhooks.delivery.client import Answer
from streamhooks.delivery.links import Links
from streamhooks.delivery.outcomes import Attempted, Request, Verdict, VerdictKind
from streamhooks.in_flight.gate import Gate
from streamhooks.in_flight.room import Weight
from streamhooks.kafka.reader import Record
from streamhooks.limits.bulkheads import Bulkheads
from streamhooks.limits.places import Places
from streamhooks.limits.restraints import Restraints
from streamhooks.records.call import DelayedCall
from streamhooks.records.weight import LARGE
from streamhooks.tasks.call import Call
from streamhooks.tasks.context import Services
from streamhooks.tasks.endings import Limits
from streamhooks.tasks.notes import Notes
from streamhooks.tasks.runner import TaskRunner
from streamhooks.tasks.runs import Runs
from streamhooks.tasks.settler import Settler
from streamhooks.tasks.task import FanOut, Task, policy_of
from streamhooks.webhooks.attempting import Attempting
from streamhooks.webhooks.rendering import Payload, Rendering
from streamhooks.webhooks.runner import DeliveryRunner
from streamhooks.webhooks.runners import Runners
from streamhooks.webhooks.tasks import DeliveryTask
from support.examples import HOOK
from support.fakes import Clock, Firings, Hooks, Outputs, Owner

NOW = 1000.0


class World:
    def __init__(
        self, bound: int = 10, first: int | None = None, again: int | None = None, tracing=None, soon=None, **limits
    ) -> None:
        self.outputs, self.firings = Outputs(), Firings()
        self.tasks: dict[str, Task] = {}
        self.gate = Gate(lambda: True)
        self.gate.open("start")
        self.hooks = Hooks()
        self.told: list = []
        self.passed_over: list = []
        self.restraints = Restraints(
            self.hooks, is_owner=lambda _hook: True, tell=lambda *told: self.told.append(told), clock=lambda: NOW
        )
        self.queues = Queues()
        self.bulkheads = Bulkheads(100, lambda _hook: bound, lambda: NOW, self.queues.tell_of_room)
        self.places = places = Places(self.bulkheads, Weight(first), Weight(again))
        self.limits = Limits(**({"retry_delay": 300.0, "max_retries": None} | limits))
        self.runs = runs = Runs(self.gate, self.outputs, lambda call: self.read_arguments(call))
        self.notes = Notes(self.outputs, runs, lambda _hook: 3, lambda: NOW)
        self.settler = Settler(self.outputs, self.firings, self.notes, self.hooks, self.tasks, lambda: NOW)
        rendering = Rendering(Links("http://base"))
        self.deliveries = DeliveryRunner(
            Attempting(self.tasks, self.hooks, rendering, self.deliver, self.limits, lambda: NOW, tracing, soon),
            self.hooks,
            places,
            self.restraints,
            self,
            self.settler,
            runs,
            log_bodies=True,
        )
        self.of_tasks = TaskRunner(
            self.tasks,
            Services(self.hooks, None, None, tracing=tracing),
            self.settler,
            runs,
            places,
            self.limits,
            lambda _hook: 3,
            self.deliveries.start,
        )
        self.runners = Runners(self.deliveries, self.of_tasks, places, runs)
        self.read: list[str] = []
        self.written: list[tuple[str, bytes | None]] = []
        self.steady = Clock(100.0)
        self.answers: list = []

    async def read_arguments(self, call):
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, Exception):
            raise answer
        if answer and call.kept_at is not None:
            self.read.append(call.id)
            call.args, call.kept_at = ["x" * LARGE], None
        return answer

    # the log of `delayed`: what is written is read back

    async def publish(self, value, *, key, partition, headers=()):
        await asyncio.sleep(0)
        self.written.append((key, value))
        self.log.apply([Record("delayed", partition, 1000 + len(self.written), 0, key.encode(), value, tuple(headers))])

    # what keeps what comes for a disabled hook

    def pass_over(self, hook, source):
        self.passed_over.append((hook, source))
        return asyncio.sleep(0)

    def task(self, function, name="streamhooks.t", max_retries=5, kind=Task):
        """A task without a hook, which calls the function."""
        self.tasks[name] = kind(name, function, 300.0, max_retries, policy_of(function))
        return self.tasks[name]

    def fan_out(self, function, name="streamhooks.t"):
        return self.task(function, name, kind=FanOut)

    def delivery(self, function, name="streamhooks.t", max_retries=5):
        """A task that delivers: the function takes the call and gives what came of the attempt; None is a 200."""

        def render(_rendering, _hook, *_args):
            return Payload(b"body", function)

        self.tasks[name] = DeliveryTask(name, None, 300.0, max_retries, render=render)
        return self.tasks[name]

    async def deliver(self, call, _hook, payload, traceparent=None, *, is_shown=False):
        return await payload.headers(call) or attempted(200)

    async def run(self, function, *, attempt=1, hook_id=HOOK.id, stored=False, **options) -> Owner:
        task = (self.delivery if hook_id else self.task)(function, **options)
        owner = Owner()
        call = Call("c1", task.name, 0, 0, attempt=attempt, hook_id=hook_id, source="e:0:0", stored=stored)
        await self.runners.start(call, owner)
        await asyncio.wait_for(owner.ended.wait(), 30)
        await self.runs.idle(30)
        return owner


def attempted(
    status: int | None, kind: str = "delivered", reason: str = "", retry_after: float | None = None
) -> Attempted:
    """What came of an attempt that was sent, with this verdict; without a status it timed out."""
    error, of_kind = (None, "answered") if status else ("timeout", "timeout")
    verdict = Verdict(VerdictKind(kind), retry_after, reason or error or f"status {status}")
    return Attempted(Request(5, HOOK.url, b"body"), Answer(status, error, of_kind, (), "answer", 7), verdict)


def sends(status: int | None, kind: str = "delivered", retry_after: float | None = None):
    """A delivery of which this comes."""

    async def deliver(_call):
        return attempted(status, kind, retry_after=retry_after)

    return deliver


def pending_call(number: int, task: str, hook_id: str | None = None) -> Record:
    call = DelayedCall(f"c{number}", task, 1, int(NOW * 1000) - 1000 + number, 0, "countdown", hook_id=hook_id)
    return Record("delayed", 0, number, 0, call.id.encode(), call.to_json())


@dataclass
class Admission:
    """Lets calls in by `wait`."""

    wait: Callable[[str], float | None]
    is_skipped: Callable[[Entry], bool] = lambda _entry: False


@asynccontextmanager
async def scheduling(
    world: World, *records: Record, wait=lambda _hook_id: 0.0, clock=lambda: NOW, has_tasks=False, **further
):
    pending, marks = Pending(lambda: NOW), OwnerMarks()
    world.alone = Alone(pending, world.publish, lambda lane: world.runners.has_room(lane, 0), world.steady)
    takeovers = Takeovers(
        marks, world.alone, world.publish, is_read=lambda _partition: True, has_tasks=has_tasks, clock=clock
    )
    takeovers.take_over([0])
    scheduler = Scheduler(
        pending,
        world.queues,
        world.runners,
        Upkeep(pending, world.outputs, None, "delayed", world.read_arguments, clock),
        Admission(wait),
        takeovers=takeovers,
        clock=clock,
        **further,
    )
    world.log = DelayedLog(pending, marks, world.queues.changed)
    world.takeovers = takeovers
    world.log.apply(list(records))
    running = asyncio.create_task(scheduler.run())
    try:
        yield scheduler
    finally:
        running.cancel()
        world.runs.cancel()
