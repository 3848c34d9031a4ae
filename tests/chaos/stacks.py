"""What a worker does that does not react: the stacks of its threads, by `faulthandler`."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

#: has Python write all stacks to its standard error at SIGABRT, in C, whatever holds its interpreter; then it ends
ENVIRONMENT = {"PYTHONFAULTHANDLER": "1"}
#: seconds that this may take
_WRITTEN = 10.0


def end_with_stacks(pid: int, log: Path, running: Callable[[], bool]) -> str:
    """Have a process end with SIGABRT, and return what it wrote to its log meanwhile; it may be running even then."""
    begun = log.stat().st_size
    os.kill(pid, signal.SIGABRT)
    until = time.monotonic() + _WRITTEN
    while running() and time.monotonic() < until:
        time.sleep(0.05)
    with log.open("rb") as lines:
        lines.seek(begun)
        return lines.read().decode(errors="replace")
