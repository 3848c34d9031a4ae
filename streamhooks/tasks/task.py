"""Tasks and their calls: `@instrumented_task`, `.delay()`, `.apply_async()`, `NextTask` (Sentry's names).

`@fan_out` makes a built-in task that causes deliveries.
Why: docs/decisions/0014-tasks-on-the-wire.md, docs/decisions/0015-process-wide-registry.md.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from streamhooks.tasks import sending
from streamhooks.tasks.retry import RetryPolicy, delays
from streamhooks.tasks.time_limits import run_function

#: how many retries a task has by default
MAX_RETRIES = 5
#: the longest delay of a back-off by default, in seconds, as in Celery
BACKOFF_MAX = 600.0

#: every task that was defined, by name
registry: dict[str, Task] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A function that workers run, called from anywhere.

    `default_retry_delay` is in seconds; `max_retries=5` means 6 runs. A run is a failure after `time_limit` seconds.
    At most `max_running` runs take place at once on a worker, by default as `tasks.places` decides.
    """

    name: str
    function: Callable[..., Any]
    default_retry_delay: float = 300.0
    max_retries: int = 5
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    time_limit: float | None = None
    max_running: int | None = None
    retry_delays: tuple[float, ...] | None = None
    """The seconds before each retry, the last of them for all further ones; None: always `default_retry_delay`."""
    is_async: bool = field(init=False)
    #: whether the settings about retries apply to it
    is_governed: ClassVar[bool] = False

    def __post_init__(self) -> None:
        # Computed once: it takes longer than all the rest of a call of a coroutine function.
        object.__setattr__(self, "is_async", inspect.iscoroutinefunction(self.function))

    def delay(self, *args: Any, **kwargs: Any) -> sending.Handle:
        """Call the task as soon as possible; see `apply_async`."""
        return self.apply_async(args, kwargs)

    def apply_async(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        countdown: float | None = None,
    ) -> sending.Handle:
        """Call the task in `countdown` seconds.

        This is an ordinary call, inside or outside a worker; await the handle to wait until the broker has confirmed
        it. Inside a worker, the running task is settled only when its calls are confirmed.

        Raises:
            TypeError: the arguments are not JSON.

        """
        return sending.send(self.name, list(args), dict(kwargs or {}), countdown or 0.0)

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

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself, for tests and for other tasks."""
        return self.function(*args, **kwargs)


def instrumented_task(
    name: str,
    default_retry_delay: float = 300.0,
    max_retries: int | None = None,
    *,
    retry_backoff: float | bool | None = None,
    retry_backoff_max: float = BACKOFF_MAX,
    retry_schedule: Sequence[float] | None = None,
    time_limit: float | None = None,
    max_running: int | None = None,
) -> Callable[[Callable[..., Any]], Task]:
    """Make a task of a function. Its runs are counted and timed; failures are logged, and retried as `@retry` says.

    All delays and `time_limit` are in seconds. `retry_backoff=2` waits 2, 4, 8, … up to `retry_backoff_max`; True means
    1. `retry_schedule` has the delay before each retry. A worker adds up to 20 % to each delay. Without `max_retries`
    there are as many retries as the schedule has delays, else 5. `max_running` bounds the runs at once on a worker.

    Raises:
        TypeError: the function is a generator, whose body nobody would run.
        ValueError: another function has this name, a delay is not possible, or a limit is not above 0.

    """
    check_limits(name, time_limit, max_running)
    if max_retries is None:
        max_retries = len(retry_schedule) if retry_schedule else MAX_RETRIES
    waits = delays(retry_backoff, retry_backoff_max, retry_schedule, max_retries)

    def decorate(function: Callable[..., Any]) -> Task:
        if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
            raise TypeError(
                f"the function of the task {name!r} is a generator: it has a `yield`, which no task may have"
            )
        known = registry.get(name)
        if known is not None and known.function.__qualname__ != function.__qualname__:
            raise ValueError(f"there is another task named {name!r}")
        policy = policy_of(function)
        registry[name] = Task(
            name, function, default_retry_delay, max_retries, policy, time_limit, max_running, retry_delays=waits
        )
        return registry[name]

    return decorate


def check_limits(name: str, time_limit: float | None, max_running: int | None) -> None:
    """Raise ValueError unless the limits of a task are above 0, and TypeError unless they are numbers."""
    for what, value, kinds in (("time_limit", time_limit, (int, float)), ("max_running", max_running, (int,))):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise TypeError(f"{what} of the task {name!r} must be a number, not {type(value).__name__}")
        if not 0 < value < math.inf:
            raise ValueError(f"{what} of the task {name!r} must be above 0")


def policy_of(function: Callable[..., Any]) -> RetryPolicy:
    """Return the policy that `@retry` gave to a function."""
    found: RetryPolicy = getattr(function, "__retry_policy__", RetryPolicy())
    return found


class FanOut(Task):
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

    task: Task
    args: Sequence[Any] = ()
    countdown: float | None = None

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
