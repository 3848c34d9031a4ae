"""Runs tasks without a hook: fan-outs, reports to owners, and the tasks of users."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from streamhooks.in_flight.cancelling import is_being_cancelled
from streamhooks.limits.places import Places
from streamhooks.masking import shown
from streamhooks.metrics import QUEUE_SECONDS, TASK_SECONDS
from streamhooks.records.ids import derived_id
from streamhooks.tasks import context
from streamhooks.tasks.call import Call
from streamhooks.tasks.context import Running, Services
from streamhooks.tasks.endings import DONE, Ending, EndingKind, Limits, dead, ending_of
from streamhooks.tasks.lanes import TaskLane, task_lane
from streamhooks.tasks.owners import Family, Owner, PendingOwner
from streamhooks.tasks.runs import GiveBack, Runs
from streamhooks.tasks.sending import Handle
from streamhooks.tasks.settler import Settler
from streamhooks.tasks.task import AnyTask, Delivery, FanOut
from streamhooks.times import steady

log = logging.getLogger(__name__)

#: maximum running calls without a hook: of fan-outs of records, and of pending calls per lane
AT_ONCE = 200

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
        self._again = dict.fromkeys(TaskLane, AT_ONCE)

    async def start(self, call: Call, owner: Owner) -> None:
        """Start a call as soon as there is room; release its owner when all that it causes has ended."""
        await self._first.acquire()
        self._runs.start(call, owner, self._run(call, owner, self._first.release), self.start)

    def has_room(self, lane: TaskLane) -> bool:
        """Tell whether a pending call of the lane may start."""
        return self._again[lane] > 0

    def start_pending(self, call: Call, owner: PendingOwner) -> None:
        """Start a pending call, for which there is room."""
        lane = task_lane(call.task)
        self._again[lane] -= 1
        run = self._run(call, owner, partial(self._leave, lane), owner.give_back)
        self._runs.start(call, owner, self._places.weighing(call.size, run), self.start, owner.give_back)

    def _leave(self, lane: TaskLane) -> None:
        self._again[lane] += 1
        self._places.bulkheads.on_free()

    async def _run(
        self, call: Call, owner: Owner, leave: Callable[[], None], give_back: GiveBack | None = None
    ) -> None:
        gate = self._runs.gate
        try:
            if not gate.is_open:
                await gate.wait_open()
            if owner.is_void:
                return
            if give_back is not None and not await self._runs.has_arguments(call, owner, give_back):
                return
            ran = await self._execute(call)
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

    async def _execute(self, call: Call) -> Ran:
        if call.expires is not None and self._settler.now_ms() >= call.expires:
            log.info("a call of %s has expired and does not run: id=%s", shown(call.task), shown(call.id))
            return Ran(Ending(EndingKind.EXPIRED))
        task = self._registry.get(call.task)
        if task is None:
            return Ran(dead(f"unknown task {shown(call.task)}"))
        run = Running(call, self._services)
        started = steady()
        QUEUE_SECONDS.observe(call.task, max(0.0, self._settler.clock() - (call.due or call.created) / 1000))
        token = context.enter(run)
        try:
            result = await task.run(call.args, call.kwargs)
        except (Exception, SystemExit, KeyboardInterrupt, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and is_being_cancelled():
                raise
            # A task that would end the process, or was cancelled from inside, has failed like any other.
            return Ran(ending_of(call, task, error, self._limits), (), run.handles)
        else:
            return Ran(DONE, result if isinstance(task, FanOut) else (), run.handles)
        finally:
            context.leave(token)
            TASK_SECONDS.observe(call.task, steady() - started)

    async def _start_deliveries(self, parent: Call, deliveries: Sequence[Delivery], owner: Owner) -> None:
        for delivery in deliveries:
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
