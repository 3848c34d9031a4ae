"""Running calls: at most so many at once, each on its own, and what becomes of it by how it ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from streamhooks.counting.firings import Firings
from streamhooks.errors import RecordTooLarge
from streamhooks.in_flight.again import INTERNAL_ERROR, Again, Do, nothing
from streamhooks.in_flight.cancelling import is_let_go
from streamhooks.in_flight.gate import Gate
from streamhooks.in_flight.room import Weight
from streamhooks.limits.bulkheads import Bulkheads
from streamhooks.limits.restraints import Restraints
from streamhooks.masking import shown
from streamhooks.metrics import (
    HELD_BACK,
    IN_FLIGHT,
    OVERFLOWED,
    QUEUE_SECONDS,
    RETRIES,
    TASK_SECONDS,
    tasks_of,
)
from streamhooks.records.hook import Hook
from streamhooks.records.ids import derived_id
from streamhooks.tasks import context
from streamhooks.tasks.attempts import attempt_of, cause_of
from streamhooks.tasks.call import Call, as_of
from streamhooks.tasks.context import Running, Services
from streamhooks.tasks.endings import DONE, Ending, Limits, ending_of, is_ours, outcome_of
from streamhooks.tasks.outputs import Outputs
from streamhooks.tasks.task import Delivery, Task
from streamhooks.times import steady

if TYPE_CHECKING:
    from streamhooks.tasks.tracing import Tracing

log = logging.getLogger(__name__)

#: how many calls without a hook may run at once, each: fan-outs of records, pending ones of ours, tasks of users
FAN_OUTS = 200
#: the kinds of pending calls without a hook: neither waits for the other
OURS, OF_USERS = "ours", "of users"
#: why a large pending call is given up whose arguments nobody has any more
GONE = "its arguments are gone: neither its record in delayed nor its source is there any more"


class Weights(NamedTuple):
    """The bounds of bytes for large calls: of first attempts, and of pending calls."""

    first: Weight
    again: Weight


class Owner(Protocol):
    """What a call belongs to: a source record in flight, or a pending call."""

    @property
    def is_void(self) -> bool:
        """It is somebody else's now: what did not start must not start."""

    def hold(self) -> None:
        """One more thing must end."""

    def release(self) -> None:
        """One thing has ended, and all that it left behind is confirmed."""


class PendingOwner(Owner, Protocol):
    """A pending call."""

    def give_back(self, seconds: float = 0.0) -> None:
        """It can't run now, and waits again, for so long at least."""


class Passing(Protocol):
    """What keeps what comes for a disabled hook; see `backlog.passing`."""

    def pass_over(self, hook: Hook, source: str) -> Awaitable[None]:
        """Keep a record for a hook that was found disabled in this turn of the loop; await that it is confirmed."""


async def _has_them(_call: Call) -> bool:
    return True


class Runner:
    """Starts calls and settles them. One for the worker."""

    def __init__(
        self,
        registry: dict[str, Task],
        services: Services,
        outputs: Outputs,
        firings: Firings,
        *,
        gate: Gate,
        bulkheads: Bulkheads,
        restraints: Restraints,
        missed: Passing,
        limits: Limits,
        log_bodies: bool,
        clock: Callable[[], float],
        partition_of: Callable[[str], int],
        weights: Weights | None = None,
        read_arguments: Callable[[Call], Awaitable[bool]] = _has_them,
        tracing: Tracing | None = None,
    ) -> None:
        self._registry = registry
        self.services = services
        self._outputs = outputs
        self._firings = firings
        self._gate = gate
        self._bulkheads = bulkheads
        self._restraints = restraints
        self._missed = missed
        self._limits = limits
        self._log_bodies = log_bodies
        self._clock = clock
        self._partition_of = partition_of
        self._weights = weights or Weights(Weight(), Weight())
        self._read_arguments = read_arguments
        self._tracing = tracing
        self.again = Again()
        self._fan_outs = asyncio.Semaphore(FAN_OUTS)
        self._room_again = {OURS: FAN_OUTS, OF_USERS: FAN_OUTS}
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_flight = 0
        IN_FLIGHT.set_function(lambda: self._in_flight)

    async def start(self, call: Call, owner: Owner) -> None:
        """Start a call as soon as it may and there is room; the owner is released when all of it has ended.

        Returns when it has started, so that the caller is held back when there is no room. What is over its hook's
        bound is written to `delayed`, once, and waits there: the caller never waits for one hook.
        """
        if call.hook_id is None:
            await self._fan_outs.acquire()
            self._run(call, owner, self._run_fan_out(call, owner, self._fan_outs.release))
            return
        if not call.size:
            self._run(call, owner, await self._begun(call, owner, call.hook_id))
            return
        await self._weights.first.take(call.size)
        leave = partial(self._weights.first.give_back, call.size)
        try:
            begun = await self._begun(call, owner, call.hook_id)
        except BaseException:
            leave()
            raise
        self._run(call, owner, _leaving(begun, leave))

    async def _begun(self, call: Call, owner: Owner, hook_id: str) -> Coroutine[Any, Any, None]:
        """What becomes of a delivery, once it may and there is room."""
        if (disabled := self._disabled(hook_id)) is not None:
            return self._pass_over(disabled, call, owner)
        as_of(call, self.services.hooks.get(hook_id))
        wait = self._restraints.hold_back(hook_id)
        if wait is not None:
            return self._hand_over(call, owner, self._now_ms() + int(wait * 1000), "paused")
        if not (self._bulkheads.enter(hook_id) or await self._bulkheads.enter_soon(hook_id)):
            OVERFLOWED.inc()
            return self._hand_over(call, owner, self._now_ms(), "overflow")
        await self._bulkheads.room(hook_id)
        return self._run_delivery(call, owner, self._bulkheads.leave)

    def has_room_again(self, kind: str) -> bool:
        """Whether a pending call of this kind without a hook may start."""
        return self._room_again[kind] > 0

    def has_weight_again(self, size: int) -> bool:
        """Whether a pending call of so many bytes may start; 0 for one that is not large."""
        return not size or self._weights.again.fits(size)

    def start_again(self, call: Call, owner: PendingOwner) -> None:
        """Start a pending call; of a hook the caller has taken the places with `enter_again`, else there is room."""
        if call.hook_id is None:
            kind = kind_of(call.task)
            self._room_again[kind] -= 1
            run = self._run_fan_out(call, owner, lambda: self._leave_again(kind), owner.give_back)
        else:
            run = self._run_delivery(call, owner, self._bulkheads.leave_again, owner.give_back)
        if call.size:
            self._weights.again.add(call.size)
            run = _leaving(run, lambda: self._lighter_again(call))
        self._run(call, owner, run, owner.give_back)

    def _lighter_again(self, call: Call) -> None:
        self._weights.again.give_back(call.size)
        self._bulkheads.on_leave(call.hook_id or kind_of(call.task))

    def _leave_again(self, kind: str) -> None:
        self._room_again[kind] += 1
        self._bulkheads.on_leave(kind)

    async def idle(self, timeout: float) -> bool:
        """Wait until nothing runs, for at most `timeout` seconds; whether nothing does."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout)
        return not self._tasks

    def cancel(self) -> None:
        """Let go of what is running: the next owner of its source will do it again."""
        loop = asyncio.get_running_loop()
        for task in self._tasks:
            # Behind its first turn: one that is cancelled before it never gives its places back.
            loop.call_soon(task.cancel)

    def insist(self, key: str, owner: Owner | None, do: Do, give_up: Do, after: BaseException | None = None) -> None:
        """Do something as `again.insist` does, before the worker lets go of its partitions."""
        self.spawn(self.again.insist(key, owner, do, give_up, after))

    def _run(
        self,
        call: Call,
        owner: Owner,
        run: Coroutine[Any, Any, None],
        give_back: Callable[[float], None] | None = None,
    ) -> None:
        self.spawn(self._run_or_again(call, owner, run, give_back))

    async def _run_or_again(
        self,
        call: Call,
        owner: Owner,
        run: Coroutine[Any, Any, None],
        give_back: Callable[[float], None] | None,
    ) -> None:
        error = await self.again.attempt(call.id, run)
        while error is not None and not owner.is_void:
            pause = self.again.pause(call.id, error)
            if pause is None:
                give_up = partial(self._give_up, call, owner)
                return await self.again.insist(call.id, owner, give_up, give_up)
            if give_back is not None:
                return give_back(pause)
            await asyncio.sleep(pause)
            try:
                return await self.start(call, owner)
            except Exception as another:  # whatever it is
                error = another
        self.again.forget(call.id)
        return None

    async def _give_up(self, call: Call, owner: Owner) -> None:
        await self._outputs.give_up(call, INTERNAL_ERROR, None)
        await self._outputs.settle(call)
        owner.release()

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run something that must end before the worker lets go of its partitions."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Silence would hide a defect of ours.
            log.error("a run ended in an error of streamhooks itself", exc_info=error)

    def _disabled(self, hook_id: str) -> Hook | None:
        hooks = self.services.hooks
        return None if hooks.is_active(hook_id) else hooks.get(hook_id)

    def _pass_over(self, hook: Hook, call: Call, owner: Owner) -> Coroutine[Any, Any, None]:
        """Keep what comes for a disabled hook: its source is read again when it is enabled, if it has one."""
        HELD_BACK.labels("disabled").inc()
        # In the turn of the look: what is decided after it decides about this record, too.
        kept = self._missed.pass_over(hook, call.source) if call.source else None
        return self._release_kept(call, owner, kept)

    async def _release_kept(self, call: Call, owner: Owner, kept: Awaitable[None] | None) -> None:
        if kept is not None:
            await kept
        else:
            await self._outputs.store(call, attempt=call.attempt, due=self._now_ms(), reason="paused")
        owner.release()

    async def _hand_over(self, call: Call, owner: Owner, due: int, reason: str) -> None:
        await self._outputs.store(call, attempt=call.attempt, due=due, reason=reason)
        owner.release()

    async def _run_delivery(
        self,
        call: Call,
        owner: Owner,
        leave: Callable[[str, float], None],
        give_back: Callable[[], None] | None = None,
    ) -> None:
        hook_id = call.hook_id or ""
        since = steady()
        try:
            if not self._gate.is_open:
                await self._gate.wait_open()
            if owner.is_void:
                return
            if (disabled := self._disabled(hook_id)) is not None:  # since it was started
                if give_back is not None:
                    give_back()
                else:
                    await self._pass_over(disabled, call, owner)
                return
            if give_back is not None and not await self._has_arguments(call, owner, give_back):
                return
            self._in_flight += 1
            try:
                run, ending, _ = await (self._execute(call) if self._tracing is None else self._traced(call))
            finally:
                self._in_flight -= 1
        finally:
            leave(hook_id, since)
        if run.sent is not None:
            self._restraints.note(hook_id, run.sent)
            bodies = self._log_bodies and ending.kind in ("retry", "dead")
            attempt = attempt_of(call, run.sent, outcome_of(ending), cause_of(call), bodies=bodies)
            if call.stored or ending.kind == "retry":
                # What is written next makes this attempt one that nobody makes again: it has to be counted by then.
                counted = asyncio.Event()
                self._firings.add(hook_id, attempt, counted.set)
                await counted.wait()
            else:
                owner.hold()
                self._firings.add(hook_id, attempt, owner.release)
        elif call.stored:
            self._restraints.unsent(hook_id)
        await self._conclude(call, run, ending)
        owner.release()

    async def _run_fan_out(
        self, call: Call, owner: Owner, leave: Callable[[], None], give_back: Callable[[], None] | None = None
    ) -> None:
        try:
            if not self._gate.is_open:
                await self._gate.wait_open()
            if owner.is_void:
                return
            if give_back is not None and not await self._has_arguments(call, owner, give_back):
                return
            run, ending, result = await self._execute(call)
        finally:
            leave()
        if call.stored:
            # Its record is settled by a tombstone only when all that it caused is.
            children = _Family(owner)
            await self._start_deliveries(call, result, children)
            await children.ended()
        else:
            await self._start_deliveries(call, result, owner)
        await self._conclude(call, run, ending)
        owner.release()

    async def _has_arguments(self, call: Call, owner: Owner, give_back: Callable[[], None]) -> bool:
        """Read the arguments of a pending call, where that is still to be done; False if it does not run now."""
        if call.kept_at is None:
            return True
        try:
            is_whole = await self._read_arguments(call)
        except TimeoutError:
            give_back()  # Kafka is away, which others tell
            is_whole = False
        else:
            if is_whole and not owner.is_void:
                return True
            if not owner.is_void:
                await self._outputs.give_up(call, GONE, None)
                await self._outputs.settle(call)
                owner.release()
        if call.hook_id is not None:
            self._restraints.unsent(call.hook_id)
        return False

    async def _start_deliveries(self, parent: Call, result: Any, owner: Owner) -> None:
        if not isinstance(result, Sequence) or isinstance(result, str | bytes):
            return
        for delivery in result:
            if isinstance(delivery, Delivery):
                await self.start_held(self._child(parent, delivery), owner)

    async def start_held(self, call: Call, owner: Owner) -> None:
        """Start a call that its owner waits for, besides what it waits for already."""
        owner.hold()
        try:
            await self.start(call, owner)
        except BaseException:
            owner.release()
            raise

    def _child(self, parent: Call, delivery: Delivery) -> Call:
        # One delivery a hook and source record: its id is the same whether the fan-out ran here or as a retry.
        return Call(
            derived_id(parent.id, delivery.hook_id),
            delivery.task.name,
            self._partition_of(delivery.hook_id),
            self._now_ms(),
            list(delivery.args),
            due=self._now_ms(),
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

    async def _traced(self, call: Call) -> tuple[Running, Ending, Any]:
        assert self._tracing is not None
        with self._tracing.delivering(call) as span:
            run, ending, result = await self._execute(call, span.traceparent)
            span.ended(run, ending)
        return run, ending, result

    async def _execute(self, call: Call, traceparent: str | None = None) -> tuple[Running, Ending, Any]:
        run = Running(call, self.services, traceparent or call.traceparent)
        task = self._registry.get(call.task)
        if task is None:
            return run, Ending("dead", f"unknown task {shown(call.task)}"), None
        started = steady()
        QUEUE_SECONDS.observe(call.task, max(0.0, self._clock() - (call.due or call.created) / 1000))
        token = context.enter(run)
        try:
            result = await task.run(call.args, call.kwargs)
        except (Exception, SystemExit, KeyboardInterrupt, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and is_let_go():
                raise
            # A task that would end the process, or that was cancelled from inside, has failed like another.
            return run, ending_of(call, task, error, run, self._schedule(call), self._limits), None
        else:
            return run, Ending("dropped", run.dropped) if run.dropped else DONE, result
        finally:
            context.leave(token)
            TASK_SECONDS.observe(call.task, steady() - started)

    def _schedule(self, call: Call) -> tuple[float, ...] | None:
        hook = self.services.hooks.get(call.hook_id) if call.hook_id else None
        return hook.retry_schedule if hook is not None else None

    async def _conclude(self, call: Call, run: Running, ending: Ending) -> None:
        """Write what the ending asks for; in the end the call is settled or stored for its next run."""
        try:
            for handle in run.handles:
                await handle
        except RecordTooLarge as error:
            if ending.kind not in ("retry", "dead"):
                ending = Ending("dead", f"a call that it made can't be stored: {error}")
        tasks_of(call.task if call.task in self._registry else "unknown", ending.kind).inc()
        last: dict[str, Any] | None = None
        if ending.kind in ("retry", "dead"):
            last = {"status": run.sent.status} if run.sent and run.sent.status else {"error": ending.reason}
        if ending.kind == "retry":
            RETRIES.labels(call.task).inc()
            due = self._now_ms() + int(ending.delay * 1000)
            await self._outputs.store(call, attempt=call.attempt + 1, due=due, reason="retry", last=last)
            return
        if ending.kind == "dead":
            if run.sent is not None and run.sent.verdict == "gone" and call.hook_id:
                reason = f"the endpoint answered {run.sent.status}"
                found = {"status_reason": reason, "disabled_since": self._clock()}
                if (hook := self.services.hooks.get(call.hook_id)) is not None:
                    found["enabled_at"] = hook.enabled_at
                await self._tell("disabled", call.hook_id, found)
            await self._outputs.give_up(call, ending.reason, last)
        elif call.letter is not None:
            # Where nothing was sent, since its hook is gone or disabled, it is as open as it was.
            ran = ending.kind != "dropped"
            await self._outputs.end_letter(call, "delivered" if ran else "open", ending.reason, ran=ran)
        await self._outputs.settle(call)

    def tell_home(self, what: str, hook_id: str, found: dict[str, Any]) -> None:
        """Tell the hook's home, the only writer of what was found about it, without waiting for it."""
        self.insist(f"{what} of {hook_id}", None, partial(self._tell, what, hook_id, found), nothing)

    async def _tell(self, what: str, hook_id: str, found: dict[str, Any]) -> None:
        now = self._now_ms()
        partition = self._partition_of(hook_id)
        note = Call(derived_id(hook_id, what, now), context.NOTE_FINDING, partition, now, [hook_id, what, found])
        await self._outputs.store(note, attempt=1, due=now, reason="countdown")

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def kind_of(task: str) -> str:
    """The kind of a task's pending calls without a hook."""
    return OURS if is_ours(task) else OF_USERS


async def _leaving(run: Coroutine[Any, Any, None], leave: Callable[[], None]) -> None:
    try:
        await run
    finally:
        leave()


class _Family:
    """The deliveries of a stored fan-out: its tombstone waits for all of them."""

    def __init__(self, parent: Owner) -> None:
        self._parent = parent
        self._holds = 0
        self._ended = asyncio.Event()
        self._ended.set()

    @property
    def is_void(self) -> bool:
        return self._parent.is_void

    def hold(self) -> None:
        self._holds += 1
        self._ended.clear()

    def release(self) -> None:
        self._holds -= 1
        if self._holds == 0:
            self._ended.set()

    async def ended(self) -> None:
        await self._ended.wait()
