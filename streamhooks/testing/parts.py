"""The parts of a worker that run calls, with replacements of Kafka, the clock and endpoints."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from streamhooks.delayed.admission import Admission
from streamhooks.delayed.entries import Entry
from streamhooks.delayed.kept import KeptArguments
from streamhooks.delayed.pending import Pending
from streamhooks.delayed.queues import Queues
from streamhooks.delayed.upkeep import call_of
from streamhooks.delivery.links import Links
from streamhooks.hooks.states import HookStates
from streamhooks.hooks.table import HooksTable
from streamhooks.in_flight.gate import Gate
from streamhooks.kafka.outbox import Outbox
from streamhooks.kafka.publisher import Publisher
from streamhooks.kafka.topic_reader import TopicReader
from streamhooks.limits.bulkheads import Bulkheads
from streamhooks.limits.places import Places
from streamhooks.limits.restraints import Restraints
from streamhooks.records.dead_letter import DeadLetter
from streamhooks.records.firing import Attempt
from streamhooks.records.formats import decode
from streamhooks.records.hook import Hook
from streamhooks.settings import Settings
from streamhooks.sources.topics import Sources
from streamhooks.tasks.call import Call
from streamhooks.tasks.context import Services
from streamhooks.tasks.endings import Ending, Limits
from streamhooks.tasks.lanes import HookLane
from streamhooks.tasks.notes import Notes
from streamhooks.tasks.outputs import Outputs
from streamhooks.tasks.runner import TaskRunner
from streamhooks.tasks.runs import Runs
from streamhooks.tasks.settler import Settler
from streamhooks.tasks.task import registry
from streamhooks.testing.kafka import TOPICS, Kafka
from streamhooks.webhooks.attempting import Attempting
from streamhooks.webhooks.deliver import Post, deliverer
from streamhooks.webhooks.rendering import Rendering
from streamhooks.webhooks.runner import DeliveryRunner
from streamhooks.webhooks.runners import Runners

_DEFAULTS = Settings.model_construct()

TellEnding = Callable[[Call, Ending], None]


class Parts:
    """The parts and the clock. `post` sends a request, `ended` is called with each call and its ending."""

    def __init__(self, hooks: Iterable[Mapping[str, Any]], post: Post, ended: TellEnding) -> None:
        #: the time of the clock, epoch milliseconds
        self.now = int(time.time()) * 1000
        self.kafka = Kafka()
        self.dead_letters: list[DeadLetter] = []
        self._post = post
        self._ended = ended
        self._pending = Pending(self.clock)
        self._hooks = HooksTable(TOPICS.hooks, TOPICS.hook_states, clock=self.clock, steady_clock=self.clock)
        self._restraints = Restraints(
            self._hooks,
            is_owner=lambda _hook: True,
            tell=lambda *told: self._notes.tell(*told),
            clock=self.clock,
            wall=self.clock,
            breaker=False,  # it also uses the steady clock of the machine
        )
        self._admission = Admission(self._hooks, self._restraints, Queues(), _DEFAULTS.hook_max_in_flight)
        for fields in hooks:
            hook = Hook.from_fields(dict(fields))
            self.kafka.publish(TOPICS.hooks, hook.to_json(), key=hook.id)

    def clock(self) -> float:
        """Return epoch seconds."""
        # Add half a millisecond, so that rounding gives the same milliseconds again.
        return (self.now + 0.5) / 1000

    def take_in(self) -> None:
        """Apply the records that were written."""
        for record in self.kafka.unread():
            if record.topic == TOPICS.delayed:
                self._pending.apply(record)
            elif record.topic == TOPICS.dead_letters:
                self.dead_letters.append(decode(DeadLetter, record.value))
            elif record.topic in (TOPICS.hooks, TOPICS.hook_states):
                self._hooks.apply([record])

    def waiting(self) -> list[Entry]:
        """Return the waiting calls by due time, then in the order of their creation."""
        self.take_in()
        return sorted((one for one in self._pending.snapshot() if one.state == "waiting"), key=lambda one: one.due)

    def next_due(self, until: float) -> Entry | None:
        """Set the clock to the due time of the next call, and return the call; None if none is due by `until`."""
        while entries := [one for one in self.waiting() if one.due <= until and not self._is_held(one)]:
            entry = entries[0]
            self.now = max(self.now, entry.due)
            wait = self._admission.wait(entry.hook_id) if entry.hook_id is not None else None
            if not wait:
                return entry
            self._run_at(entry, wait)  # its hook has a rate, or is paused
        return None

    def _is_held(self, entry: Entry) -> bool:
        """Tell whether the call waits until its hook is enabled."""
        hook = self._hooks.get(entry.hook_id or "")
        return hook is not None and bool(hook.blocked or not self._hooks.is_active(hook.id))

    def _run_at(self, entry: Entry, seconds: float = 0.0) -> None:
        self._pending.run_at(entry, self.now + math.ceil(seconds * 1000))

    async def run(self, entry: Entry, runners: Runners, runs: Runs) -> None:
        """Run a waiting call; return when it and all calls that it started in place have ended."""
        entry.state = "running"
        if entry.hook_id is not None:
            runners.enter(HookLane(entry.hook_id))
        runners.start_pending(call_of(entry), _Owner(partial(self._run_at, entry)))
        while not await runs.idle(60):
            pass

    def make_runners(self) -> tuple[Runners, Runs]:
        """Make the runners of calls in the current event loop, as `worker.running` does."""
        clock, hooks, limits = self.clock, self._hooks, Limits(_DEFAULTS.retry_delay, None, jitter=0.0)
        outbox = Outbox(cast(Publisher, self.kafka), asyncio.get_running_loop())
        outputs = Outputs(outbox, TOPICS, clock)
        gate = Gate(lambda: True)
        gate.open("start")
        runs = Runs(gate, outputs, KeptArguments(self.kafka.read_one, Sources(TOPICS)).read)
        self._notes = Notes(outputs, runs, _partition_of, clock)
        rest = _Rest(self.take_in)
        settler = _Settler(outputs, rest, self._notes, hooks, registry, clock)
        settler.tell = self._ended
        places = Places(Bulkheads(_DEFAULTS.max_in_flight, self._admission.bound_of))
        deliver = deliverer(self._post, clock=clock, timeout=_DEFAULTS.request_timeout, max_body=_DEFAULTS.max_body)
        attempting = Attempting(registry, hooks, Rendering(Links(_DEFAULTS.base_url)), deliver, limits, clock)
        restraints = self._restraints
        deliveries = DeliveryRunner(attempting, hooks, places, restraints, rest, settler, runs, log_bodies=False)
        states = HookStates(outbox, TOPICS, hooks, cast(TopicReader, rest), clock)
        services = Services(hooks, _no_resource, states.note)
        tasks = TaskRunner(registry, services, settler, runs, places, limits, _partition_of, deliveries.start)
        return Runners(deliveries, tasks, places, runs), runs


@dataclass
class _Owner:
    """The owner of a run: `give_back` lets its call wait again."""

    give_back: Callable[..., None]
    is_void: bool = False

    def hold(self) -> None:
        """Do nothing, because nothing waits for the release."""

    release = hold

    def running(self, _call: Call) -> AbstractAsyncContextManager[None]:
        """Nothing is around a run."""
        return nullcontext()


@dataclass
class _Rest:
    """Other parts of a run. Attempts are not counted; nothing is passed over, because no call has a source."""

    take_in: Callable[[], None]

    def add(self, _hook_id: str, _attempt: Attempt, done: Callable[[], None]) -> None:
        """Count nothing."""
        done()

    async def pass_over(self, hook: Hook, source: str) -> None:
        """Keep nothing."""

    async def wait_applied(self, _topic: str, _partition: int, _offset: int) -> None:
        """Apply the written records of hooks."""
        self.take_in()


class _Settler(Settler):
    tell: TellEnding

    def count(self, call: Call, ending: Ending) -> None:
        super().count(call, ending)
        self.tell(call, ending)


def _partition_of(_hook_id: str) -> int:
    return 0


async def _no_resource(_resource: str, _id: str) -> None:
    return None
