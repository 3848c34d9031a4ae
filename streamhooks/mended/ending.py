"""An end for a worker that is stopping, whatever Faust waits for.

Leaving the group, and closing clients, wait for a Kafka that is away without a limit: such a worker had to be killed.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

#: how much longer than the grace time a stop may take, in seconds
BEYOND_GRACE = 10.0


def end_within(seconds: float, exit_code: Callable[[], int]) -> threading.Timer:
    """End the process with `exit_code()` after this time, unless the timer that is returned is cancelled.

    What is not committed by then is done again by the next owner, as after a kill.
    """

    def end() -> None:
        text = f"streamhooks: the stop was not done within {seconds:g} s, Kafka is away perhaps: ended without it"
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - logging may wait for what hangs
        os._exit(exit_code())

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    return timer
