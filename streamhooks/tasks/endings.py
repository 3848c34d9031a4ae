"""How a run ended, and what that means for its call: done, retried, or dead-lettered."""

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
from streamhooks.tasks.lanes import task_lane
from streamhooks.tasks.retry import RetryTaskError
from streamhooks.tasks.task import AnyTask

log = logging.getLogger(__name__)

#: jitter only adds: up to this part of the delay
JITTER = 0.2
#: characters of the reason that a call keeps
LONGEST_REASON = 1000

#: characters of a traceback, so that its beginning and end fit into the log line
_TRACE = LONGEST_LINE - 2000
_FAILURE = "task %s: task=%s %s attempt=%d hook=%s source=%s reason=%s%s"
#: errors that are no defects in a task's code: their text says it all while the call is retried
_EXPECTED = (RetryTaskError, BrokenRecord, NotImplementedError)


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings about retries; None keeps those of the task. They only apply to the tasks that they govern.

    `schedule` has the seconds before each retry. Its length is the number of retries, unless `max_retries` replaces it.
    Beyond its end, the last delay is repeated.
    """

    retry_delay: float
    max_retries: int | None
    schedule: tuple[float, ...] | None = None
    jitter: float = JITTER

    def retries_of(self, task: AnyTask) -> int:
        """Return the number of retries of a task."""
        if not task.is_governed:
            return task.max_retries
        if self.max_retries is not None:
            return self.max_retries
        return task.max_retries if self.schedule is None else len(self.schedule)

    def delay_of(self, task: AnyTask, attempt: int) -> float:
        """Return the delay before the retry after this attempt, in seconds."""
        if not task.is_governed:
            return task.retry_delay(attempt)
        if self.schedule:
            return self.schedule[min(attempt, len(self.schedule)) - 1]
        return self.retry_delay

    def delays_of(self, task: AnyTask) -> tuple[float, ...]:
        """Return the seconds before each retry of a task."""
        return tuple(self.delay_of(task, attempt) for attempt in range(1, self.retries_of(task) + 1))


class EndingKind(StrEnum):
    """How a run ended."""

    DONE = "done"
    IGNORED = "ignored"
    DROPPED = "dropped"
    EXPIRED = "expired"
    FILTERED = "filtered"
    RETRY = "retry"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended. A retry is due in `delay` seconds; `disables` means that the hook is disabled."""

    kind: EndingKind
    reason: str = ""
    delay: float = 0.0
    disables: bool = False

    @property
    def is_failure(self) -> bool:
        """Tell whether the call is retried or dead-lettered."""
        # Most are DONE, and an enumeration takes long to look up.
        return self is not DONE and (self.kind is EndingKind.RETRY or self.kind is EndingKind.DEAD)


DONE = Ending(EndingKind.DONE)

_OUTCOMES: dict[EndingKind, Outcome] = {
    EndingKind.RETRY: "retried",
    EndingKind.DEAD: "dead",
    EndingKind.DROPPED: "dropped",
    EndingKind.EXPIRED: "dropped",
    EndingKind.FILTERED: "dropped",
}


def outcome_of(ending: Ending) -> Outcome:
    """Return the outcome of an attempt that ended so: delivered, retried or dead; dropped if nothing was sent."""
    return _OUTCOMES.get(ending.kind, "delivered")


def dead(reason: str) -> Ending:
    """Return the ending of a call that is dead-lettered."""
    return Ending(EndingKind.DEAD, reason)


def ended_its_process(call: Call) -> Ending:
    """Return the ending of a call that has ended its process too often; log it."""
    reason = (
        f"{call.starts} runs of it, each of them alone, ended the process of their worker or kept it from answering: "
        "a crash, a kill, too much memory, or code that blocks the event loop"
    )
    _log_failure(call, reason, retried=False)
    return dead(reason)


def ending_after(
    call: Call, task: AnyTask, attempted: Attempted, schedule: tuple[float, ...] | None, limits: Limits
) -> Ending:
    """Return what an attempt to deliver means for its call; log a failure.

    `schedule` has the seconds before each retry, if the hook has its own; else the task and the limits decide. The
    endpoint's `Retry-After` takes precedence over both.
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
    call: Call, task: AnyTask, error: BaseException, limits: Limits, schedule: tuple[float, ...] | None = None
) -> Ending:
    """Return the ending of a run that raised, by the policy of its task; log a failure.

    `schedule` is as for `ending_after`. The delay that the task asks for takes precedence.
    """
    reason = cut(str(error) or type(error).__name__, LONGEST_REASON)
    decision = task.policy.decide(error)
    if decision == "ignore":
        return Ending(EndingKind.IGNORED, reason)
    if str(error) and not isinstance(error, NotImplementedError):
        reason = f"{type(error).__name__}: {reason}"
    if decision == "exclude":
        _log_failure(call, reason, error, retried=False)
        return dead(reason)
    asked = getattr(error, "retry_after", None) or getattr(error, "countdown", None)
    return _again(call, task, reason, asked, schedule, limits, error)


def _again(
    call: Call,
    task: AnyTask,
    reason: str,
    asked: float | None,
    schedule: tuple[float, ...] | None,
    limits: Limits,
    error: BaseException | None = None,
) -> Ending:
    """Return a retry in `asked` seconds (by default as the schedule says), or dead if the retries are used up."""
    if call.attempt > (limits.retries_of(task) if schedule is None else len(schedule)):
        EXHAUSTED.labels(call.task).inc()
        _log_failure(call, reason, error, retried=False)
        return dead(f"retries used up: {reason}")
    delay = asked
    if delay is None:
        delay = limits.delay_of(task, call.attempt) if schedule is None else schedule[call.attempt - 1]
    _log_failure(call, reason, error, retried=True)
    return Ending(EndingKind.RETRY, reason, delay * (1 + limits.jitter * random.random()))


def log_given_up(call: Call, reason: str) -> None:
    """Log that a call is dead-lettered for what did not come of its run."""
    _log_failure(call, reason, retried=False)


def _log_failure(call: Call, reason: str, error: BaseException | None = None, *, retried: bool) -> None:
    # A call of a user's task that nobody repeats is a defect or a loss for its team. That an endpoint rejects a request
    # is neither.
    is_lost = not retried and task_lane(call.task).is_of_users
    trace = ""
    if error is not None and (is_lost or not isinstance(error, _EXPECTED)):
        trace = "\n" + cut("".join(traceback.format_exception(error)), _TRACE)
    name, why = shown(call.webhook_id), shown(reason, LONGEST_TEXT)
    told = {"task": call.task, "webhook_id": name, "attempt": call.attempt, "reason": why}
    log.log(
        logging.ERROR if is_lost else logging.WARNING, _FAILURE,
        "will be retried" if retried else "failed",
        told["task"], shown(call.label), call.attempt, shown(call.hook_id), shown(call.source, LONGEST_TEXT),
        told["reason"], trace,
        extra=told,
    )  # fmt: skip
