"""The meaning of an exception for a task: the `@retry` decorator and its order (Sentry: ignore, exclude, on)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, overload

from streamhooks.tasks.defining import check_retry, exceptions_of
from streamhooks.tasks.when import Seconds, seconds_of

F = TypeVar("F", bound=Callable[..., Any])
Exceptions = tuple[type[BaseException], ...]

Decision = Literal["ignore", "exclude", "retry"]


class RetryTaskError(Exception):
    """Raised by a task that wants to run again; `countdown` (seconds or a timedelta) may replace the task's delay."""

    def __init__(self, message: str = "the task asked to run again", countdown: Seconds | None = None) -> None:
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
