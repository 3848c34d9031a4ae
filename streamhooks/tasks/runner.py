"""Runs tasks without a hook: fan-outs, reports to owners, and the tasks of users."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from streamhooks.in_flight.cancelling import is_being_cancelled, is_closed_by_another
from streamhooks.kafka.reader import TURN
from streamhooks.limits.places import Places
from streamhooks.masking import shown
from streamhooks.metrics import QUEUE_SECONDS, TASK_SECONDS
from streamhooks.records.ids import derived_id
from streamhooks.tasks import context
from streamhooks.tasks.call import Call
from streamhooks.tasks.context import Running, Services
from streamhooks.tasks.endings import DONE, Ending, EndingKind, Limits, dead, ended_its_process, ending_of
from streamhooks.tasks.lanes import TaskLane, task_lane
from streamhooks.tasks.middleware import around
from streamhooks.tasks.owners import Family, Owner, PendingOwner
from streamhooks.tasks.places import AT_ONCE, TaskPlaces
from streamhooks.tasks.runs import Runs
from streamhooks.tasks.sending import Handle
from streamhooks.tasks.settler import Settler
from streamhooks.tasks.task import AnyTask, Delivery, FanOut
from streamhooks.times import steady

log = logging.getLogger(__name__)

#: a call that has ended its process so often is given up
MOST_STARTS = 3

StartDelivery = Callable[[Call, Owner], Awaitable[None]]


class Ran(NamedTuple):
    """How a run ended, the deliveries that it causes, and the calls that it made."""

    ending: Ending
    deliveries: Sequence[Delivery] = ()
    handles: Sequence[Handle] = ()


class TaskRunner:
    """Starts calls without a hook, and settles them. One per worker."""

    def __init__(
        self,
        registry: Mapping[str, AnyTask],
        services: Services,
        settler: Settler,
        runs: Runs,
        places: Places,
        limits: Limits,
        partition_of: Callable[[str], int],
        start_delivery: StartDelivery,
    ) -> None:
        self._registry = registry
        self._services = services
        self._settler = settler
        self._runs = runs
        self._places = places
        self._limits = limits
        self._partition_of = partition_of
        self._start_delivery = start_delivery
        self._first = asyncio.Semaphore(AT_ONCE)
        self.places = TaskPlaces(registry, lambda: places.bulkheads.on_free())

    async def start(self, call: Call, owner: Owner) -> None:
        """Start a call as soon as there is room; release its owner when all that it causes has ended."""
        await self._first.acquire()
        self._runs.start(call, owner, self._run(call, owner, self._first.release), self.start)

    def has_room(self, lane: TaskLane) -> bool:
        """Tell whether a pending call of the lane may start."""
        return self.places.has_room(lane)

    def start_pending(self, call: Call, owner: PendingOwner) -> None:
        """Start a pending call, for which there is room."""
        lane = task_lane(call.task)
        self.places.enter(lane, call.task)
        run = self._run(call, owner, partial(self.places.leave, lane, call.task), owner)
        self._runs.start(call, owner, self._places.weighing(call.size, run), self.start, owner.give_back)

    async def _run(
        self, call: Call, owner: Owner, leave: Callable[[], None], pending: PendingOwner | None = None
    ) -> None:
        try:
            if not await self._may_run(owner):
                return
            if pending is None:
                ran = await self._traced(call)
            elif not await self._runs.has_arguments(call, owner, pending.give_back):
                return
            elif call.starts >= MOST_STARTS:
                ran = Ran(ended_its_process(call))
            elif call.task not in self._registry:
                ran = await self._traced(call)
            else:
                async with pending.running(call):
                    if not await self._may_run(owner):
                        return
                    ran = await self._traced(call)
        finally:
            leave()
        if call.stored:
            # A tombstone settles its record only after all deliveries that it caused are settled.
            children = Family(owner)
            await self._start_deliveries(call, ran.deliveries, children)
            await children.ended()
        else:
            await self._start_deliveries(call, ran.deliveries, owner)
        left = self._settler.settle(call, ran.ending, owner, handles=ran.handles)
        if left is not None:
            await left

    async def _may_run(self, owner: Owner) -> bool:
        """Wait until anything may start; return whether the call is still ours."""
        if not self._runs.gate.is_open:
            await self._runs.gate.wait_open()
        return not owner.is_void

    async def _traced(self, call: Call) -> Ran:
        tracing = self._services.tracing
        if tracing is None or not task_lane(call.task).is_of_users:
            return await self._execute(call)
        with tracing.running(call) as span:
            ran = await self._execute(call, span.traceparent)
            span.ended(ran.ending)
        return ran

    async def _execute(self, call: Call, traceparent: str | None = None) -> Ran:
        if call.expires is not None and self._settler.now_ms() >= call.expires:
            log.info("a call of %s has expired and does not run: id=%s", shown(call.task), shown(call.id))
            return Ran(Ending(EndingKind.EXPIRED))
        task = self._registry.get(call.task)
        if task is None:  # of a pending call only in a test: a worker does not start it, see `delayed.unknown_tasks`
            return Ran(dead(f"unknown task {shown(call.task)}"))
        run = Running(call, self._services, max_retries=task.max_retries, traceparent=traceparent)
        started, ours = steady(), asyncio.current_task()
        QUEUE_SECONDS.observe(call.task, max(0.0, self._settler.clock() - (call.due or call.created) / 1000))
        token = context.enter(run)
        try:
            with around(run):
                result = await task.run(call.args, call.kwargs)
        except BaseException as error:
            # Whatever a task raises is its failure: what would end the process, and what is no Exception. Only who
            # lets go of the run has the last word, by cancelling it or by closing its coroutine.
            if isinstance(error, asyncio.CancelledError) and is_being_cancelled():
                raise
            if isinstance(error, GeneratorExit) and is_closed_by_another(ours):
                raise
            return Ran(ending_of(call, task, error, self._limits), (), run.handles)
        else:
            return Ran(DONE, result if isinstance(task, FanOut) else (), run.handles)
        finally:
            context.leave(token)
            TASK_SECONDS.observe(call.task, steady() - started)

    async def _start_deliveries(self, parent: Call, deliveries: Sequence[Delivery], owner: Owner) -> None:
        for number, delivery in enumerate(deliveries, 1):
            if number % TURN == 0:
                await asyncio.sleep(0)  # most start without waiting
            owner.hold()
            try:
                await self._start_delivery(self._child(parent, delivery), owner)
            except BaseException:
                owner.release()
                raise

    def _child(self, parent: Call, delivery: Delivery) -> Call:
        # One delivery per hook and source record: its id is the same whether the fan-out ran here or as a retry.
        now = self._settler.now_ms()
        return Call(
            derived_id(parent.id, delivery.hook_id),
            delivery.task,
            self._partition_of(delivery.hook_id),
            now,
            list(delivery.args),
            due=now,
            hook_id=delivery.hook_id,
            source=parent.source,
            event=delivery.event,
            traceparent=parent.traceparent,
            webhook_id=derived_id(parent.webhook_id, delivery.hook_id),
            hops=parent.hops,
            redriven=parent.redriven,
            cause=parent.cause,
            size=parent.size,
        )
