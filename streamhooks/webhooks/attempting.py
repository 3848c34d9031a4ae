"""One attempt to deliver a call: find its hook, render, send and judge.

`attempt` waits for the response. `request` and `result` are its two halves for what does not wait: see `straight.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from streamhooks.delivery.client import Answer
from streamhooks.delivery.outcomes import Attempted
from streamhooks.in_flight.cancelling import is_being_cancelled
from streamhooks.masking import shown
from streamhooks.metrics import QUEUE_SECONDS, TASK_SECONDS
from streamhooks.records.hook import Hook
from streamhooks.tasks.call import Call
from streamhooks.tasks.context import Hooks
from streamhooks.tasks.endings import Ending, EndingKind, Limits, dead, ending_after, ending_of
from streamhooks.tasks.task import AnyTask
from streamhooks.times import steady
from streamhooks.webhooks.deliver import Deliver, Outgoing, Soon
from streamhooks.webhooks.filtering import is_undecided, kept_back
from streamhooks.webhooks.rendering import Rendering, unsupported
from streamhooks.webhooks.tasks import DeliveryTask

if TYPE_CHECKING:
    from streamhooks.tasks.tracing import Tracing

#: the attempt, None if there was none, and the ending of the run
Result = tuple[Attempted | None, Ending]

_UNKNOWN = None, Ending(EndingKind.DROPPED, "unknown hook")
_DISABLED = None, Ending(EndingKind.DROPPED, "disabled hook")


class Attempting:
    """Makes attempts. One per worker; `clock` gives epoch seconds."""

    def __init__(
        self,
        registry: Mapping[str, AnyTask],
        hooks: Hooks,
        rendering: Rendering,
        deliver: Deliver,
        limits: Limits,
        clock: Callable[[], float],
        tracing: Tracing | None = None,
        soon: Soon | None = None,
    ) -> None:
        self._registry = registry
        self._hooks = hooks
        self._rendering = rendering
        self._deliver = deliver
        self._limits = limits
        self._clock = clock
        self._tracing = tracing
        #: what sends without waiting, if anything may; each attempt of a trace has a span, which a task holds open
        self.soon = soon if tracing is None else None

    def attempt(self, call: Call, hook_id: str) -> Awaitable[Result]:
        """Try to deliver a call now."""
        if self._tracing is None:
            return self._attempt(call, hook_id)
        return self._traced(self._tracing, call, hook_id)

    async def _traced(self, tracing: Tracing, call: Call, hook_id: str) -> Result:
        with tracing.delivering(call) as span:
            attempted, ending = await self._attempt(call, hook_id, span.traceparent)
            span.ended(attempted, ending)
        return attempted, ending

    async def _attempt(self, call: Call, hook_id: str, traceparent: str | None = None) -> Result:
        task = self._registry.get(call.task)
        if not isinstance(task, DeliveryTask):
            return None, dead(f"unknown task {shown(call.task)}")
        started = steady()
        self.note_start(call)
        hook = self._hooks.get(hook_id)
        try:
            if hook is None:
                return _UNKNOWN
            if not self._hooks.is_active(hook_id):
                return _DISABLED
            attempted = unsupported(hook, of_messages=task.of_messages)
            if attempted is None and is_undecided(call, hook) and (kept := kept_back(call, hook)) is not None:
                return None, kept
            if attempted is None:
                payload = task.render(self._rendering, hook, *call.args[1:], **call.kwargs)
                attempted = await self._deliver(call, hook, payload, traceparent)
            return attempted, ending_after(call, task, attempted, hook.retry_schedule, self._limits)
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and is_being_cancelled():
                raise
            return self._failed(call, task, error, hook)
        finally:
            TASK_SECONDS.observe(call.task, steady() - started)

    def note_start(self, call: Call) -> None:
        """Measure how long a call has waited until its attempt."""
        QUEUE_SECONDS.observe(call.task, max(0.0, self._clock() - (call.due or call.created) / 1000))

    def request(self, call: Call, hook: Hook) -> Outgoing | None:
        """Return the request of an attempt to deliver to an active hook; None if only `attempt` can make one."""
        task = self._registry.get(call.task)
        if (
            self.soon is None
            or not isinstance(task, DeliveryTask)
            or unsupported(hook, of_messages=task.of_messages) is not None
        ):
            return None
        if is_undecided(call, hook):
            return None
        try:
            payload = task.render(self._rendering, hook, *call.args[1:], **call.kwargs)
            outgoing = self.soon.preparing.outgoing(call, hook, payload)
        except Exception:  # `attempt` tells what is wrong with it
            return None
        return outgoing if isinstance(outgoing, Outgoing) else None

    def result(self, call: Call, outgoing: Outgoing, answer: Answer) -> Result:
        """Return the result of an attempt whose response came."""
        task, hook = self._registry[call.task], outgoing.hook
        TASK_SECONDS.observe(call.task, steady() - outgoing.started)
        try:
            attempted = outgoing.judged(answer)
            return attempted, ending_after(call, task, attempted, hook.retry_schedule, self._limits)
        except Exception as error:
            return self._failed(call, task, error, hook)

    def _failed(self, call: Call, task: AnyTask, error: BaseException, hook: Hook | None) -> Result:
        # Its arguments can't be rendered, or it is a defect of ours; it is not the endpoint's fault.
        return None, ending_of(call, task, error, self._limits, hook.retry_schedule if hook else None)
