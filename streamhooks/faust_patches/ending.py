"""A time limit for a stopping worker, whatever Faust waits for.

While Kafka is away, leaving the group and closing clients wait without a limit: such a worker had to be killed.

Signal handlers may call both functions in the middle of anything. So they don't use `threading.Thread`: its start
takes a lock that the interrupted thread may hold.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import sys
import time
from collections.abc import Callable

#: how long a stop may take after the grace time, in seconds
BEYOND_GRACE = 10.0


def end_within(seconds: float, exit_code: Callable[[], int]) -> None:
    """End the process with `exit_code()` if it still runs after this time.

    The next owner repeats what is not committed by then, as after a kill.
    """

    def end() -> None:
        time.sleep(seconds)
        end_now(exit_code(), f"the stop took longer than {seconds:g} s, perhaps since Kafka is away: ended anyway")

    _thread.start_new_thread(end, ())


def end_now(code: int, why: str | None = None) -> None:
    """End the process, whatever it is doing; print why, if given."""
    # In another thread, since the reader of our output may be what hangs.
    printed = _thread.allocate_lock()
    printed.acquire()
    _thread.start_new_thread(_print, (why, printed.release))
    printed.acquire(timeout=1.0)
    os._exit(code)


def _print(why: str | None, then: Callable[[], None]) -> None:
    if why:
        print(f"streamhooks: {why}", file=sys.stderr)  # noqa: T201 - logging may wait for what hangs
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    then()
