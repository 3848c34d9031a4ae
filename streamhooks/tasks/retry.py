"""The meaning of an exception for a task: the `@retry` decorator and its order (Sentry: ignore, exclude, on)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypeVar, overload

from streamhooks.tasks.defining import check_retry, exceptions_of
from streamhooks.tasks.when import Seconds, seconds_of

F = TypeVar("F", bound=Callable[..., Any])
Exceptions = tuple[type[BaseException], ...]

Decision = Literal["ignore", "exclude", "retry"]

#: the longest delay before a retry, in seconds: a year
LONGEST_DELAY = 366 * 86_400.0


class RetryTaskError(Exception):
    """Raised by a task that wants to run again; `countdown` (seconds or a timedelta) may replace the task's delay."""

    def __init__(self, message: str = "the task asked to run again", countdown: Seconds | None = None) -> None:
        if isinstance(message, int | float | timedelta):
            raise TypeError("RetryTaskError: the message comes first, write RetryTaskError(countdown=…)")
        super().__init__(message)
        self.countdown = None if countdown is None else max(0.0, seconds_of(countdown, "countdown"))


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Which exceptions end a run as done, dead-letter it at once, or run the task again."""

    on: Exceptions = ()
    exclude: Exceptions = ()
    ignore: Exceptions = ()

    def decide(self, error: BaseException) -> Decision:
        """Return the decision for an exception; one that no list names is dead-lettered, as in Sentry."""
        if isinstance(error, self.ignore):
            return "ignore"
        if isinstance(error, RetryTaskError):
            return "retry"
        if isinstance(error, self.exclude):
            return "exclude"
        return "retry" if isinstance(error, self.on) else "exclude"


@overload
def retry(function: F) -> F: ...
@overload
def retry(*, on: Exceptions = ..., exclude: Exceptions = ..., ignore: Exceptions = ...) -> Callable[[F], F]: ...
def retry(
    function: F | None = None,
    *,
    on: Exceptions = (Exception,),
    exclude: Exceptions = (),
    ignore: Exceptions = (),
) -> F | Callable[[F], F]:
    """Declare which exceptions run a task again; goes below `@instrumented_task`.

    `@retry` alone retries every Exception. `ignore` ends as done and is counted, `exclude` is dead-lettered, `on` is
    retried.
    """
    named = {"on": on, "exclude": exclude, "ignore": ignore}
    policy = RetryPolicy(**{name: exceptions_of(given, name) for name, given in named.items()})

    def decorate(decorated: F) -> F:
        check_retry(decorated)
        decorated.__retry_policy__ = policy  # type: ignore[attr-defined]
        return decorated

    return decorate if function is None else decorate(function)


def delays(
    first: Seconds | bool | None, longest: Seconds, schedule: Sequence[Seconds] | None, max_retries: int
) -> tuple[float, ...] | None:
    """Return the seconds before each retry, the last of them for all further retries; None for the task's own delay.

    They are the schedule, or are doubled from the `first` on up to the `longest`; True means from one second on.

    Raises:
        ValueError: both are given, or a delay is not possible.
        TypeError: the schedule is no list.

    """
    if schedule is not None:
        if first:
            raise ValueError("retry_schedule and retry_backoff: give one of them")
        if isinstance(schedule, str) or not isinstance(schedule, Sequence):
            raise TypeError(f"retry_schedule: must be a list of delays, such as [5, 60], not {schedule!r:.60}")
        if not schedule:
            raise ValueError("retry_schedule: needs at least one delay; max_retries=0 means no retries")
        return tuple(_seconds(one, "retry_schedule") for one in schedule)
    if first is None or first is False:
        return None
    delay, limit = 1.0 if first is True else _seconds(first, "retry_backoff"), _seconds(longest, "retry_backoff_max")
    if delay == 0:
        raise ValueError("retry_backoff: must be more than 0, or True for one second")
    found = [min(delay, limit)]
    while found[-1] < limit and len(found) < max_retries:
        found.append(min(found[-1] * 2, limit))
    return tuple(found)


def _seconds(value: Seconds, name: str) -> float:
    try:
        seconds = seconds_of(value, name)
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0 <= seconds <= LONGEST_DELAY:
        raise ValueError(f"{name}: must be seconds from 0 to {LONGEST_DELAY:.0f}, not {value!r}")
    return seconds
