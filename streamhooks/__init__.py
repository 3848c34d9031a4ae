"""streamhooks: webhooks straight from Kafka.

`faust -A streamhooks worker` starts a worker. Importing this package builds no app and reads no environment: the app
is made when somebody asks for `streamhooks.app`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from streamhooks.errors import NotConfirmed, PublishError
from streamhooks.tasks.context import RunningCall, current_call
from streamhooks.tasks.middleware import middleware
from streamhooks.tasks.retry import RetryTaskError, retry
from streamhooks.tasks.sending import Handle, flush
from streamhooks.tasks.task import NextTask, Task, instrumented_task
from streamhooks.tasks.time_limits import TimeLimitExceeded

if TYPE_CHECKING:
    from streamhooks.faust_patches.app import App

    app: App

__all__ = [
    "Handle",
    "NextTask",
    "NotConfirmed",
    "PublishError",
    "RetryTaskError",
    "RunningCall",
    "Task",
    "TimeLimitExceeded",
    "app",
    "current_call",
    "flush",
    "instrumented_task",
    "middleware",
    "retry",
]


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from streamhooks.faust_patches import signals

    signals.handle(signals.end_at_once)  # before the imports, which take a second
    from streamhooks.errors import Refusal
    from streamhooks.worker.bootstrap import build_app

    try:
        globals()["app"] = build_app()
    except Refusal as refusal:
        sys.exit(f"streamhooks: {refusal}")
    return globals()["app"]
