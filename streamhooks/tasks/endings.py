"""How a run ended, and what that means for its call: ended, again later, or given up."""

from __future__ import annotations

import logging
import random
import traceback
from dataclasses import dataclass
from enum import StrEnum

from streamhooks.delivery.outcomes import Attempted, VerdictKind
from streamhooks.errors import BrokenRecord
from streamhooks.masking import LONGEST_LINE, LONGEST_TEXT, cut, shown
from streamhooks.metrics import EXHAUSTED
from streamhooks.records.firing import Outcome
from streamhooks.tasks.call import Call
from streamhooks.tasks.retry import RetryTaskError
from streamhooks.tasks.task import Task

log = logging.getLogger(__name__)

#: jitter only adds: up to this part of the delay
JITTER = 0.2
#: characters of the reason that a call keeps
LONGEST_REASON = 1000

#: characters of a traceback, so that its ends are in the line of the log
_TRACE = LONGEST_LINE - 2000
#: what is no defect of a task's code
_EXPECTED = (RetryTaskError, BrokenRecord, NotImplementedError)


@dataclass(frozen=True, slots=True)
class Limits:
    """Settings about retries; None leaves a task's own. They are for the tasks that they govern only.

    `schedule` are the seconds before each retry. Its length is their number, unless `max_retries` says another; beyond
    its end the last delay holds. `jitter` is of all tasks: the part of a delay that is added at most.
    """

    retry_delay: float
    max_retries: int | None
    schedule: tuple[float, ...] | None = None
    jitter: float = JITTER

    def retries_of(self, task: Task) -> int:
        """How often a task is tried again."""
        if not task.is_governed:
            return task.max_retries
        if self.max_retries is not None:
            return self.max_retries
        return task.max_retries if self.schedule is None else len(self.schedule)

    def delay_of(self, task: Task, attempt: int) -> float:
        """How long until it is tried again after this attempt, in seconds."""
        if not task.is_governed:
            return task.default_retry_delay
        if self.schedule:
            return self.schedule[min(attempt, len(self.schedule)) - 1]
        return self.retry_delay

    def delays_of(self, task: Task) -> tuple[float, ...]:
        """The seconds before each retry of a task."""
        return tuple(self.delay_of(task, attempt) for attempt in range(1, self.retries_of(task) + 1))


class EndingKind(StrEnum):
    """How a run ended."""

    DONE = "done"
    IGNORED = "ignored"
    DROPPED = "dropped"
    RETRY = "retry"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended; a retry is due in `delay` seconds, and `disables` is whether its hook wants no more."""

    kind: EndingKind
    reason: str = ""
    delay: float = 0.0
    disables: bool = False

    @property
    def is_failure(self) -> bool:
        """Whether the call is tried again or given up."""
        return self.kind is EndingKind.RETRY or self.kind is EndingKind.DEAD


DONE = Ending(EndingKind.DONE)

_OUTCOMES: dict[EndingKind, Outcome] = {
    EndingKind.RETRY: "retried",
    EndingKind.DEAD: "dead",
    EndingKind.DROPPED: "dropped",
}


def outcome_of(ending: Ending) -> Outcome:
    """How an attempt that ended so is shown: delivered, retried, dead; dropped where nothing was sent."""
    return _OUTCOMES.get(ending.kind, "delivered")


def dead(reason: str) -> Ending:
    """The ending of a call that is given up."""
    return Ending(EndingKind.DEAD, reason)


def ending_after(
    call: Call, task: Task, attempted: Attempted, schedule: tuple[float, ...] | None, limits: Limits
) -> Ending:
    """What an attempt to deliver means for its call; a failure is logged.

    `schedule` are the seconds before each retry of a hook that has its own, else the task and the limits decide. What
    the endpoint asks for comes before both.
    """
    verdict = attempted.verdict
    if verdict.kind is VerdictKind.DELIVERED:
        return DONE
    reason = cut(verdict.reason, LONGEST_REASON)
    if verdict.kind is VerdictKind.RETRY:
        return _again(call, task, reason, verdict.retry_after or None, schedule, limits)
    _log_failure(call, reason, retried=False)
    return Ending(EndingKind.DEAD, reason, disables=verdict.kind is VerdictKind.GONE)


def ending_of(
    call: Call, task: Task, error: BaseException, limits: Limits, schedule: tuple[float, ...] | None = None
) -> Ending:
    """What becomes of a run that raised, by the policy of its task; logged, as each failure is.

    `schedule` is as for `ending_after`. What the task asks for comes before it.
    """
    reason = cut(str(error) or type(error).__name__, LONGEST_REASON)
    decision = task.policy.decide(error)
    if decision == "ignore":
        return Ending(EndingKind.IGNORED, reason)
    if str(error) and not isinstance(error, NotImplementedError):
        reason = f"{type(error).__name__}: {reason}"
    # An error in a task's code needs its traceback.
    trace = "" if isinstance(error, _EXPECTED) else "\n" + cut("".join(traceback.format_exception(error)), _TRACE)
    if decision == "exclude":
        _log_failure(call, reason, trace, retried=False)
        return dead(reason)
    asked = getattr(error, "retry_after", None) or getattr(error, "countdown", None)
    return _again(call, task, reason, asked, schedule, limits, trace)


def _again(
    call: Call,
    task: Task,
    reason: str,
    asked: float | None,
    schedule: tuple[float, ...] | None,
    limits: Limits,
    trace: str = "",
) -> Ending:
    """The ending of a run that is to be tried again, in `asked` seconds if given, unless its retries are used up."""
    if call.attempt > (limits.retries_of(task) if schedule is None else len(schedule)):
        EXHAUSTED.labels(call.task).inc()
        _log_failure(call, reason, trace, retried=False)
        return dead(f"retries used up: {reason}")
    delay = asked
    if delay is None:
        delay = limits.delay_of(task, call.attempt) if schedule is None else schedule[call.attempt - 1]
    _log_failure(call, reason, trace, retried=True)
    return Ending(EndingKind.RETRY, reason, delay * (1 + limits.jitter * random.random()))


def _log_failure(call: Call, reason: str, trace: str = "", *, retried: bool) -> None:
    name, why = shown(call.webhook_id), shown(reason, LONGEST_TEXT)
    told = {"task": call.task, "webhook_id": name, "attempt": call.attempt, "reason": why}
    log.warning(
        "task %s: task=%s webhook_id=%s attempt=%d hook=%s source=%s reason=%s%s",
        "will be retried" if retried else "failed",
        told["task"], told["webhook_id"], call.attempt, shown(call.hook_id), shown(call.source, LONGEST_TEXT),
        told["reason"], trace,
        extra=told,
    )  # fmt: skip
