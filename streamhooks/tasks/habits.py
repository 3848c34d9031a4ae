"""What people write who come from Celery: the error names what to write instead. docs/tasks.md has the whole table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

_ALWAYS: Final = "it is always so, leave it out"
_JSON: Final = "arguments are JSON"
_CHAIN: Final = "call the next task at the end of this one"
_RESULT: Final = "return values are not kept: write them where they are needed"
_HANDLE: Final = "return values are not kept, and result(timeout) waits until the call is stored"
_ROUTE: Final = "start some workers with its module only, others without it"
_SELF: Final = "current_call() tells of the running call"
_SEEN: Final = "see `streamhooks tasks show <id>`"
_ON: Final = "write @retry(on=…) below @instrumented_task"

_OPTIONS: Final[Mapping[str, str]] = {
    "acks_late": _ALWAYS,
    "acks_on_failure_or_timeout": _ALWAYS,
    "reject_on_worker_lost": _ALWAYS,
    "retry_jitter": _ALWAYS,
    "autoretry_for": _ON,
    "dont_autoretry_for": "write @retry(exclude=…) below @instrumented_task",
    "retry_kwargs": "max_retries and default_retry_delay are options of their own",
    "throws": "write @retry(ignore=…) below @instrumented_task",
    "base": "@middleware runs around each run",
    "bind": _SELF,
    "ignore_result": _RESULT,
    "store_errors_even_if_ignored": _RESULT,
    "track_started": _SEEN,
    "trail": _SEEN,
    "soft_time_limit": "time_limit ends a coroutine function by an exception",
    "rate_limit": "max_running bounds its runs at once, countdown spreads its calls",
    "serializer": _JSON,
    "compression": _JSON,
    "queue": _ROUTE,
    "exchange": _ROUTE,
    "routing_key": _ROUTE,
    "priority": "calls of a task start in the order of their time, and tasks take turns",
    "task_id": "each call gets an id, handle.id; for what must be done once, pass a key of your own",
    "retry": "a call waits for Kafka by itself",
    "retry_policy": "a call waits for Kafka by itself",
    "link": _CHAIN,
    "link_error": "call the next task in the `except` of this one",
}
_OF_TASKS: Final[Mapping[str, str]] = {
    "retry": "raise RetryTaskError(countdown=…)",
    "request": _SELF,
    "apply": "use streamhooks.testing.LocalWorker, or call the function itself",
    "AsyncResult": _RESULT,
    "update_state": _RESULT,
    **dict.fromkeys(("delay_on_commit", "apply_async_on_commit"), "use transaction.on_commit(lambda: task.delay(…))"),
    **dict.fromkeys(("s", "si", "subtask", "chain", "chunks", "map", "starmap"), _CHAIN),
    **dict.fromkeys(("send", "kiq", "kicker", "defer", "defer_async", "enqueue"), "use delay(…) or apply_async(…)"),
}
_OF_CALLS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("get", "wait", "wait_result", "ready", "successful", "failed"), _HANDLE),
    **dict.fromkeys(("status", "state", "info", "traceback"), _SEEN),
    **dict.fromkeys(("revoke", "abort", "forget"), "use `streamhooks tasks drop <id>`"),
}


def unknown_options(where: str, names: Iterable[str]) -> TypeError:
    """Return the error for options that there are not."""
    name = next(iter(names))
    return TypeError(f"{where}: there is no option {name!r}{_instead(_OPTIONS, name)}")


def unknown_of_task(name: str) -> AttributeError:
    """Return the error for an attribute that a task does not have."""
    return AttributeError(f"a task has no {name!r}{_instead(_OF_TASKS, name)}")


def unknown_of_call(name: str) -> AttributeError:
    """Return the error for an attribute that the handle of a call does not have."""
    return AttributeError(f"a call has no {name!r}{_instead(_OF_CALLS, name)}")


def _instead(known: Mapping[str, str], name: str) -> str:
    return f": {known[name]} (docs/tasks.md)" if name in known else " (docs/tasks.md)"
