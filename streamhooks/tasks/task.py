"""Tasks and their calls: `@instrumented_task`, `.delay()`, `.apply_async()`, `NextTask` (Sentry's names).

`@fan_out` makes a built-in task that causes deliveries.
Why: docs/decisions/0014-tasks-on-the-wire.md, docs/decisions/0015-process-wide-registry.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Never, ParamSpec, TypeVar

from streamhooks.tasks import sending
from streamhooks.tasks.arguments import check_signature, signature_of
from streamhooks.tasks.defining import check_limits, check_same, check_task
from streamhooks.tasks.habits import unknown_of_task, unknown_options
from streamhooks.tasks.retry import RetryPolicy, delays
from streamhooks.tasks.time_limits import run_function
from streamhooks.tasks.when import Seconds, seconds_of

P = ParamSpec("P")
R = TypeVar("R")

#: how many retries a task has by default
MAX_RETRIES = 5
#: the longest delay of a back-off by default, in seconds, as in Celery
BACKOFF_MAX = 600.0

#: every task that was defined, by name
registry: dict[str, AnyTask] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Task(Generic[P, R]):
    """A function that workers run, called from anywhere.

    `default_retry_delay` is in seconds; `max_retries=5` means 6 runs. A run is a failure after `time_limit` seconds.
    At most `max_running` runs take place at once on a worker, by default as `tasks.places` decides.
    """

    name: str
    function: Callable[P, R]
    default_retry_delay: float = 300.0
    max_retries: int = 5
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    time_limit: float | None = None
    max_running: int | None = None
    retry_delays: tuple[float, ...] | None = None
    """The seconds before each retry, the last of them for all further ones; None: always `default_retry_delay`."""
    is_async: bool = field(init=False)
    signature: inspect.Signature | None = field(init=False)
    #: whether the settings about retries apply to it
    is_governed: ClassVar[bool] = False

    def __post_init__(self) -> None:
        # Computed once: it takes longer than all the rest of a call of a coroutine function.
        object.__setattr__(self, "is_async", inspect.iscoroutinefunction(self.function))
        object.__setattr__(self, "signature", signature_of(self.function))

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> sending.Handle:
        """Call the task as soon as possible; see `apply_async`."""
        return self.apply_async(args, kwargs)

    def apply_async(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        countdown: Seconds | None = None,
        eta: datetime | None = None,
        expires: Seconds | datetime | None = None,
        **unknown: Never,
    ) -> sending.Handle:
        """Call the task in `countdown` (seconds or a timedelta) or at `eta`; it does not run from `expires` on.

        This is an ordinary call, inside or outside a worker; await the handle to wait until the broker has confirmed
        it. Inside a worker, the running task is settled only when its calls are confirmed.

        Raises:
            TypeError: the function does not take these arguments, they are not JSON, or there is no such option.
            ValueError: a time is out of bounds, or has no time zone.
            PublishError: the buffer of calls is full.

        """
        if unknown:
            raise unknown_options("apply_async", unknown)
        kwargs = {} if kwargs is None else kwargs
        check_signature(self.name, self.signature, args, kwargs)
        return sending.send(self.name, args, kwargs, countdown, eta, expires)

    def retry_delay(self, attempt: int) -> float:
        """Return the delay before the retry after this attempt, in seconds."""
        if self.retry_delays is None:
            return self.default_retry_delay
        return self.retry_delays[min(attempt, len(self.retry_delays)) - 1]

    async def run(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Run the function now, in this process; if it is not a coroutine function, in a thread.

        Raises:
            TimeLimitExceeded: it took longer than its time limit.

        """
        return await run_function(
            self.function, args, kwargs, task=self.name, is_async=self.is_async, limit=self.time_limit
        )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, for tests and for other tasks."""
        return self.function(*args, **kwargs)

    if not TYPE_CHECKING:  # a type checker finds what there is not by itself

        def __getattr__(self, name: str) -> Never:
            raise unknown_of_task(name)


AnyTask = Task[..., Any]


def instrumented_task(
    name: str,
    default_retry_delay: Seconds = 300.0,
    max_retries: int | None = None,
    *,
    retry_backoff: Seconds | bool | None = None,
    retry_backoff_max: Seconds = BACKOFF_MAX,
    retry_schedule: Sequence[Seconds] | None = None,
    time_limit: Seconds | None = None,
    max_running: int | None = None,
    **unknown: Never,
) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a task of a function. Its runs are counted and timed; failures are logged, and retried as `@retry` says.

    All delays and `time_limit` are in seconds, or a timedelta. `retry_backoff=2` waits 2, 4, 8, … up to
    `retry_backoff_max`; True means 1. `retry_schedule` has the delay before each retry. A worker adds up to 20 % to
    each delay. Without `max_retries` there are as many retries as the schedule has delays, else 5. `max_running` bounds
    the runs at once on a worker.

    Raises:
        TypeError: it is not used as a decorator of a function must be, or the function is a generator, whose body
            nobody would run.
        ValueError: another function has this name, a number is out of bounds, or a limit is not above 0.

    """
    if unknown:
        raise unknown_options("@instrumented_task", unknown)
    retries = MAX_RETRIES if max_retries is None else max_retries
    if not isinstance(name, str):
        check_task(name, None, default_retry_delay, retries)
    limit = check_limits(name, time_limit, max_running)

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        check_task(name, function, default_retry_delay, retries)
        waits = delays(retry_backoff, retry_backoff_max, retry_schedule, retries)
        most = len(retry_schedule) if retry_schedule and max_retries is None else retries
        if name in registry:
            check_same(name, registry[name].function, function)
        delay, policy = seconds_of(default_retry_delay, ""), policy_of(function)
        made = Task(name, function, delay, most, policy, limit, max_running, retry_delays=waits)
        registry[name] = made
        return made

    return decorate


def policy_of(function: Callable[..., Any]) -> RetryPolicy:
    """Return the policy that `@retry` gave to a function."""
    found: RetryPolicy = getattr(function, "__retry_policy__", RetryPolicy())
    return found


class FanOut(Task[..., Any]):
    """A built-in task that causes deliveries: its function is a coroutine function that returns them."""

    __slots__ = ()
    is_governed: ClassVar[bool] = True


def fan_out(name: str, max_retries: int = 3) -> Callable[[Callable[..., Awaitable[list[Delivery]]]], FanOut]:
    """Make a fan-out of a function."""

    def decorate(function: Callable[..., Awaitable[list[Delivery]]]) -> FanOut:
        made = FanOut(name, function, max_retries=max_retries, policy=policy_of(function))
        registry[name] = made
        return made

    return decorate


@dataclass(frozen=True, slots=True)
class NextTask:
    """A call that is decided now and made later, when all else has succeeded (as in Sentry's relocation tasks)."""

    task: AnyTask
    args: Sequence[Any] = ()
    countdown: Seconds | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.task, Task):
            raise TypeError(f"NextTask: needs a task, not {type(self.task).__name__}")

    def schedule(self) -> sending.Handle:
        """Make the call."""
        return self.task.apply_async(self.args, countdown=self.countdown)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a fan-out returns for each hook: a call with its own id, which runs at once and by itself.

    `task` is the name of a delivery task, `event` its event, such as `issue.created`.
    """

    task: str
    hook_id: str
    args: Sequence[Any]
    event: str
