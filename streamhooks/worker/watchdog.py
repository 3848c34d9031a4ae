"""Ends a worker whose event loop stands still: whatever holds it up, nothing in the process can go on.

It happens where a library waits with the interpreter's lock, for something that never comes. Then no thread of ours
runs, so what ends it must not need the interpreter: a thread of `faulthandler`, in C.
"""

from __future__ import annotations

import asyncio
import faulthandler
import sys
from typing import TextIO

#: how long the loop may stand still, and how often it says that it runs, in seconds
LONGEST, INTERVAL = 120.0, 5.0


class Watchdog:
    """Ends the process with exit code 1, and the stacks of all threads, when the loop stands still.

    Also one that was stopped (SIGSTOP) for so long, when it goes on: its partitions are somebody else's.
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
