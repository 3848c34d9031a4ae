"""How a run ended, and what that means for its call: ended, again later, or given up."""

from __future__ import annotations

import logging
import random
import traceback
from dataclasses import dataclass

from streamhooks.metrics import EXHAUSTED
from streamhooks.tasks.call import Call
from streamhooks.tasks.context import Running
from streamhooks.tasks.delivering import DeliveryFailed, DeliveryRejected, HookGone
from streamhooks.tasks.retry import RetryTaskError
from streamhooks.tasks.task import Task

log = logging.getLogger(__name__)

#: jitter only adds: up to this part of the delay
JITTER = 0.2
#: the delay of the mission's tasks, which STREAMHOOKS_RETRY_DELAY replaces
MISSION_DELAY = 300.0

_OURS = "streamhooks."
_EXPECTED = (DeliveryFailed, DeliveryRejected, HookGone, NotImplementedError, RetryTaskError)


@dataclass(frozen=True, slots=True)
class Limits:
    """Settings about retries; None leaves a task's own. They are for our own tasks only."""

    retry_delay: float
    max_retries: int | None

    def retries_of(self, task: Task) -> int:
        """How often a task is tried again."""
        return self.max_retries if self.max_retries is not None and task.name.startswith(_OURS) else task.max_retries

    def delay_of(self, task: Task) -> float:
        """How long until it is tried again, in seconds."""
        ours = task.name.startswith(_OURS) and task.default_retry_delay == MISSION_DELAY
        return self.retry_delay if ours else task.default_retry_delay


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: `done`, `ignored`, `dropped`, `retry` (in `delay` seconds), `dead`."""

    kind: str
    reason: str = ""
    delay: float = 0.0


DONE = Ending("done")


def ending_of(
    call: Call, task: Task, error: BaseException, run: Running, schedule: tuple[float, ...] | None, limits: Limits
) -> Ending:
    """What becomes of a run that raised; logged, as each failure is.

    `schedule` are the seconds before each retry of a hook that has its own, else the task and the limits decide. What
    an endpoint or a task asks for comes before both.
    """
    reason = str(error) or type(error).__name__
    decision = task.policy.decide(error)
    if decision == "ignore":
        return Ending("ignored", reason)
    if run.sent is None and not isinstance(error, NotImplementedError):
        reason = f"{type(error).__name__}: {reason}" if str(error) else reason
    if decision == "exclude":
        _log_failure(call, reason, error, retried=False)
        return Ending("dead", reason)
    if call.attempt > (limits.retries_of(task) if schedule is None else len(schedule)):
        EXHAUSTED.labels(call.task).inc()
        _log_failure(call, reason, error, retried=False)
        return Ending("dead", f"retries used up: {reason}")
    delay = getattr(error, "retry_after", None) or getattr(error, "countdown", None)
    if delay is None:
        delay = limits.delay_of(task) if schedule is None else schedule[call.attempt - 1]
    _log_failure(call, reason, error, retried=True)
    return Ending("retry", reason, delay * (1 + JITTER * random.random()))


def _log_failure(call: Call, reason: str, error: BaseException, *, retried: bool) -> None:
    # A delivery that failed is daily business; an error in a task's code needs its traceback.
    trace = "" if isinstance(error, _EXPECTED) else "\n" + "".join(traceback.format_exception(error))
    log.warning(
        "task %s: task=%s id=%s attempt=%d hook=%s source=%s reason=%s%s",
        "will be retried" if retried else "failed",
        call.task, call.id, call.attempt, call.hook_id, call.source, reason, trace,
        extra={"task": call.task, "id": call.id, "attempt": call.attempt, "reason": reason},
    )  # fmt: skip
