"""Ends a worker whose event loop is blocked, because nothing in the process can continue then.

It happens when a library holds the interpreter's lock while it waits for something that never comes. Then no Python
thread runs, so a thread of `faulthandler`, which is in C, ends the process.
"""

from __future__ import annotations

import asyncio
import faulthandler
import sys
from typing import TextIO

#: how long the loop may be blocked, and how often it resets the timer, in seconds
LONGEST, INTERVAL = 120.0, 5.0


class Watchdog:
    """Ends the process with exit code 1 and prints the stacks of all threads when the loop is blocked.

    This includes a process that was stopped (SIGSTOP) that long and continues: it has lost its partitions.
    """

    def __init__(self, file: TextIO = sys.stderr) -> None:
        self._file = file

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            while True:
                faulthandler.dump_traceback_later(LONGEST, file=self._file, exit=True)
                await asyncio.sleep(INTERVAL)
        finally:
            faulthandler.cancel_dump_traceback_later()
