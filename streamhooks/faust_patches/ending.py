"""An end for a worker that is stopping, whatever Faust waits for.

Leaving the group, and closing clients, wait for a Kafka that is away without a limit: such a worker had to be killed.

Both functions may be called by a handler of signals, in the middle of whatever a thread does: so no `threading.Thread`,
whose start holds a lock that the thread which was interrupted may have.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import sys
import time
from collections.abc import Callable

#: how much longer than the grace time a stop may take, in seconds
BEYOND_GRACE = 10.0


def end_within(seconds: float, exit_code: Callable[[], int]) -> None:
    """End the process with `exit_code()` after this time, if it is still there.

    What is not committed by then is done again by the next owner, as after a kill.
    """

    def end() -> None:
        time.sleep(seconds)
        end_now(exit_code(), f"the stop was not done within {seconds:g} s, Kafka is away perhaps: ended without it")

    _thread.start_new_thread(end, ())


def end_now(code: int, why: str | None = None) -> None:
    """End the process, whatever it is doing, with a line that says why."""
    # Apart: whoever reads our log may be what hangs.
    told = _thread.allocate_lock()
    told.acquire()
    _thread.start_new_thread(_tell, (why, told.release))
    told.acquire(timeout=1.0)
    os._exit(code)


def _tell(why: str | None, then: Callable[[], None]) -> None:
    if why:
        print(f"streamhooks: {why}", file=sys.stderr)  # noqa: T201 - logging may wait for what hangs
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    then()
