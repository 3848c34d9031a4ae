"""How a run ended, and what that means for its call: ended, again later, or given up."""

from __future__ import annotations

import logging
import random
import traceback
from dataclasses import dataclass

from streamhooks.delivery.outcomes import DeliveryFailed, DeliveryRejected, HookGone
from streamhooks.masking import LONGEST_LINE, LONGEST_TEXT, cut, shown
from streamhooks.metrics import EXHAUSTED
from streamhooks.records.firing import Outcome
from streamhooks.tasks.call import Call
from streamhooks.tasks.context import Running
from streamhooks.tasks.retry import RetryTaskError
from streamhooks.tasks.task import Task

log = logging.getLogger(__name__)

#: jitter only adds: up to this part of the delay
JITTER = 0.2
#: the delay of the mission's tasks, which STREAMHOOKS_RETRY_DELAY replaces
MISSION_DELAY = 300.0
#: characters of the reason that a call keeps
LONGEST_REASON = 1000

#: characters of a traceback, so that its ends are in the line of the log
_TRACE = LONGEST_LINE - 2000
_OURS = "streamhooks."
_EXPECTED = (DeliveryFailed, DeliveryRejected, HookGone, NotImplementedError, RetryTaskError)


@dataclass(frozen=True, slots=True)
class Limits:
    """Settings about retries; None leaves a task's own. They are for the tasks of the mission only.

    `schedule` are the seconds before each retry. Its length is their number, unless `max_retries` says another; beyond
    its end the last delay holds.
    """

    retry_delay: float
    max_retries: int | None
    schedule: tuple[float, ...] | None = None

    def retries_of(self, task: Task) -> int:
        """How often a task is tried again."""
        if not _is_of_the_mission(task):
            return task.max_retries
        if self.max_retries is not None:
            return self.max_retries
        return task.max_retries if self.schedule is None else len(self.schedule)

    def delay_of(self, task: Task, attempt: int) -> float:
        """How long until it is tried again after this attempt, in seconds."""
        if not _is_of_the_mission(task):
            return task.default_retry_delay
        if self.schedule:
            return self.schedule[min(attempt, len(self.schedule)) - 1]
        return self.retry_delay

    def delays_of(self, task: Task) -> tuple[float, ...]:
        """The seconds before each retry of a task."""
        return tuple(self.delay_of(task, attempt) for attempt in range(1, self.retries_of(task) + 1))


def is_ours(task: str) -> bool:
    """Whether a task, by its name, is one of streamhooks itself."""
    return task.startswith(_OURS)


def _is_of_the_mission(task: Task) -> bool:
    return is_ours(task.name) and task.default_retry_delay == MISSION_DELAY


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: `done`, `ignored`, `dropped`, `retry` (in `delay` seconds), `dead`."""

    kind: str
    reason: str = ""
    delay: float = 0.0


DONE = Ending("done")

_OUTCOMES: dict[str, Outcome] = {"retry": "retried", "dead": "dead", "dropped": "dropped"}


def outcome_of(ending: Ending) -> Outcome:
    """How an attempt that ended so is shown: delivered, retried, dead; dropped where nothing was sent."""
    return _OUTCOMES.get(ending.kind, "delivered")


def ending_of(
    call: Call, task: Task, error: BaseException, run: Running, schedule: tuple[float, ...] | None, limits: Limits
) -> Ending:
    """What becomes of a run that raised; logged, as each failure is.

    `schedule` are the seconds before each retry of a hook that has its own, else the task and the limits decide. What
    an endpoint or a task asks for comes before both.
    """
    reason = cut(str(error) or type(error).__name__, LONGEST_REASON)
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
        delay = limits.delay_of(task, call.attempt) if schedule is None else schedule[call.attempt - 1]
    _log_failure(call, reason, error, retried=True)
    return Ending("retry", reason, delay * (1 + JITTER * random.random()))


def _log_failure(call: Call, reason: str, error: BaseException, *, retried: bool) -> None:
    # A delivery that failed is daily business; an error in a task's code needs its traceback.
    trace = "" if isinstance(error, _EXPECTED) else "\n" + cut("".join(traceback.format_exception(error)), _TRACE)
    name, why = shown(call.webhook_id), shown(reason, LONGEST_TEXT)
    told = {"task": call.task, "webhook_id": name, "attempt": call.attempt, "reason": why}
    log.warning(
        "task %s: task=%s webhook_id=%s attempt=%d hook=%s source=%s reason=%s%s",
        "will be retried" if retried else "failed",
        told["task"], told["webhook_id"], call.attempt, shown(call.hook_id), shown(call.source, LONGEST_TEXT),
        told["reason"], trace,
        extra=told,
    )  # fmt: skip
